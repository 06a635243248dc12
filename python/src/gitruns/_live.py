"""The runs of this process: those that are not finished, and the active one, which is gitruns.run.

Imports only _token of the package; the active run itself is kept by `__init__`.
"""

from __future__ import annotations

import os
import sys

from ._token import announce, token_of

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any, Callable

_VARIABLES = ("RUNS_ID", "RUNS_DIR", "RUNS_STARTED_BY", "RUNS_WORKERS")
_setter: Any = None  # the active run that set them
runs: list[Any] = []  # the runs that are not finished
_outer: dict[str, Any] = {}  # the variables of `environment` as they were before the active run


def active() -> Any:
    """Return the active run, or None."""
    return sys.modules[__package__].run


def bind(run: Any) -> None:
    """Make run the active one, and let child processes find it."""
    global _setter
    sys.modules[__package__]._bind(run)
    if run.disabled or not run._joined:
        variables = environment(run)
        for name in variables:
            _outer.setdefault(name, os.environ.get(name))
        _setter = run
        set_environment(variables)
    announce(token_of(run))


def bind_for_now(run: Any) -> Callable[[], None]:
    """Make run the active one, as bind does, and return the function that undoes it."""
    global _setter
    module = sys.modules[__package__]
    before, setter, outer = module.run, _setter, dict(_outer)
    variables = {name: os.environ.get(name) for name in _VARIABLES}
    _setter = None
    _outer.clear()
    bind(run)

    def restore() -> None:
        global _setter
        active = before if before is not None and before._state == "" else None
        module._bind(active)
        _setter = setter
        _outer.clear()
        _outer.update(outer)
        set_environment(variables)
        announce(token_of(active) if active is not None else None)

    return restore


def environment(run: Any) -> dict[str, str | None]:
    """Return the variables through which child processes find a run.

    RUNS_STARTED_BY shows that a client started the run, and has the id that the caller gave it. RUNS_WORKERS tells the
    workers of a program that records nothing to do the same.
    """
    if run.disabled:
        return {"RUNS_WORKERS": "disabled"}
    return {
        "RUNS_ID": run.run_id,
        "RUNS_DIR": run._folder,
        "RUNS_STARTED_BY": f"{run.run_id} {run._key}".strip(),
        "RUNS_WORKERS": None,
    }


def release(run: Any) -> None:
    """Forget a run that is finished, and restore the environment."""
    global _setter
    module = sys.modules[__package__]
    if module.run is run:
        module._bind(None)
        announce(None)
    if _setter is run:
        _setter = None
        set_environment(_outer)
        _outer.clear()


def set_environment(values: dict[str, Any]) -> None:
    """Set environment variables, and remove those whose value is None."""
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            try:
                os.environ[name] = value
            except UnicodeEncodeError:  # the locale is C, and the key has other letters
                os.environb[name.encode()] = value.encode("utf-8", "replace")
