"""W&B's callback for Stable-Baselines3."""

from __future__ import annotations

import os

import gitruns
from gitruns._messages import warn_once
from gitruns.integrations._current import guarded
from gitruns.integrations.stable_baselines3 import GitrunsCallback


class WandbCallback(GitrunsCallback):
    """GitrunsCallback with W&B's arguments.

    The model is saved to model_save_path, and kept with the run.
    """

    def __init__(
        self,
        verbose: int = 0,
        model_save_path: str | None = None,
        model_save_freq: int = 0,
        gradient_save_freq: int = 0,
        log: str | None = "all",
    ) -> None:
        if log not in ("gradients", "parameters", "all", None):
            warn_once(
                ("wandb", "sb3", log), f"log must be 'gradients', 'parameters', 'all' or None, got {log!r}; used 'all'"
            )
            log = "all"
        if model_save_path is None and model_save_freq:
            raise ValueError("model_save_freq requires model_save_path")
        super().__init__(
            verbose=verbose,
            save_model=model_save_path is not None,
            save_freq=model_save_freq,
            watch=log if gradient_save_freq > 0 else None,
            watch_freq=gradient_save_freq or 1000,
        )
        self.model_save_path = model_save_path
        if model_save_path is not None:
            os.makedirs(model_save_path, exist_ok=True)
            self.path = os.path.join(model_save_path, "model.zip")

    @guarded
    def _save(self) -> None:
        self.model.save(self.path)
        gitruns.save(self.path, base_path=self.model_save_path)
