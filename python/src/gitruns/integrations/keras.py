"""Callbacks for Keras: metrics of epochs and batches, and the model's file.

    import gitruns, keras
    from gitruns.integrations.keras import GitrunsCallback

    with gitruns.init(project="penguins"):
        model.fit(x, y, validation_split=0.1, epochs=10, callbacks=[GitrunsCallback(checkpoint="best")])

For Keras 3, and for Keras 2 as tf_keras where that is what is imported.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from ._current import current, guarded, set_params

if "tf_keras" in sys.modules and "keras" not in sys.modules or os.environ.get("TF_USE_LEGACY_KERAS") == "1":
    try:
        from tf_keras.callbacks import Callback
    except ImportError:
        from keras.callbacks import Callback
else:
    try:
        from keras.callbacks import Callback
    except ImportError:
        from tensorflow.keras.callbacks import Callback


class GitrunsMetricsLogger(Callback):
    """Records what fit() and evaluate() measure, and the learning rate.

    log_freq: "epoch" records each epoch under Keras' own names (loss, val_loss, …, learning_rate) at the epoch as step.
    "batch", or a number n for every nth batch, records `batch/loss`, … and `batch/learning_rate` too; steps are then batches counted
    from initial_step, an epoch stands at its last batch with its number under `epoch`. What evaluate() finds outside fit() is
    `test/loss`, ….  prefix stands before all keys. run: the run to record to (default the active one, or that of the Optuna trial).
    log_params: epochs, steps, loss, optimizer and the model's size go into the config table `keras`.

    Raises ValueError for an unknown log_freq, gitruns.Error when fit() begins and there is no run.
    """

    def __init__(
        self,
        log_freq: str | int = "epoch",
        initial_step: int = 0,
        *,
        run: Any = None,
        prefix: str = "",
        log_params: bool = True,
    ) -> None:
        super().__init__()
        if log_freq not in ("epoch", "batch") and (
            isinstance(log_freq, (str, bool)) or not isinstance(log_freq, int) or log_freq < 1
        ):
            raise ValueError(f"log_freq is {log_freq!r}; give 'epoch', 'batch' or a number of batches")
        self._every = 0 if log_freq == "epoch" else 1 if log_freq == "batch" else int(log_freq)
        self._batch = initial_step
        self._given = run
        self._run: Any = None
        self._prefix = prefix
        self._log_params = log_params
        self._fitting = False
        self._at = 0
        if self._every:
            # Set only where it is wanted: Keras computes the logs of a batch for whoever listens.
            self.on_train_batch_end = self._on_batch

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Find the run; record what fit() was given."""
        self._run = current(self._given, "fit() with a Gitruns callback")
        self._fitting = True
        if self._log_params:
            self._about()

    @guarded
    def _about(self) -> None:
        params: dict[str, Any] = {
            k: v for k, v in (self.params or {}).items() if k in ("epochs", "steps", "batch_size") and v is not None
        }
        model = self.model
        params["model"] = {"name": model.name, "parameters": int(model.count_params()), "layers": len(model.layers)}
        optimizer = getattr(model, "optimizer", None)
        if optimizer is not None:
            # Its own name counts the optimizers of the process: adam_1.
            params["optimizer"] = {**optimizer.get_config(), "name": type(optimizer).__name__}
        loss = getattr(model, "loss", None)
        if loss is not None:
            params["loss"] = (
                loss
                if isinstance(loss, (str, dict, list))
                else getattr(loss, "name", None) or getattr(loss, "__name__", type(loss).__name__)
            )
        set_params(self._run, "keras", params)

    @guarded
    def _on_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        step = self._batch
        self._batch += 1
        if step % self._every:
            return
        row = {f"{self._prefix}batch/{k}": v for k, v in (logs or {}).items()}
        rate = self._rate()
        if rate is not None:
            row[self._prefix + "batch/learning_rate"] = rate
        self._run.log(row, step=step)

    def _rate(self) -> float | None:
        optimizer: Any = getattr(self.model, "optimizer", None)
        rate = getattr(optimizer, "learning_rate", None)
        if rate is None:
            return None
        if callable(rate) and not hasattr(rate, "numpy"):  # a schedule, in Keras 2
            try:
                rate = rate(optimizer.iterations)
            except TypeError:
                rate = rate()
        return float(rate)

    @guarded
    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Record the metrics of an epoch."""
        row = {self._prefix + k: v for k, v in (logs or {}).items()}
        if self._prefix + "learning_rate" not in row:
            rate = self._rate()
            if rate is not None:
                row[self._prefix + "learning_rate"] = rate
        if self._every:
            row[self._prefix + "epoch"] = epoch
        self._at = max(self._batch - 1, 0) if self._every else epoch
        self._run.log(row, step=self._at)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Training is over."""
        self._fitting = False

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Find the run of an evaluate() outside fit()."""
        if not self._fitting:
            self._run = current(self._given, "evaluate() with a Gitruns callback")

    @guarded
    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Record what evaluate() found; fit() has its validation in the epoch's logs."""
        if not self._fitting and logs:
            self._run.log({f"{self._prefix}test/{k}": v for k, v in logs.items()}, step=self._at)


class GitrunsModelCheckpoint(Callback):
    """Keeps the model's file with the run, as model-best.keras, model-last.keras or model-<epoch>.keras.

    save: "best" keeps the epoch with the best monitor, "last" the last one, "all" every epoch. mode: whether "min" or "max" of
    monitor is best; "auto" takes max where the name says accuracy, auc, precision, recall, f1 or score. weights_only keeps
    *.weights.h5. run: as for GitrunsMetricsLogger. A file is replaced in one move: a kill leaves the one before.
    The best epoch and value go to the summary as best_epoch and best_<monitor>.
    """

    def __init__(
        self,
        save: str = "best",
        monitor: str = "val_loss",
        mode: str = "auto",
        *,
        weights_only: bool = False,
        run: Any = None,
    ) -> None:
        super().__init__()
        if save not in ("best", "last", "all"):
            raise ValueError(f"save is {save!r}; give 'best', 'last' or 'all'")
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode is {mode!r}; give 'auto', 'min' or 'max'")
        self._save = save
        self._monitor = monitor
        self._max = (
            mode == "max"
            or mode == "auto"
            and any(w in monitor for w in ("acc", "auc", "precision", "recall", "f1", "score"))
        )
        self._weights = weights_only
        self._given = run
        self._run: Any = None
        self._best: float | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Find the run."""
        self._run = current(self._given, "fit() with a Gitruns callback")

    @guarded
    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the model where this epoch is to be kept."""
        word = self._save
        if word == "best":
            value = (logs or {}).get(self._monitor)
            if value is None:
                raise KeyError(
                    f"no {self._monitor} to choose the best epoch by; there are {', '.join(logs or ()) or 'none'}"
                )
            value = float(value)
            if value != value or self._best is not None and (value <= self._best if self._max else value >= self._best):
                return
            self._best = value
            self._run.summary.update({"best_epoch": epoch, "best_" + self._monitor: value})
        elif word == "all":
            word = f"{epoch:04d}"
        if self._run.disabled:
            return
        end = ".weights.h5" if self._weights else ".keras"
        path = os.path.join(self._run.dir, f"model-{word}{end}")
        part = os.path.join(os.path.dirname(self._run.dir), f"model-{os.getpid()}-part{end}")
        try:
            if self._weights:
                self.model.save_weights(part)
            else:
                self.model.save(part)
            os.replace(part, path)
        finally:
            if os.path.exists(part):
                os.remove(part)


class GitrunsCallback(GitrunsMetricsLogger):
    """GitrunsMetricsLogger, and with checkpoint ("best", "last" or "all") GitrunsModelCheckpoint, in one callback."""

    def __init__(
        self, log_freq: str | int = "epoch", initial_step: int = 0, *, run: Any = None, prefix: str = "", log_params: bool = True,
        checkpoint: str | None = None, monitor: str = "val_loss", mode: str = "auto", weights_only: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(log_freq, initial_step, run=run, prefix=prefix, log_params=log_params)
        self._keep = (
            GitrunsModelCheckpoint(checkpoint, monitor, mode, weights_only=weights_only, run=run)
            if checkpoint
            else None
        )

    def set_model(self, model: Any) -> None:
        """Called by Keras."""
        super().set_model(model)
        if self._keep is not None:
            self._keep.set_model(model)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Find the run; record what fit() was given."""
        super().on_train_begin(logs)
        if self._keep is not None:
            self._keep.on_train_begin(logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Record the metrics of an epoch, and keep the model."""
        super().on_epoch_end(epoch, logs)
        if self._keep is not None:
            self._keep.on_epoch_end(epoch, logs)
