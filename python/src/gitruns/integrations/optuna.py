"""A callback for Optuna: a study is a run, and each trial is its child run.

import optuna
from gitruns.integrations.optuna import GitrunsCallback, trial_run

record = GitrunsCallback()

@record.track_in_gitruns()
def objective(trial):
    x = trial.suggest_float("x", -5, 5)
    trial_run().log({"loss": x * x})
    return x * x

study = optuna.create_study()
with record:
    study.optimize(objective, n_trials=20, n_jobs=2, callbacks=[record])
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

import optuna

import gitruns
from gitruns import _end, _live
from gitruns._messages import warn_once

from . import _current
from ._current import guarded


def trial_run() -> Any:
    """Return the run of this thread's trial, or the active run, or None."""
    return _current.trial.get() or gitruns.run


class GitrunsCallback:
    """Records a study as a run, and each trial as a child run.

    A trial's run has its params, intermediate values and objective values. You can use it in two ways, preferably both
    together. track_in_gitruns() decorates the objective: the run of a trial lasts as long as the trial, and is `failed`
    if the objective raises an error, which Optuna reports to no callback. As a callback of optimize(), the object
    records the trials of an undecorated objective when they are over, and updates the study's summary.

    The study's run is the active run. If there is none, the object starts one, which ends with finish(), the `with`
    block or the process. Its summary has best_value, best_trial, best_params, best_run and the number of trials by
    state, or best_trials, the Pareto front, for several objectives. A trial's run has the tags `state` and `trial`,
    and the study's name as group. A pruned trial is `finished` with the reason `pruned`.

    If the objective runs in the main thread, gitruns.run and gitruns.log belong to the trial. In other threads
    (n_jobs other than 1) they belong to the study: use trial_run().log instead. The other integrations find the
    trial's run in both cases.

    Args:
        metric_name: The name of the objective, or a list of names. The default is the study's metric_names, otherwise
            value, or value_0, value_1, … for several objectives. The keys of intermediate values are
            `intermediate/<name>`.
        init: Arguments of gitruns.init for the study's run.
    """

    def __init__(self, metric_name: str | Sequence[str] | None = None, init: dict[str, Any] | None = None) -> None:
        self._names = [metric_name] if isinstance(metric_name, str) else list(metric_name) if metric_name else None
        self._init = dict(init or {})
        self._lock = threading.RLock()
        self._parent: Any = None
        self._owned = False
        self._study: Any = None
        self._done: set[Any] = set()  # numbers of the trials that have a run
        self._run_ids: dict[int, str] = {}
        self._counts: dict[str, Any] = {}

    # The study

    def _study_run(self, study: Any) -> Any:
        with self._lock:
            if (
                self._parent is not None
                and self._parent._state == ""
                and self._study is not None
                and self._study.study_name == study.study_name
            ):
                return self._parent
            names = self._names_of(study)
            active = gitruns.run
            if active is not None:
                self._parent, self._owned = active, False
            else:
                given = dict(self._init)
                given.setdefault("name", study.study_name)
                given.setdefault("group", study.study_name)
                self._parent, self._owned = gitruns.init(**given), True
            self._study, self._done, self._run_ids, self._counts = study, set(), {}, {}
            directions = [d.name.lower() for d in study.directions]
            self._about(study, names, directions)
            self._parent._at_finish.append(lambda run: self._summarize(study))
            return self._parent

    @guarded
    def _about(self, study: Any, names: list[Any], directions: list[Any]) -> None:
        about = {
            "study": study.study_name,
            "directions": directions,
            "sampler": type(study.sampler).__name__,
            "pruner": type(study.pruner).__name__,
        }
        _current.set_params(self._parent, "optuna", about)
        for name, direction in zip(names, directions):
            if direction in ("minimize", "maximize"):
                self._parent.define_metric(name, goal=direction)

    def _names_of(self, study: Any) -> list[Any]:
        count = len(study.directions)
        names = self._names or list(getattr(study, "metric_names", None) or ())
        if not names:
            names = ["value"] if count == 1 else [f"value_{i}" for i in range(count)]
        if len(names) != count:
            raise ValueError(f"metric_name must have one name per objective, got {len(names)} for {count} objectives")
        return names

    @guarded
    def _summarize(self, study: Any) -> None:
        parent = self._parent
        if parent is None or parent._state != "":
            return
        values: dict[str, Any] = (
            {"trials": {state: n for state, n in sorted(self._counts.items())}} if self._counts else {}
        )
        if len(study.directions) == 1:
            try:
                best = study.best_trial
            except ValueError:  # no trial has a value yet
                best = None
            if best is not None:
                values.update(
                    best_value=best.value,
                    best_trial=best.number,
                    best_params=dict(best.params),
                    best_run=self._run_ids.get(best.number, ""),
                )
        else:
            values["best_trials"] = [
                {"trial": t.number, "values": list(t.values), "run": self._run_ids.get(t.number, "")}
                for t in study.best_trials[:100]
            ]
        if values:
            parent.summary.update(values)

    def finish(self) -> None:
        """Complete the summary of the study's run.

        If this object started the run, it is finished.
        """
        parent = self._parent
        if parent is None or parent._state != "":
            return
        if self._owned:
            parent.finish()
        else:
            self._summarize(self._study)

    def __enter__(self) -> GitrunsCallback:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        parent = self._parent
        if parent is not None and parent._state == "":
            if self._owned:
                _end.finish_with(parent, kind, error, trace)
            else:
                self._summarize(self._study)

    # The trials

    def _start(self, study: Any, number: int) -> Any:
        parent = self._study_run(study)
        if parent.disabled:
            return parent
        run = gitruns.init(
            reinit="create_new",
            parent=parent,
            name=f"trial-{number}",
            project=parent._experiment or None,
            group=study.study_name,
            tags={"study": study.study_name, "trial": str(number)},
            settings={"x_disable_stats": True},
        )
        for name, direction in zip(self._names_of(study), study.directions):
            if direction.name in ("MINIMIZE", "MAXIMIZE"):
                run.define_metric(name, goal=direction.name.lower())
                run.define_metric("intermediate/" + name, goal=direction.name.lower())
        with self._lock:
            self._done.add(number)
            self._run_ids[number] = run.run_id
        return run

    def _end(
        self,
        study: Any,
        run: Any,
        number: int,
        state: str,
        values: Sequence[float] | None,
        error: BaseException | None,
        reason: str = "",
    ) -> None:
        """Record the result of a trial, and finish its run."""
        with self._lock:
            self._counts[state] = self._counts.get(state, 0) + 1
        if run.disabled or run._state != "":
            return
        if values is not None:
            named = dict(zip(self._names_of(study), (float(v) for v in values)))
            run.log(named)
            if all(math.isfinite(v) for v in named.values()) and self._parent._state == "":
                # Trials end in any order, so each point of the study has its own step.
                self._parent._log_at(number, named)
        run._write({"tags": {"state": state}})
        if error is not None:
            _end.finish_with(run, type(error), error, error.__traceback__)
        else:
            status = "failed" if state == "fail" else "finished"
            _end.end(run, status, None, "", reason or ("pruned" if state == "pruned" else ""), quiet=True)

    def track_in_gitruns(self) -> Callable[..., Any]:
        """Return a decorator for the objective that makes each trial a run.

        The run ends with the trial, however that ends.
        """

        def decorate(objective: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(objective)
            def tracked(trial: Any) -> Any:
                study, number = trial.study, trial.number
                run = self._start(study, number)
                seen: dict[str, Any] = {}
                name = "intermediate/" + self._names_of(study)[0]
                report = trial.report

                def reported(value: Any, step: int) -> None:
                    report(value, step)
                    _params(run, trial.params, seen)
                    run._log_at(int(step), {name: float(value)})

                trial.report = reported
                try:
                    with _entered(run):
                        result = objective(trial)
                except optuna.TrialPruned:
                    # Optuna takes the last intermediate value as the value of the trial, if it is a number.
                    self._close(study, trial, run, seen, "pruned", None, None)
                    raise
                except BaseException as e:
                    self._close(study, trial, run, seen, "fail", None, e)
                    raise
                finally:
                    trial.__dict__.pop("report", None)
                values, wrong = _values(result, len(study.directions))
                self._close(study, trial, run, seen, "fail" if wrong else "complete", values, None, wrong)
                return result

            return tracked

        return decorate

    @guarded
    def _close(
        self,
        study: Any,
        trial: Any,
        run: Any,
        seen: dict[str, Any],
        state: str,
        values: Any,
        error: Any,
        reason: str = "",
    ) -> None:
        if run._state == "" and not run.disabled:
            _params(run, trial.params, seen)
            if trial.user_attrs:
                run.summary.update({"user_attrs": dict(trial.user_attrs)})
        self._end(study, run, trial.number, state, values, error, reason)

    def __call__(self, study: Any, trial: Any) -> None:
        """Record a trial that is over, and update the study's summary.

        If the objective is decorated, the trial is recorded already.
        """
        self._study_run(study)
        self._after(study, trial)

    @guarded
    def _after(self, study: Any, trial: Any) -> None:
        with self._lock:
            new = trial.number not in self._done
        if new:
            run = self._start(study, trial.number)
            name = "intermediate/" + self._names_of(study)[0]
            for step, value in sorted(trial.intermediate_values.items()):
                run._log_at(int(step), {name: value})
            if trial.duration is not None:
                run.summary.update({"duration": trial.duration.total_seconds()})
            state = trial.state.name.lower()
            values = trial.values if state == "complete" else None
            self._close(study, trial, run, {}, state, values, None, "the objective failed" if state == "fail" else "")
        if len(study.directions) == 1:
            with self._lock:
                self._summarize(study)


def _params(run: Any, params: dict[str, Any], seen: dict[str, Any]) -> None:
    new = {k: v for k, v in params.items() if k not in seen}
    if new:
        seen.update(new)
        run.config.update(new, allow_val_change=True)


def _values(result: Any, count: int) -> tuple[Any, ...]:
    """Return the values of the objective and ''.

    If Optuna will count the trial as failed, return None and why.
    """
    values = list(result) if isinstance(result, Sequence) and not isinstance(result, str) else [result]
    try:
        values = [float(v) for v in values]
    except (TypeError, ValueError):
        return None, f"the objective returned {type(result).__name__} instead of a number"
    if any(math.isnan(v) for v in values):
        return None, "the objective returned NaN"
    if len(values) != count:
        return None, f"the objective returned {len(values)} values instead of {count}"
    return values, ""


@contextmanager
def _entered(run: Any) -> Any:
    """Make run the run of this thread.

    In the main thread, also make it the active run, which child processes find.
    """
    token = _current.trial.set(run)
    main = threading.current_thread() is threading.main_thread()
    if not main and not run.disabled:
        warn_once(
            "optuna-threads",
            "trials run in threads, so gitruns.log() records to the study's run; "
            "use trial_run().log() to record to the trial's run",
        )
    restore = _live.bind_for_now(run) if main and not run.disabled else None
    try:
        yield
    finally:
        _current.trial.reset(token)
        if restore is not None:
            restore()
