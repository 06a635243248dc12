"""A callback for scikit-learn 1.9 and later, and a context manager for every version.

import gitruns
from gitruns.integrations.sklearn import GitrunsCallback, track

with gitruns.init(project="penguins"):
    search = GridSearchCV(SVC(), {"C": [0.1, 1, 10]}).set_callbacks(GitrunsCallback())
    search.fit(x, y)
    with track(RandomForestClassifier()) as forest:
        forest.fit(x, y)
        forest.score(x_test, y_test)
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gitruns
from gitruns._messages import warn_once

from ._current import current, guarded, set_params


class _Recorder:
    """Records fits, for both the callback and track()."""

    def __init__(self, run: Any, prefix: str, nested: bool) -> None:
        self.run = run
        self.prefix = prefix
        self.nested = nested
        self.lock = threading.Lock()
        self.fits = 0

    @guarded
    def begin(self, estimator: Any) -> None:
        set_params(self.run, type(estimator).__name__, estimator_params(estimator), given_params(estimator))

    @guarded
    def end(self, estimator: Any, seconds: float) -> None:
        with self.lock:
            step = self.fits
            self.fits += 1
        self.run.log({self.prefix + "fit_time": seconds}, step=step)
        if self.run.disabled:
            return
        results = getattr(estimator, "cv_results_", None)
        if isinstance(results, dict) and "params" in results:
            self.search(estimator, results)
        iterations = getattr(estimator, "n_iter_", None)
        if iterations is not None:
            try:
                count = int(max(iterations)) if hasattr(iterations, "__len__") else int(iterations)
                self.run.summary.update({self.prefix + "n_iter": count})
            except (TypeError, ValueError):
                pass

    def search(self, estimator: Any, results: dict[str, Any]) -> None:
        """Record the candidates of a search as steps and as a table.

        With nested they are child runs as well.
        """
        keys = [k for k in results if k != "params" and not k.startswith("param_")]
        count = len(results["params"])
        scores = [k for k in keys if k.startswith(("mean_", "std_", "rank_"))]
        for i in range(count):
            self.run.log({self.prefix + "cv/" + k: float(results[k][i]) for k in scores}, step=i)
        names = sorted({k for params in results["params"] for k in params})
        rows = [
            [_plain(p.get(k)) for k in names] + [_plain(results[k][i]) for k in keys]
            for i, p in enumerate(results["params"])
        ]
        best: dict[str, Any] = {}
        for name in ("best_score_", "best_index_", "n_splits_", "refit_time_"):
            value: Any = getattr(estimator, name, None)
            if isinstance(value, (int, float)) or hasattr(value, "item"):
                best[self.prefix + name.rstrip("_")] = float(value) if "score" in name or "time" in name else int(value)
        if isinstance(params := getattr(estimator, "best_params_", None), dict):
            best[self.prefix + "best_params"] = {k: _plain(v) for k, v in params.items()}
        if best:
            self.run.summary.update(best)
        if self.nested:
            for i, params in enumerate(results["params"]):
                self.candidate(i, params, results)
        self.run.log(
            {self.prefix + "cv_results": gitruns.Table(columns=["param_" + n for n in names] + keys, data=rows)},
            commit=False,
        )

    def candidate(self, i: int, params: dict[str, Any], results: dict[str, Any]) -> None:
        run = gitruns.init(
            reinit="create_new",
            parent=self.run,
            name=f"candidate-{i}",
            project=self.run._experiment or None,
            config={k: _plain(v) for k, v in params.items()},
            settings={"x_disable_stats": True},
        )
        split = 0
        while True:
            row = {k.partition("_")[2]: float(results[k][i]) for k in results if k.startswith(f"split{split}_")}
            if not row:
                break
            run.log(row, step=split)
            split += 1
        run.summary.update({k: float(results[k][i]) for k in results if k.startswith(("mean_", "std_", "rank_"))})
        scores = [float(results[k][i]) for k in results if k.startswith("mean_test_")]
        run.finish(1 if scores and all(s != s for s in scores) else None, quiet=True)


class GitrunsCallback:
    """A callback for set_callbacks() that records each outermost fit().

    Set it on the outermost estimator. A fit() raises gitruns.Error if there is no run. Copies in worker processes
    (n_jobs) record nothing, because the searching process has all scores.

    The config gets the params of the estimator in a table with the name of its class. fit_time, in seconds, is a
    metric, and n_iter is in the summary. In a search such as GridSearchCV, each candidate is a step of the metrics
    cv/mean_test_score and so on, cv_results_ is a table under `cv_results`, and the summary has best_score,
    best_params and best_index. For a Pipeline the summary has the seconds of each step under `task_time`.

    Args:
        run: The run to record to. The default is the run of the Optuna trial, or the active run.
        scoring: A name, a scorer, or a list or dict of them. An iterative estimator such as LogisticRegression is
            scored on its training data after each iteration, as train/<name>.
        prefix: A prefix for all keys.
        nested: Also make each candidate of a search a child run, with its params and the scores of its splits. A
            candidate often takes only milliseconds, so this is off by default.
    """

    def __init__(self, run: Any = None, *, scoring: Any = None, prefix: str = "", nested: bool = False) -> None:
        self._given = run
        self._scoring = scoring
        self._prefix = prefix
        self._nested = nested
        self._recorder: Any = None  # a _Recorder, after the first fit
        self._open: dict[str, Any] = {}
        self._worker = False
        if scoring is not None:
            # scikit-learn reads from the signature of a hook which arguments to compute for it.
            self.on_fit_task_end = self._scored_task_end  # type: ignore[method-assign]

    def __getstate__(self) -> dict[str, Any]:
        state = {k: v for k, v in self.__dict__.items() if k != "on_fit_task_end"}
        return {**state, "_given": None, "_recorder": None, "_open": {}, "_worker": True}

    def setup(self, estimator: Any, context: Any) -> None:
        """Start recording a fit(). scikit-learn calls this."""
        if self._worker:
            return
        if context.parent is not None:
            warn_once(
                "sklearn-inner",
                "sklearn: a fit() inside another fit() is not recorded; set GitrunsCallback on the outermost estimator",
            )
            return
        run = current(self._given, "fit() with GitrunsCallback")
        if self._recorder is None or self._recorder.run is not run:
            self._recorder = _Recorder(run, self._prefix, self._nested)
        self._open[context.root_uuid] = {
            "start": time.perf_counter(),
            "tasks": {},
            "scorer": None,
            "error": sys.exc_info()[1],
            "step": 0,
        }
        self._recorder.begin(estimator)

    def teardown(self, estimator: Any, context: Any) -> None:
        """Record a fit() that is over, unless it failed. scikit-learn calls this."""
        fit = self._open.pop(context.root_uuid, None)
        if fit is None or context.parent is not None:
            return
        error = sys.exc_info()[1]
        if error is not None and error is not fit["error"]:
            return
        self._recorder.end(estimator, time.perf_counter() - fit["start"])
        if "times" in fit:
            self._times(fit["times"])

    @guarded
    def _times(self, times: dict[str, Any]) -> None:
        self._recorder.run.summary.update({self._prefix + "task_time": times})

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Note the time when a step of a Pipeline begins. scikit-learn calls this."""
        fit = self._open.get(context.root_uuid)
        if fit is not None and context.parent is not None and type(estimator).__name__ == "Pipeline":
            fit["tasks"][context.task_id] = time.perf_counter()

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Note the seconds of a step of a Pipeline. scikit-learn calls this."""
        fit = self._open.get(context.root_uuid)
        if fit is not None and context.parent is not None:
            began = fit["tasks"].pop(context.task_id, None)
            if began is not None:
                fit.setdefault("times", {})[context.task_name] = time.perf_counter() - began

    def _scored_task_end(
        self,
        estimator: Any,
        context: Any,
        *,
        X: Any = None,
        y: Any = None,
        metadata: Any = None,
        fitted_estimator: Any = None,
    ) -> None:
        GitrunsCallback.on_fit_task_end(self, estimator, context)
        fit = self._open.get(context.root_uuid)
        if fit is not None and fitted_estimator is not None and X is not None and context.parent is not None:
            self._score(fit, fitted_estimator, X, y)

    @guarded
    def _score(self, fit: dict[str, Any], estimator: Any, x: Any, y: Any) -> None:
        if fit["scorer"] is None:
            from sklearn.metrics import check_scoring

            scoring = [self._scoring] if isinstance(self._scoring, str) else self._scoring
            fit["scorer"] = check_scoring(estimator, scoring)
        got = fit["scorer"](estimator, x, y)
        row = got if isinstance(got, dict) else {"score": got}
        self._recorder.run.log({f"{self._prefix}train/{k}": float(v) for k, v in row.items()}, step=fit["step"])
        fit["step"] += 1


@contextmanager
def track(estimator: Any, run: Any = None, *, prefix: str = "", nested: bool = False) -> Iterator[Any]:
    """Record estimator.fit() and estimator.score() in a `with` block.

    It works with every version of scikit-learn. It records what GitrunsCallback records, and the result of score() as
    `score`. Yields the estimator. Raises gitruns.Error if there is no run.
    """
    recorder = _Recorder(current(run, "track()"), prefix, nested)
    fit = estimator.fit
    score: Any = getattr(estimator, "score", None)
    scores = 0

    def fitting(method: Any) -> Any:
        def tracked(*args: Any, **kwargs: Any) -> Any:
            # The wrappers are removed while the method runs, because estimators copy and pickle themselves.
            hidden = {k: estimator.__dict__.pop(k) for k in ("fit", "score") if k in estimator.__dict__}
            recorder.begin(estimator)
            began = time.perf_counter()
            try:
                got = method(*args, **kwargs)
                recorder.end(estimator, time.perf_counter() - began)
                return got
            finally:
                estimator.__dict__.update(hidden)

        return tracked

    def scoring(*args: Any, **kwargs: Any) -> Any:
        nonlocal scores
        got = score(*args, **kwargs)
        recorder.run.log({prefix + "score": got}, step=scores)
        scores += 1
        return got

    estimator.__dict__["fit"] = fitting(fit)
    if score is not None:
        estimator.__dict__["score"] = scoring
    try:
        yield estimator
    finally:
        estimator.__dict__.pop("fit", None)
        estimator.__dict__.pop("score", None)


def estimator_params(estimator: Any) -> dict[str, Any]:
    """Return get_params() as params.

    An estimator in them becomes the name of its class.
    """
    return {k: _plain(v) for k, v in estimator.get_params(deep=True).items()}


def given_params(estimator: Any) -> list[str]:
    """Return the names of the params that somebody set.

    These are the ones that are not the default of their class.
    """
    given: list[str] = []
    for key, value in estimator.get_params(deep=False).items():
        default = _defaults(type(estimator)).get(key, _MISSING)
        if hasattr(value, "get_params") and not isinstance(value, type):
            inner = [f"{key}__{name}" for name in given_params(value)]
            given += inner if isinstance(default, type(value)) else [key, *inner]
        elif not _equal(value, default):
            given.append(key)
    for key, value in getattr(estimator, "steps", None) or ():  # of a Pipeline
        if hasattr(value, "get_params"):
            given += [f"{key}__{name}" for name in given_params(value)]
    return given


_MISSING = object()


def _defaults(kind: type) -> dict[str, Any]:
    import inspect

    try:
        return {k: p.default for k, p in inspect.signature(kind.__init__).parameters.items()}  # type: ignore[misc]
    except (TypeError, ValueError):
        return {}


def _equal(value: Any, default: Any) -> bool:
    try:
        return value is default or type(value) is type(default) and bool(value == default or value != value)
    except Exception:  # the comparison of an array has no truth value
        return False


def _plain(value: Any) -> Any:
    if hasattr(value, "get_params") and not isinstance(value, type):
        return type(value).__name__
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if hasattr(value, "item") and getattr(value, "size", 2) == 1:
        return value.item()
    return value
