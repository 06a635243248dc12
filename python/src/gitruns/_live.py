"""The runs of this process: those that are not finished, and the one that gitruns.run, .config, .summary and .log are of."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

runs: list[Any] = []  # those that are not finished
_outer: dict[str, Any] = {}  # the environment's words for a run, as they were before the active one


def active() -> Any:
    """The active run, else None."""
    return sys.modules[__package__].run


def bind(run: Any) -> None:
    """Make run the active one, and let child processes find it."""
    sys.modules[__package__]._bind(run)
    if not run.disabled and not run._joined:
        words = environment(run)
        _outer.update({k: os.environ.get(k) for k in words})
        os.environ.update(words)


def environment(run: Any) -> dict[str, str]:
    """What child processes find of a run: its id and folder, and that a program began it, under which id of its own."""
    return {"RUNS_ID": run.run_id, "RUNS_DIR": run._folder, "RUNS_STARTED_BY": f"{run.run_id} {run._key}".strip()}


def release(run: Any) -> None:
    """The run is finished: the module forgets it, and the environment is as before."""
    module = sys.modules[__package__]
    if module.run is run:
        module._bind(None)
    if os.environ.get("RUNS_ID") == run.run_id and _outer:
        for name, value in _outer.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _outer.clear()
