"""How the processes of a program find its run without calling init.

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
    if process is None:  # then there is no fork server either, and the environment is enough
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


def join() -> Any:
    """Join the run that this process inherited, and make it the active one.

    Returns None if there is none. If that run cannot be joined, because it is finished or on another machine, the
    process records nothing, with a warning: a worker must not fail because of it.
    """
    from . import _end

    if _end.exiting:
        from ._messages import warn_once

        warn_once("late", "the run ended with the program; what is logged after that is not recorded")
        return _disabled()
    token = find()
    if token is None or caller == os.getpid():  # a process that has called init is told when it logs without a run
        return None
    run: Any = None
    if token[1]:
        run = _attached(token)
    if run is None:
        run = _disabled()
    run._inherited = token
    package: Any = sys.modules[__package__]
    package._bind(run)
    if token[1]:
        package.log = _log
    return run


def _disabled() -> Any:
    from ._disabled import DisabledRun

    run: Any = DisabledRun()
    run._pid = os.getpid()
    run._settings = None
    return run


def _attached(token: Token) -> Any:
    """Join the run of the token, or the next one of its starter, or return None."""
    from . import _end
    from ._errors import Error
    from ._messages import warn_once
    from ._run import attach

    folder, id, starter = token
    try:
        run = attach(folder, id)
    except Error as e:
        following = _following(folder)
        if following is None:
            warn_once(("inherit", id), f"this process records nothing: {e}")
            return None
        return _attached(following)
    # Programs that this process starts find the run as if its starter had started them.
    if os.environ.get("RUNS_ID") != id:
        os.environ.update(RUNS_ID=id, RUNS_DIR=folder)
        if starter:
            os.environ["RUNS_STARTED_BY"] = starter
        else:
            os.environ.pop("RUNS_STARTED_BY", None)
    announce(token)
    _end.install()
    return run


def _following(folder: str) -> Token | None:
    """Return the token of the run that the parent started after that of folder.

    It is None if there is no such run. A worker of a pool may serve several runs in turn, and does not hear of it.
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


def inherit_fork() -> None:
    """Let a forked process record to its parent's run, and to those that follow."""
    package: Any = sys.modules[__package__]
    run = package.run
    if run is not None and not run.disabled:
        run._inherited = token_of(run)
        package.log = _log


def _log(data: Any, step: Any = None, commit: Any = None, sync: Any = None) -> None:
    """Log to the inherited run.

    If that run is finished, the row goes to the next one of its starter.
    """
    package = sys.modules[__package__]
    run = package.run
    token: Token = run._inherited
    if not os.path.isdir(token[0]) and (following := _following(token[0])) is not None:
        module(following)
        run = package._inherited("log()")
    run.log(data, step, commit)


def module(token: Token | None = None) -> Any:
    """Return the module gitruns. A pickle of it is a call of this function.

    In a worker that has not called init, the run of the token becomes the one that it records to.
    """
    global arrived
    package = sys.modules[__package__]
    if token is None:
        return package
    arrived = (token[0], token[1], token[2])
    run = package.run
    if run is not None and getattr(run, "_inherited", None) and run.run_id != arrived[1]:
        if run.disabled:
            package._bind(None)
        else:
            from ._end import end

            end(run, "finished", None, "", "", True)  # its starter decides how it ended
            if package.run is run:
                package._bind(None)
    return package


def attribute(name: str) -> Any:
    """Return an attribute of the module gitruns.

    A pickle of a function that waits for init is a call of this one.
    """
    return getattr(sys.modules[__package__], name)
