"""The runs of this process: those that are not finished, and the active one, which is gitruns.run.

Imports no other module of the package; the active run itself is kept by `__init__`.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

runs: list[Any] = []  # the runs that are not finished
_outer: dict[str, Any] = {}  # the variables of `environment` as they were before the active run


def active() -> Any:
    """Return the active run, or None."""
    return sys.modules[__package__].run


def bind(run: Any) -> None:
    """Make run the active one, and let child processes find it."""
    sys.modules[__package__]._bind(run)
    if not run.disabled and not run._joined:
        variables = environment(run)
        _outer.update({k: os.environ.get(k) for k in variables})
        os.environ.update(variables)


def environment(run: Any) -> dict[str, str]:
    """Return the variables through which child processes find a run.

    RUNS_STARTED_BY shows that a client started the run, and has the id that the caller gave it.
    """
    return {"RUNS_ID": run.run_id, "RUNS_DIR": run._folder, "RUNS_STARTED_BY": f"{run.run_id} {run._key}".strip()}


def release(run: Any) -> None:
    """Forget a run that is finished, and restore the environment."""
    module = sys.modules[__package__]
    if module.run is run:
        module._bind(None)
    if os.environ.get("RUNS_ID") == run.run_id and _outer:
        set_environment(_outer)
        _outer.clear()


def set_environment(values: dict[str, Any]) -> None:
    """Set environment variables, and remove those whose value is None."""
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
