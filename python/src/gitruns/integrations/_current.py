"""The run that an integration records to: the one it is given, the trial's of this thread, else the active one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import gitruns
from gitruns._errors import Error
from gitruns._say import once

# The run of the Optuna trial that this thread is in.
trial: ContextVar[Any] = ContextVar("gitruns_trial", default=None)


def current(run: Any, who: str) -> Any:
    """The run to record to. Raises Error, naming who asks, where there is none."""
    found = run if run is not None else trial.get() or gitruns.run
    if found is None:
        raise Error(f"call gitruns.init() before {who}, or give it run=")
    return found


def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, whose failure is said once and never ends the training that calls it; then it returns None."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except Exception as e:
            once(
                ("integration", method.__qualname__, type(e)),
                f"{method.__qualname__}: not recorded: {type(e).__name__}: {e}",
            )
            return None

    return call


def set_params(run: Any, name: str, params: dict[str, Any]) -> None:
    """Set params in the table `name` of the run's config; those of a further training in the run replace them."""
    run.config.update({name: params}, allow_val_change=True)
