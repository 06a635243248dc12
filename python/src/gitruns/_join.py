"""How a process joins the run that it inherited, the first time that it logs."""

from __future__ import annotations

import os
import sys

from . import _end, _inherit, _token
from ._disabled import DisabledRun
from ._errors import Error
from ._messages import warn_once
from ._run import attach

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


def join() -> Any:
    """Join the run that this process inherited, and make it the active one.

    Returns None if there is none. If that run cannot be joined, because it is finished or on another machine, the
    process records nothing, with a warning: a worker must not fail because of it.
    """
    if _end.exiting:
        warn_once("late", "the run ended with the program; what is logged after that is not recorded")
        return _disabled()
    token = _token.find()
    if (
        token is None or _token.caller == os.getpid()
    ):  # a process that has called init is told when it logs without a run
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
        package.log = _inherit.log
    return run


def _disabled() -> Any:
    run: Any = DisabledRun()
    run._pid = os.getpid()
    run._settings = None
    return run


def _attached(token: _token.Token) -> Any:
    """Join the run of the token, or the next one of its starter, or return None."""
    folder, id, starter = token
    try:
        run = attach(folder, id)
    except Error as e:
        following = _token.following(folder)
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
    _token.announce(token)
    _end.install()
    return run
