"""A callback for Optuna: the study is a run, each trial a run that is part of it.

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
import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

import optuna

import gitruns
from gitruns import _end, _live
from gitruns._say import once

from . import _current
from ._current import guarded


def trial_run() -> Any:
    """The run of the trial that this thread is in, else the active run, else None."""
    return _current.trial.get() or gitruns.run


class GitrunsCallback:
    """Records a study: one run a trial, with its params, intermediate values and objective values, part of the study's run.

    The study's run is the active one; where there is none, one is begun with init (keywords of gitruns.init) and ended by
    finish(), by the end of `with`, or with the process. Its summary has best_value, best_trial, best_params, best_run and
    the number of trials by state; with several objectives best_trials, the trials on the Pareto front.

    track_in_gitruns() decorates the objective: the trial's run lasts as long as the trial and is `failed` where the
    objective raises, of which Optuna tells no callback. Given to optimize(callbacks=), the object records the trials of an
    objective that is not decorated when they are over, and keeps the study's summary up to date. Both are best. A pruned trial is
    `finished` with the reason `pruned`. Each trial's run has its state and number as tags, its group is the study's name.

    metric_name names the objective, several names a list (default: the study's metric_names, else value, or value_0, value_1, …);
    intermediate values are `intermediate/<name>`.

    In an objective on the main thread gitruns.run and gitruns.log are the trial's. In threads (n_jobs other than 1) they stay the
    study's: use trial_run().log there. The other integrations find the trial's run by themselves in both.
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
            self._parent._at_finish.append(lambda run: self._summarise(study))
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
            raise ValueError(f"metric_name has {len(names)} names, the study {count} objectives; give one a objective")
        return names

    @guarded
    def _summarise(self, study: Any) -> None:
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
        """Complete the summary of the study's run, and end the run where this object began it."""
        parent = self._parent
        if parent is None or parent._state != "":
            return
        if self._owned:
            parent.finish()
        else:
            self._summarise(self._study)

    def __enter__(self) -> GitrunsCallback:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        parent = self._parent
        if parent is not None and parent._state == "":
            if self._owned:
                _end.finish_with(parent, kind, error, trace)
            else:
                self._summarise(self._study)

    # Its trials

    def _begin(self, study: Any, number: int) -> Any:
        parent = self._study_run(study)
        if parent.disabled:
            return parent
        run = gitruns.init(
            reinit="create_new", parent=parent, name=f"trial-{number}", project=parent._experiment or None, group=study.study_name,
            tags={"study": study.study_name, "trial": str(number)}, settings={"x_disable_stats": True},
        )  # fmt: skip
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
        """Record how a trial ended, and end its run."""
        with self._lock:
            self._counts[state] = self._counts.get(state, 0) + 1
        if run.disabled or run._state != "":
            return
        if values is not None:
            named = dict(zip(self._names_of(study), (float(v) for v in values)))
            run.log(named)
            if all(math.isfinite(v) for v in named.values()) and self._parent._state == "":
                # Trials end in any order: the study's points are written at their own steps.
                self._parent._log_at(number, named)
        run._write({"tags": {"state": state}})
        if error is not None:
            _end.finish_with(run, type(error), error, error.__traceback__)
        else:
            _end.end(
                run,
                "failed" if state == "fail" else "finished",
                None,
                "",
                reason or ("pruned" if state == "pruned" else ""),
                quiet=True,
            )

    def track_in_gitruns(self) -> Callable[..., Any]:
        """A decorator for the objective: the trial is a run from its begin to its end, whatever way it ends."""

        def decorate(objective: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(objective)
            def tracked(trial: Any) -> Any:
                study, number = trial.study, trial.number
                run = self._begin(study, number)
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
                    # The last intermediate value is the trial's value, if it is a number.
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
        """Called by Optuna when a trial is over: record it where the objective is not decorated; the study's summary."""
        self._study_run(study)
        self._after(study, trial)

    @guarded
    def _after(self, study: Any, trial: Any) -> None:
        with self._lock:
            new = trial.number not in self._done
        if new:
            run = self._begin(study, trial.number)
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
                self._summarise(study)


def _params(run: Any, params: dict[str, Any], seen: dict[str, Any]) -> None:
    new = {k: v for k, v in params.items() if k not in seen}
    if new:
        seen.update(new)
        run.config.update(new, allow_val_change=True)


def _values(result: Any, count: int) -> tuple[Any, ...]:
    """The objective's values and "", or None and why Optuna will count the trial as failed."""
    values = list(result) if isinstance(result, Sequence) and not isinstance(result, str) else [result]
    try:
        values = [float(v) for v in values]
    except (TypeError, ValueError):
        return None, f"the objective returned {type(result).__name__}, no number"
    if any(math.isnan(v) for v in values):
        return None, "the objective returned NaN"
    if len(values) != count:
        return None, f"the objective returned {len(values)} values for {count} objectives"
    return values, ""


@contextmanager
def _entered(run: Any) -> Any:
    """The trial's run is this thread's; on the main thread the process's too, also for the processes it starts."""
    token = _current.trial.set(run)
    main = threading.current_thread() is threading.main_thread()
    if not main and not run.disabled:
        once(
            "optuna-threads",
            "trials run in threads: gitruns.log() in the objective goes to the study's run; trial_run().log() to the trial's",
        )
    module = sys.modules["gitruns"]
    before, outer = module.run, dict(_live._outer)
    names = {name: os.environ.get(name) for name in ("RUNS_ID", "RUNS_DIR", "RUNS_STARTED_BY")}
    bound = main and not run.disabled
    if bound:
        module._bind(run)
        os.environ.update(_live.environment(run))
    try:
        yield
    finally:
        _current.trial.reset(token)
        if bound:
            module._bind(before if before is not None and before._state == "" else None)
            _live._outer.clear()
            _live._outer.update(outer)
            for name, value in names.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
