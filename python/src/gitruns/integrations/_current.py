"""What integrations share: the run to record to, and callbacks that never end the training."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from contextvars import ContextVar
from typing import Any

import gitruns
from gitruns._errors import Error
from gitruns._messages import warn_once

# The run of the current Optuna trial of this thread.
trial: ContextVar[Any] = ContextVar("gitruns_trial", default=None)


def current(run: Any, who: str) -> Any:
    """Return the run to record to.

    It is run if that is given, otherwise the run of the thread's Optuna trial, otherwise the active run. Raises Error
    if there is none; who describes the caller in that error.
    """
    if run is None:
        run = trial.get() or gitruns.run
    if run is None:
        raise Error(f"call gitruns.init() before {who}, or give it run=")
    return run


def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a method so that an error in it only causes a warning, once.

    The training continues, and the method returns None.
    """

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except Exception as e:
            warn_once(
                ("integration", method.__qualname__, type(e)),
                f"{method.__qualname__} recorded nothing: {type(e).__name__}: {e}",
            )
            return None

    return call


def best_values(prefix: str, iteration: int | None, scores: Any) -> dict[str, Any]:
    """Return the values of the summary about the best iteration of a boosting.

    scores is a dict of dicts, by data and metric. What is None or empty is left out.
    """
    values: dict[str, Any] = {}
    if iteration is not None:
        values[prefix + "best_iteration"] = int(iteration)
    if scores:
        values[prefix + "best_score"] = {
            data: {metric: float(v) for metric, v in metrics.items()} for data, metrics in scores.items()
        }
    return values


def set_params(run: Any, name: str, params: dict[str, Any], given: Collection[str] | None = None) -> None:
    """Set params in the table name of the run's config.

    given are the names of those that somebody set, if params has the defaults of a library too. They are recorded as
    the list `set` of the table, so that `runs ls` shows these. A later training in the same run replaces them.
    """
    marked = {"set": sorted(given)} if given is not None and "set" not in params else {}
    run.config.update({name: {**params, **marked}}, allow_val_change=True)
