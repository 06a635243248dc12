"""Recording from LightGBM: a callback for train(), cv() and the estimators, and a summary of a trained model.

import gitruns, lightgbm
from gitruns.integrations.lightgbm import gitruns_callback, log_summary

with gitruns.init(project="penguins"):
    model = lightgbm.train(params, data, valid_sets=[valid], callbacks=[gitruns_callback()])
    log_summary(model)
"""

from __future__ import annotations

import os
from typing import Any

import gitruns

from ._current import current, guarded, set_params


class _Callback:
    """What gitruns_callback returns. LightGBM reads order and before_iteration of it."""

    order = 20  # before early stopping, which ends the calls of an iteration
    before_iteration = False

    def __init__(self, run: Any, prefix: str, period: int, log_params: bool) -> None:
        self._given = run
        self._prefix = prefix
        self._period = period
        self._log_params = log_params
        self._run: Any = None
        self._known: set[Any] = set()

    def __call__(self, env: Any) -> None:
        if self._run is None or env.iteration == env.begin_iteration:
            self._run = current(self._given, "training with gitruns_callback()")
            self._known = set()
            if self._log_params:
                self._params(env.params)
        self._iteration(env)

    @guarded
    def _params(self, params: dict[str, Any]) -> None:
        set_params(self._run, "lightgbm", dict(params))

    @guarded
    def _iteration(self, env: Any) -> None:
        last = env.iteration + 1 == env.end_iteration
        if (env.iteration - env.begin_iteration) % self._period and not last:
            return
        row = {}
        for result in env.evaluation_result_list or ():
            # A tuple of 4, of 5 in cv(), or an EvalResult, whose fifth is None where it is no result of cv().
            data, metric, value, maximize = result[0], result[1], result[2], result[3]
            key = f"{self._prefix}{data}/{metric}".replace("cv_agg/", "cv/").replace(" ", "/")
            row[key] = float(value)
            std = result[4] if len(result) > 4 else None
            if std is not None:
                row[key + "_std"] = float(std)
            if key not in self._known:
                self._known.add(key)
                self._run.define_metric(key, goal="maximize" if maximize else "minimize")
        if row:
            self._run.log(row, step=env.iteration)


def gitruns_callback(run: Any = None, *, prefix: str = "", period: int = 1, log_params: bool = True) -> Any:
    """A callback that records the metrics of each iteration as `<data>/<metric>`, of cv() with `…_std` beside the mean.

    run: the run to record to (default the active one, or that of the Optuna trial). prefix stands before the keys: for
    several trainings in one run. period: every how many iterations. log_params: the params go into the config table `lightgbm`. Whether a
    large value is better is recorded as LightGBM says it. The first call raises gitruns.Error where there is no run.
    """
    if period < 1:
        raise ValueError(f"period is {period}; give 1 or more")
    return _Callback(run, prefix, period, log_params)


def log_summary(
    model: Any, run: Any = None, *, prefix: str = "", importance: str | None = "gain", save_model: bool = False
) -> None:
    """Record what a trained model came to: best_iteration and best_score in the summary, feature importance as a table.

    model is a Booster, a CVBooster or a fitted estimator. importance: "gain", "split" or None. save_model keeps the model as
    model.txt. Raises gitruns.Error without a run, TypeError for what is no model of LightGBM.
    """
    run = current(run, "log_summary()")
    model = getattr(model, "booster_", model)
    boosters = getattr(model, "boosters", None)
    if boosters is None and not hasattr(model, "feature_importance"):
        raise TypeError(f"log_summary: a {type(model).__name__} is no trained model of LightGBM")
    _summarise(model, run, prefix, importance if boosters is None else None, save_model and boosters is None)


@guarded
def _summarise(model: Any, run: Any, prefix: str, importance: str | None, save_model: bool) -> None:
    values: dict[str, Any] = {}
    if model.best_iteration is not None and model.best_iteration > 0:
        values[prefix + "best_iteration"] = int(model.best_iteration)
    scores = getattr(model, "best_score", None)
    if scores:
        values[prefix + "best_score"] = {
            data: {metric: float(v) for metric, v in metrics.items()} for data, metrics in scores.items()
        }
    if values:
        run.summary.update(values)
    if run.disabled:
        return
    if importance:
        weights = model.feature_importance(importance_type=importance)
        rows = sorted(([name, float(w)] for name, w in zip(model.feature_name(), weights)), key=lambda r: -r[1])
        run.log(
            {prefix + "feature_importance": gitruns.Table(columns=["feature", importance], data=rows)}, commit=False
        )
    if save_model:
        model.save_model(os.path.join(run.dir, prefix.replace("/", "_") + "model.txt"))
