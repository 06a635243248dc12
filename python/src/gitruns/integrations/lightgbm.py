"""A callback for LightGBM's train(), cv() and estimators, and a function for the summary of a trained model.

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

from ._current import best_values, current, guarded, set_params


class _Callback:
    """The callback that gitruns_callback returns.

    LightGBM reads its attributes order and before_iteration.
    """

    order = 20  # to run before early stopping, which skips the remaining callbacks of its iteration
    before_iteration = False
    separator = "/"

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
            # A tuple of 4, a tuple of 5 from cv(), or an EvalResult, whose fifth item is None except from cv().
            data, metric, value, maximize = result[0], result[1], result[2], result[3]
            parts = f"{data}/{metric}".replace("cv_agg/", "cv/").replace(" ", "/")
            key = self._prefix + parts.replace("/", self.separator)
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
    """Return a callback that records the metrics of each iteration.

    Their keys are `<data>/<metric>`. cv() gives the mean and, with `_std` added to the key, the standard deviation.
    The goal of a metric is the one that LightGBM reports. Training raises gitruns.Error if there is no run.

    Args:
        run: The run to record to. The default is the run of the Optuna trial, or the active run.
        prefix: A prefix for all keys, for several trainings in one run.
        period: Record only every n-th iteration, and the last one.
        log_params: Record the params in the config table `lightgbm`.

    Raises:
        ValueError: period is below 1.
    """
    if period < 1:
        raise ValueError(f"period must be 1 or more, got {period}")
    return _Callback(run, prefix, period, log_params)


def log_summary(
    model: Any, run: Any = None, *, prefix: str = "", importance: str | None = "gain", save_model: bool = False
) -> None:
    """Record the results of a trained model.

    They are best_iteration, best_score and feature importance.

    Args:
        model: A Booster, a CVBooster or a fitted estimator.
        run: The run to record to. The default is the run of the Optuna trial, or the active run.
        prefix: A prefix for all keys.
        importance: The kind of feature importance to record as a table: "gain", "split" or None.
        save_model: Keep the model as model.txt.

    Raises:
        TypeError: model is not a trained model of LightGBM.
        gitruns.Error: There is no run.
    """
    run = current(run, "log_summary()")
    model = getattr(model, "booster_", model)
    boosters = getattr(model, "boosters", None)
    if boosters is None and not hasattr(model, "feature_importance"):
        raise TypeError(f"log_summary: model must be a trained LightGBM model, got {type(model).__name__}")
    _summarize(model, run, prefix, importance if boosters is None else None, save_model and boosters is None)


@guarded
def _summarize(model: Any, run: Any, prefix: str, importance: str | None, save_model: bool) -> None:
    best = model.best_iteration
    values = best_values(prefix, best if best is not None and best > 0 else None, getattr(model, "best_score", None))
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
