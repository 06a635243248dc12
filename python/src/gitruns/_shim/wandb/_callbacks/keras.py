"""W&B's callbacks for Keras: the keys are `epoch/<metric>` and `batch/<metric>`."""

from __future__ import annotations

import os
from typing import Any

import gitruns
from gitruns._messages import warn_once
from gitruns.integrations import keras as own
from gitruns.integrations._current import current, guarded

if own.Callback.__module__.startswith("tf_keras"):  # type: ignore[attr-defined]
    from tf_keras.callbacks import Callback, ModelCheckpoint
else:
    from keras.callbacks import Callback, ModelCheckpoint


class WandbMetricsLogger(own.GitrunsMetricsLogger):
    """GitrunsMetricsLogger with W&B's arguments and keys."""

    _epoch = "epoch/"

    def __init__(self, log_freq: str | int = "epoch", initial_global_step: int = 0, *args: Any, **kwargs: Any) -> None:
        super().__init__(log_freq, initial_global_step)


class WandbModelCheckpoint(ModelCheckpoint):  # type: ignore[misc]
    """Keras' ModelCheckpoint.

    Each file that it writes is kept as an artifact of type model.
    """

    def __init__(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(filepath, *args, **kwargs)
        self._kept: dict[str, tuple[int, int]] = {}

    def _save_model(self, *args: Any, **kwargs: Any) -> None:
        super()._save_model(*args, **kwargs)
        self._keep(kwargs.get("epoch", args[0] if args else 0), kwargs.get("batch"), kwargs.get("logs"))

    @guarded
    def _keep(self, epoch: int, batch: int | None, logs: Any) -> None:
        path = os.fspath(self._get_file_path(epoch=epoch, batch=batch, logs=logs))
        if not os.path.isfile(path):
            return
        info = os.stat(path)
        written = (info.st_mtime_ns, info.st_size)
        if self._kept.get(path) == written:
            return
        self._kept[path] = written
        run = current(None, "fit() with WandbModelCheckpoint")
        aliases = ["latest", f"epoch_{epoch}" + (f"_batch_{batch}" if batch is not None else "")]
        run.log_artifact(path, name=f"run_{run.id}_model", type="model", aliases=aliases)


class WandbEvalCallback(Callback):  # type: ignore[misc]
    """The base of callbacks that record tables of samples and predictions.

    A subclass implements add_ground_truth() and add_model_predictions().
    """

    def __init__(self, data_table_columns: list[str], pred_table_columns: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.data_table_columns = data_table_columns
        self.pred_table_columns = pred_table_columns
        self._at = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Make and record the table of samples."""
        self.init_data_table(column_names=self.data_table_columns)
        self.add_ground_truth(logs)
        self.log_data_table()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Make and record the table of predictions."""
        self._at = epoch
        self.init_pred_table(column_names=self.pred_table_columns)
        self.add_model_predictions(epoch, logs)
        self.log_pred_table()

    def add_ground_truth(self, logs: dict[str, Any] | None = None) -> None:
        """Add the samples to self.data_table."""
        raise NotImplementedError(f"{type(self).__name__}.add_ground_truth")

    def add_model_predictions(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the predictions to self.pred_table."""
        raise NotImplementedError(f"{type(self).__name__}.add_model_predictions")

    def init_data_table(self, column_names: list[str]) -> None:
        """Make self.data_table."""
        self.data_table = gitruns.Table(columns=column_names, allow_mixed_types=True)

    def init_pred_table(self, column_names: list[str]) -> None:
        """Make self.pred_table."""
        self.pred_table = gitruns.Table(columns=column_names)

    @guarded
    def log_data_table(self, name: str = "val", type: str = "dataset", table_name: str = "val_data") -> None:
        """Record self.data_table under table_name. data_table_ref is the same table."""
        self.data_table_ref = self.data_table
        gitruns.log({table_name: self.data_table}, commit=False)

    @guarded
    def log_pred_table(
        self, type: str = "evaluation", table_name: str = "eval_data", aliases: list[str] | None = None
    ) -> None:
        """Record self.pred_table under table_name, at the epoch."""
        gitruns.log({table_name: self.pred_table}, step=self._at)


class WandbCallback(own.GitrunsCallback):
    """W&B's callback of 2023 and before.

    It records metrics by their own names, and the best model. Sample predictions, gradients and weights are not
    recorded.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        verbose: int = 0,
        mode: str = "auto",
        save_weights_only: bool = False,
        log_weights: bool = False,
        log_gradients: bool = False,
        save_model: bool = True,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            checkpoint="best" if save_model else None, monitor=monitor, mode=mode, weights_only=save_weights_only
        )
        left = [name for name, value in sorted(kwargs.items()) if value not in (None, False) and name in _LEFT]
        left += ["log_weights"] * bool(log_weights) + ["log_gradients"] * bool(log_gradients)
        if left:
            warn_once(
                ("wandb", "keras"),
                f"WandbCallback does not record what {', '.join(left)} asks for; log it with gitruns.log()",
            )


# Arguments of WandbCallback that ask for something to be recorded.
_LEFT = (
    "training_data",
    "validation_data",
    "generator",
    "input_type",
    "output_type",
    "log_evaluation",
    "validation_steps",
    "log_batch_frequency",
    "compute_flops",
)
