"""W&B's callback for xgboost: the keys are `<data>-<metric>`."""

from __future__ import annotations

from typing import Any

from gitruns._messages import warn_once
from gitruns.integrations.xgboost import GitrunsCallback


class WandbCallback(GitrunsCallback):
    """GitrunsCallback with W&B's arguments. Goals are set whatever define_metric is."""

    _separator = "-"

    def __init__(
        self,
        log_model: bool = False,
        log_feature_importance: bool = True,
        importance_type: str = "gain",
        define_metric: bool = True,
    ) -> None:
        importance = importance_type if log_feature_importance else None
        super().__init__(importance=importance, save_model=log_model)


def wandb_callback() -> Any:
    """Return a WandbCallback: xgboost no longer takes functions as callbacks."""
    warn_once(("wandb", "xgboost"), "wandb_callback() is deprecated in W&B: use WandbCallback()")
    return WandbCallback()
