"""A callback for CatBoost's fit(), and a function for the summary of a trained model.

import catboost, gitruns
from gitruns.integrations.catboost import GitrunsCallback, log_summary

with gitruns.init(project="penguins"):
    model = catboost.CatBoostRegressor(iterations=100)
    model.fit(train, eval_set=valid, callbacks=[GitrunsCallback()])
    log_summary(model)
"""

from __future__ import annotations

import os
from typing import Any

import gitruns

from ._current import best_values, current, guarded, set_params


class GitrunsCallback:
    """Records the metrics that CatBoost computes as `<data>/<metric>`.

    The first iteration is step 1, as in CatBoost's output. fit() raises gitruns.Error if there is no run.

    Args:
        run: The run to record to. The default is the run of the Optuna trial, or the active run.
        prefix: A prefix for all keys, for several trainings in one run.
    """

    _separator = "/"

    def __init__(self, run: Any = None, *, prefix: str = "") -> None:
        self._given = run
        self._run: Any = None
        self._prefix = prefix
        self._values = 0

    def after_iteration(self, info: Any) -> bool:
        """Record what was computed in this iteration.

        Returns True, which lets the training continue.
        """
        if self._run is None or info.iteration <= 1:
            self._run = current(self._given, "fit() with GitrunsCallback")
            self._values = 0
        self._iteration(info)
        return True

    @guarded
    def _iteration(self, info: Any) -> None:
        values = sum(len(series) for metrics in info.metrics.values() for series in metrics.values())
        if values <= self._values:
            return
        self._values = values
        row = {
            f"{self._prefix}{data}{self._separator}{metric}": float(series[-1])
            for data, metrics in info.metrics.items()
            for metric, series in metrics.items()
        }
        self._log(row, info.iteration)

    def _log(self, row: dict[str, Any], step: int) -> None:
        self._run.log(row, step=step)


def log_summary(
    model: Any,
    run: Any = None,
    *,
    prefix: str = "",
    params: bool = True,
    importance: bool = True,
    save_model: bool = False,
) -> None:
    """Record the results of a trained model.

    They are best_iteration, best_score, params and feature importance.

    Args:
        model: A trained model of CatBoost.
        run: The run to record to. The default is the run of the Optuna trial, or the active run.
        prefix: A prefix for all keys.
        params: Record all parameters of the model in the config table `catboost`.
        importance: Record the feature importance as a table.
        save_model: Keep the model as model.cbm.

    Raises:
        TypeError: model is not a model of CatBoost.
        gitruns.Error: There is no run.
    """
    run = current(run, "log_summary()")
    if not hasattr(model, "get_best_iteration") or not hasattr(model, "get_all_params"):
        raise TypeError(f"log_summary: model must be a trained CatBoost model, got {type(model).__name__}")
    _summarize(model, run, prefix, params, importance, save_model)


@guarded
def _summarize(model: Any, run: Any, prefix: str, params: bool, importance: bool, save_model: bool) -> None:
    if params:
        set_params(run, "catboost", model.get_all_params(), model.get_params())
    values = best_values(prefix, model.get_best_iteration(), model.get_best_score())
    if values:
        run.summary.update(values)
    if run.disabled:
        return
    if importance:
        frame = model.get_feature_importance(prettified=True)
        rows = [[str(name), float(w)] for name, w in zip(frame["Feature Id"], frame["Importances"])]
        run.log(
            {prefix + "feature_importance": gitruns.Table(columns=["feature", "importance"], data=rows)}, commit=False
        )
    if save_model:
        model.save_model(os.path.join(run.dir, prefix.replace("/", "_") + "model.cbm"))
