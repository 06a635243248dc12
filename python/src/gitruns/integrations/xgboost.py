"""A callback for xgboost's train(), cv() and estimators.

import gitruns, xgboost
from gitruns.integrations.xgboost import GitrunsCallback

with gitruns.init(project="penguins"):
    xgboost.train(params, data, 100, evals=[(data, "train"), (valid, "valid")], callbacks=[GitrunsCallback()])
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any

import xgboost
from xgboost.callback import TrainingCallback

import gitruns

from ._current import current, guarded, set_params

# Metrics of xgboost that need a goal, because their names do not show whether a high value is better.
_MAX = ("aucpr", "pre", "map", "ndcg", "auc", "interval-regression-accuracy")
_MIN = (
    "merror",
    "mlogloss",
    "mphe",
    "quantile",
    "expectile",
    "gamma-nloglik",
    "poisson-nloglik",
    "cox-nloglik",
    "aft-nloglik",
    "tweedie-nloglik",
)


class GitrunsCallback(TrainingCallback):
    """Records the metrics of each boosting round as `<data>/<metric>`.

    cv() gives the mean and, with `_std` added to the key, the standard deviation. The summary gets best_iteration and
    best_score of early stopping. In a distributed training only rank 0 records. Training raises gitruns.Error if
    there is no run.

    Args:
        run: The run to record to. The default is the run of the Optuna trial, or the active run.
        prefix: A prefix for all keys, for several trainings in one run.
        period: Record only every n-th round, and the last one.
        log_params: Record the settings of the booster in the config table `xgboost`.
        importance: A kind of feature importance ("gain", "weight", "cover", …) to record as a table under
            `feature_importance`.
        save_model: Keep the model as model.json.

    Raises:
        ValueError: period is below 1.
    """

    _separator = "/"

    def __init__(
        self,
        run: Any = None,
        *,
        prefix: str = "",
        period: int = 1,
        log_params: bool = True,
        importance: str | None = None,
        save_model: bool = False,
    ) -> None:
        super().__init__()
        if period < 1:
            raise ValueError(f"period must be 1 or more, got {period}")
        self._given = run
        self._prefix = prefix
        self._period = period
        self._log_params = log_params
        self._importance = importance
        self._save_model = save_model
        self._reset()

    def _reset(self) -> None:
        self._run: Any = None
        self._first = 0
        self._pending: tuple[Any, ...] | None = None
        self._known: set[Any] = set()

    def before_training(self, model: Any) -> Any:
        """Find the run, and record the settings of the booster."""
        self._reset()
        if _rank() == 0:
            self._run = current(self._given, "training with GitrunsCallback")
            self._start(model)
        return model

    @guarded
    def _start(self, model: Any) -> None:
        self._first = int(model.num_boosted_rounds()) if hasattr(model, "num_boosted_rounds") else 0
        if self._log_params:
            folds = getattr(model, "cvfolds", None)
            booster = folds[0].bst if folds else model
            params = booster_params(booster.save_config())
            if folds:
                params["cv_folds"] = len(folds)
            set_params(self._run, "xgboost", params)

    def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, Any]) -> bool:
        """Record the metrics of one round.

        Returns False, which lets the training continue.
        """
        if self._run is not None:
            self._round(epoch + self._first, evals_log)
        return False

    @guarded
    def _round(self, step: int, evals_log: dict[str, Any]) -> None:
        row = {}
        for data, metrics in evals_log.items():
            for metric, values in metrics.items():
                key = f"{self._prefix}{data}{self._separator}{metric}"
                value = values[-1]
                if isinstance(value, tuple):
                    row[key], row[key + "_std"] = float(value[0]), float(value[1])
                else:
                    row[key] = float(value)
                if key not in self._known:
                    self._known.add(key)
                    self._direction(key, metric)
        if not row:
            return
        if (step - self._first) % self._period:
            self._pending = (row, step)
        else:
            self._pending = None
            self._run.log(row, step=step)

    def _direction(self, key: str, metric: str) -> None:
        name = metric.partition("@")[0]
        if name in _MAX:
            self._run.define_metric(key, goal="maximize")
        elif name in _MIN:
            self._run.define_metric(key, goal="minimize")

    def after_training(self, model: Any) -> Any:
        """Record the results of the training."""
        if self._run is not None:
            self._end(model)
        return model

    @guarded
    def _end(self, model: Any) -> None:
        run = self._run
        if self._pending is not None:
            run.log(self._pending[0], step=self._pending[1])
        best = model.attr("best_iteration")
        if best is not None:
            score = float(model.attr("best_score"))
            run.summary.update({self._prefix + "best_iteration": int(best), self._prefix + "best_score": score})
        if run.disabled or not isinstance(model, xgboost.Booster):
            return
        if self._importance:
            scores = model.get_score(importance_type=self._importance)
            rows = sorted(
                ([name, float(s)] for name, s in scores.items() if not isinstance(s, list)), key=lambda r: -r[1]
            )
            run.log(
                {self._prefix + "feature_importance": gitruns.Table(columns=["feature", self._importance], data=rows)},
                commit=False,
            )
        if self._save_model:
            model.save_model(os.path.join(run.dir, self._prefix.replace("/", "_") + "model.json"))


def _rank() -> int:
    try:
        from xgboost import collective

        return int(collective.get_rank())
    except ImportError:  # xgboost before 1.7
        from xgboost import rabit

        return int(rabit.get_rank())


def booster_params(config: str) -> dict[str, Any]:
    """Return the training parameters of a Booster as a flat dict.

    config is the text of Booster.save_config(). Texts of numbers become numbers. The state of the random generator is
    left out.
    """
    learner = json.loads(config).get("learner", {})
    params: dict[str, Any] = {}

    def add(table: dict[str, Any]) -> None:
        for key, value in table.items():
            if isinstance(value, dict):
                add(value)
            elif key != "rng_state" and isinstance(value, (str, int, float)):
                params.setdefault(key, _value(value))

    booster = learner.get("gradient_booster", {})
    if "gbtree" in booster:  # dart has the parameters of its trees one level down
        booster = {**booster["gbtree"], **{k: v for k, v in booster.items() if k != "gbtree"}}
    for part in ("learner_train_param", "objective", "generic_param"):
        add({k: v for k, v in learner.get(part, {}).items() if k != "name"})
    for key, value in booster.items():
        used = key != "dart_train_param" or params.get("booster") == "dart"
        if used and key.endswith("_train_param") and isinstance(value, dict):
            add(value)
    metrics = [m["name"] for m in learner.get("metrics", ()) if isinstance(m, dict) and "name" in m]
    if metrics:
        params["eval_metric"] = metrics
    return params


def _value(text: Any) -> Any:
    """Return a text as a number, if it is one.

    A number that single precision made longer becomes short again: 0.300000012 is 0.3.
    """
    if not isinstance(text, str):
        return text
    try:
        number = int(text)
        return number if abs(number) < 1 << 63 else text
    except ValueError:
        pass
    try:
        real = float(text)
        short = float(f"{real:.7g}")
        return short if struct.pack("f", short) == struct.pack("f", real) else real
    except (ValueError, OverflowError):
        return text
