"""W&B's callback for CatBoost: the keys are `<data>-<metric>`."""

from __future__ import annotations

from typing import Any

from gitruns.integrations import catboost as own


class WandbCallback(own.GitrunsCallback):
    """GitrunsCallback with W&B's arguments and keys."""

    _separator = "-"

    def __init__(self, metric_period: int = 1) -> None:
        super().__init__()
        self._period = metric_period

    def _log(self, row: dict[str, Any], step: int) -> None:
        super()._log({**row, f"iteration@metric-period-{self._period}": step}, step)


def log_summary(
    model: Any,
    log_all_params: bool = True,
    save_model_checkpoint: bool = False,
    log_feature_importance: bool = True,
) -> None:
    """Record the results of a trained model."""
    own.log_summary(model, params=log_all_params, importance=log_feature_importance, save_model=save_model_checkpoint)
