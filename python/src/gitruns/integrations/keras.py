"""Callbacks for Keras: metrics of epochs and batches, and the file of the model.

    import gitruns, keras
    from gitruns.integrations.keras import GitrunsCallback

    with gitruns.init(project="penguins"):
        model.fit(x, y, validation_split=0.1, epochs=10, callbacks=[GitrunsCallback(checkpoint="best")])

They work with Keras 3, and with Keras 2 as tf_keras if the program imports that.
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
    """Records the metrics of fit() and evaluate(), and the learning rate.

    The keys of an epoch are Keras' own (loss, val_loss, learning_rate, …), those of a batch begin with `batch/`, and
    those of evaluate() outside fit() with `test/`. fit() raises gitruns.Error if there is no run.

    Args:
        log_freq: "epoch" records each epoch, with the epoch as step. "batch" also records every batch, and a number n
            every n-th batch. The steps are then batches. An epoch has the step of its last batch, and its number is
            recorded as `epoch`.
        initial_step: The step of the first batch.
        run: The run to record to. The default is the run of the Optuna trial, or the active run.
        prefix: A prefix for all keys.
        log_params: Record epochs, steps, loss, optimizer and the size of the model in the config table `keras`.

    Raises:
        ValueError: log_freq has another value.
    """

    _epoch = ""  # put before the keys of an epoch, after the prefix

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
            raise ValueError(f"log_freq must be 'epoch', 'batch' or a number of batches, got {log_freq!r}")
        self._every = 0 if log_freq == "epoch" else 1 if log_freq == "batch" else int(log_freq)
        self._batch = initial_step
        self._given = run
        self._run: Any = None
        self._prefix = prefix
        self._log_params = log_params
        self._fitting = False
        self._at = 0
        if self._every:
            # Set only if needed, because Keras computes the logs of a batch for every callback that has this method.
            self.on_train_batch_end = self._on_batch

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Find the run, and record the arguments of fit()."""
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
            # Its name in the config has a number: adam_1.
            params["optimizer"] = {**optimizer.get_config(), "name": type(optimizer).__name__}
        loss = getattr(model, "loss", None)
        if loss is not None:
            if not isinstance(loss, (str, dict, list)):
                loss = getattr(loss, "name", None) or getattr(loss, "__name__", type(loss).__name__)
            params["loss"] = loss
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
        prefix = self._prefix + self._epoch
        row = {prefix + k: v for k, v in (logs or {}).items()}
        if prefix + "learning_rate" not in row:
            rate = self._rate()
            if rate is not None:
                row[prefix + "learning_rate"] = rate
        if self._every or self._epoch:
            row[prefix + "epoch"] = epoch
        self._at = max(self._batch - 1, 0) if self._every else epoch
        self._run.log(row, step=self._at)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Note that the training is over."""
        self._fitting = False

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Find the run of an evaluate() outside fit()."""
        if not self._fitting:
            self._run = current(self._given, "evaluate() with a Gitruns callback")

    @guarded
    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Record the metrics of evaluate(). In fit() they are in the logs of the epoch."""
        if not self._fitting and logs:
            self._run.log({f"{self._prefix}test/{k}": v for k, v in logs.items()}, step=self._at)


class GitrunsModelCheckpoint(Callback):
    """Keeps the file of the model with the run.

    Its name is model-best.keras, model-last.keras or model-<epoch>.keras. A file is replaced atomically, so that a
    killed process leaves the previous one. The summary gets best_epoch and best_<monitor>.

    Args:
        save: "best" keeps the epoch with the best monitor, "last" the last epoch, "all" every epoch.
        monitor: The metric that decides which epoch is the best.
        mode: Whether the "min" or the "max" of monitor is the best. "auto" is max if the name contains acc, auc,
            precision, recall, f1 or score.
        weights_only: Keep *.weights.h5 instead of the whole model.
        run: The run to record to. The default is the run of the Optuna trial, or the active run.

    Raises:
        ValueError: save or mode has another value.
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
            raise ValueError(f"save must be 'best', 'last' or 'all', got {save!r}")
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode must be 'auto', 'min' or 'max', got {mode!r}")
        self._save = save
        self._monitor = monitor
        higher = any(name in monitor for name in ("acc", "auc", "precision", "recall", "f1", "score"))
        self._max = mode == "max" or mode == "auto" and higher
        self._weights = weights_only
        self._given = run
        self._run: Any = None
        self._best: float | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Find the run."""
        self._run = current(self._given, "fit() with a Gitruns callback")

    @guarded
    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the model, if this epoch is one to keep."""
        label = self._save
        if label == "best":
            value = (logs or {}).get(self._monitor)
            if value is None:
                known = ", ".join(logs or ()) or "no metrics"
                raise KeyError(f"the epoch has no {self._monitor}, which decides on the best epoch; it has {known}")
            value = float(value)
            if value != value or self._best is not None and (value <= self._best if self._max else value >= self._best):
                return
            self._best = value
            self._run.summary.update({"best_epoch": epoch, "best_" + self._monitor: value})
        elif label == "all":
            label = f"{epoch:04d}"
        if self._run.disabled:
            return
        extension = ".weights.h5" if self._weights else ".keras"
        path = os.path.join(self._run.dir, f"model-{label}{extension}")
        part = os.path.join(os.path.dirname(self._run.dir), f"model-{os.getpid()}-part{extension}")
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
    """GitrunsMetricsLogger and GitrunsModelCheckpoint in one callback.

    checkpoint is the argument save of GitrunsModelCheckpoint. It is None by default, which keeps no model. The other
    arguments are those of the two classes.
    """

    def __init__(
        self,
        log_freq: str | int = "epoch",
        initial_step: int = 0,
        *,
        run: Any = None,
        prefix: str = "",
        log_params: bool = True,
        checkpoint: str | None = None,
        monitor: str = "val_loss",
        mode: str = "auto",
        weights_only: bool = False,
    ) -> None:
        super().__init__(log_freq, initial_step, run=run, prefix=prefix, log_params=log_params)
        self._keep = (
            GitrunsModelCheckpoint(checkpoint, monitor, mode, weights_only=weights_only, run=run)
            if checkpoint
            else None
        )

    def set_model(self, model: Any) -> None:
        """Set the model. Keras calls this."""
        super().set_model(model)
        if self._keep is not None:
            self._keep.set_model(model)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Find the run, and record the arguments of fit()."""
        super().on_train_begin(logs)
        if self._keep is not None:
            self._keep.on_train_begin(logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Record the metrics of an epoch, and keep the model."""
        super().on_epoch_end(epoch, logs)
        if self._keep is not None:
            self._keep.on_epoch_end(epoch, logs)
