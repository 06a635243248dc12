"""W&B's callback for fastai 1. fastai 2 has its own, fastai.callback.wandb, which works with the shim as it is."""

from __future__ import annotations

import os
from typing import Any

from fastai.callbacks import TrackerCallback

import gitruns
from gitruns._messages import warn_once
from gitruns.integrations._current import current, guarded


class WandbCallback(TrackerCallback):  # type: ignore[misc]
    """Records the losses and metrics of each epoch, and keeps the best model.

    Sample predictions (input_type, validation_data, predictions) are not recorded.
    """

    _watched = False

    def __init__(
        self,
        learn: Any,
        log: str | None = "gradients",
        save_model: bool = True,
        monitor: str | None = None,
        mode: str = "auto",
        input_type: str | None = None,
        validation_data: list[Any] | None = None,
        predictions: int = 36,
        seed: int = 12345,
    ) -> None:
        self._run = current(None, "WandbCallback()")
        if monitor is None:
            super().__init__(learn, mode=mode)
        else:
            super().__init__(learn, monitor=monitor, mode=mode)
        self.save_model = save_model
        self.log = log
        self.best: Any = None
        self.path = os.path.join(self._run.dir, "bestmodel.pth")
        if input_type or validation_data:
            warn_once(("wandb", "fastai"), "WandbCallback records no sample predictions; log them as gitruns.Image")

    def on_train_begin(self, **kwargs: Any) -> None:
        """Watch the model, once."""
        super().on_train_begin(**kwargs)
        if self.log and not WandbCallback._watched:
            WandbCallback._watched = True
            self._run.watch(self.learn.model, log=self.log)

    @guarded
    def on_epoch_end(self, epoch: int, smooth_loss: Any, last_metrics: Any, **kwargs: Any) -> None:
        """Record the epoch, and keep the model if it is the best one."""
        if self.save_model and not self._run.disabled:
            value = self.get_monitor_value()
            if value is not None and self.operator(value, self.best):
                self.best = value
                with open(self.path, "wb") as f:
                    self.learn.save(f)
        row = dict(zip(self.learn.recorder.names, [epoch, smooth_loss, *(last_metrics or ())]))
        gitruns.log({name: value for name, value in row.items() if value is not None}, step=epoch)

    @guarded
    def on_train_end(self, **kwargs: Any) -> None:
        """Load the best model."""
        if self.save_model and os.path.isfile(self.path):
            with open(self.path, "rb") as f:
                self.learn.load(f, purge=False)
