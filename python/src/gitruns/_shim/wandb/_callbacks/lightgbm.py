"""W&B's callback for LightGBM: the keys are `<data>_<metric>`."""

from __future__ import annotations

from typing import Any

from gitruns.integrations import lightgbm as own


class _Callback(own._Callback):
    separator = "_"


def wandb_callback(log_params: bool = True, define_metric: bool = True) -> Any:
    """Return the callback with W&B's arguments.

    Goals are set whatever define_metric is.
    """
    return _Callback(None, "", 1, log_params)


def log_summary(model: Any, feature_importance: bool = True, save_model_checkpoint: bool = False) -> None:
    """Record the results of a trained model."""
    own.log_summary(model, importance="gain" if feature_importance else None, save_model=save_model_checkpoint)
