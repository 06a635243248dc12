"""Tokens, by which the processes of a program find its run without calling init.

A token names the run: its folder, its id and what RUNS_STARTED_BY says. The process that calls init leaves the token in
three places, and a process that logs without init looks there in this order:

- `arrived`: a pickle of the module gitruns, which cloudpickle makes of every function that mentions it (joblib, Ray,
  Dask, submitit). A worker that serves several runs in turn gets the one that is active when its work is sent;
- the config of multiprocessing's current process, which every Process object takes along. A fork server that started
  before init, and so has an older environment, needs it;
- the environment: RUNS_DIR and RUNS_ID, set by the client or by `runs exec`.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

    # The folder, the id and RUNS_STARTED_BY; three empty strings stand for a run that records nothing.
    Token = tuple[str, str, str]

DISABLED = ("", "", "")
_KEY = "gitruns"
caller = 0  # the process that has called init, if it is this one
arrived: Token | None = None  # from a pickle of the module


def token_of(run: Any) -> Token:
    """Return the token of a run of this process."""
    if run.disabled:
        return DISABLED
    id = run.run_id
    starter = os.environ.get("RUNS_STARTED_BY", "")
    return (run._folder, id, starter if starter.split(" ", 1)[0] == id else "")


def announce(token: Token | None) -> None:
    """Tell the processes that multiprocessing starts later about the run."""
    process = sys.modules.get("multiprocessing.process")
    if process is None:  # nor does a fork server run, and the environment is enough
        return
    try:
        process.current_process()._config[_KEY] = token
    except (AttributeError, TypeError):  # a private attribute; without it the environment is left
        pass


def find() -> Token | None:
    """Return the token of the run that this process inherited, or None."""
    if arrived is not None:
        return arrived
    process = sys.modules.get("multiprocessing.process")
    config = getattr(process.current_process(), "_config", {}) if process is not None else {}
    if _KEY in config:
        token: Token | None = config[_KEY]
        return token
    if os.environ.get("RUNS_WORKERS") == "disabled":
        return DISABLED
    folder, id = os.environ.get("RUNS_DIR", ""), os.environ.get("RUNS_ID", "")
    if not folder or not id:
        return None
    starter = os.environ.get("RUNS_STARTED_BY", "")
    return (folder, id, starter if starter.split(" ", 1)[0] == id else "")


def following(folder: str) -> Token | None:
    """Return the token of the run that the parent started after that of folder.

    It is None if the parent started none. A worker of a pool may serve several runs in turn, and does not hear of it.
    """
    process = sys.modules.get("multiprocessing.process")
    parent = process.parent_process() if process is not None else None
    pid = parent.pid if parent is not None else os.getppid()
    if os.path.isdir(folder):
        return None
    active = os.path.dirname(folder)
    newest, found = 0.0, None
    try:
        for name in os.listdir(active):
            run = os.path.join(active, name)
            for owner in os.listdir(run) if os.path.isdir(run) else ():
                if owner.startswith("owner-") and owner.endswith(f"-{pid}.toml"):
                    time = os.stat(os.path.join(run, owner)).st_mtime
                    if time >= newest:
                        newest, found = time, (run, name, name)
    except OSError:  # it is just being finished
        pass
    return found
