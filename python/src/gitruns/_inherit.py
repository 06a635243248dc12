"""What a process of a program does with the run that it inherited: it logs to it, and follows to the next one."""

from __future__ import annotations

import os
import sys

from . import _end, _token

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


def inherit_fork() -> None:
    """Let a forked process record to its parent's run, and to those that follow."""
    package: Any = sys.modules[__package__]
    run = package.run
    if run is not None and not run.disabled:
        run._inherited = _token.token_of(run)
        package.log = log


def log(data: Any, step: Any = None, commit: Any = None, sync: Any = None, labels: Any = None) -> None:
    """Log to the inherited run.

    If that run is finished, the row goes to the next one of its starter.
    """
    package = sys.modules[__package__]
    run = package.run
    token: _token.Token = run._inherited
    if not os.path.isdir(token[0]) and (following := _token.following(token[0])) is not None:
        module(following)
        run = package._inherited("log()")
    run.log(data, step, commit, sync, labels)


def module(token: _token.Token | None = None) -> Any:
    """Return the module gitruns. A pickle of it is a call of this function.

    In a worker that has not called init, the run of the token becomes the one that it records to.
    """
    package = sys.modules[__package__]
    if token is None:
        return package
    _token.arrived = arrived = (token[0], token[1], token[2])
    run = package.run
    if run is not None and getattr(run, "_inherited", None) and run.run_id != arrived[1]:
        if run.disabled:
            package._bind(None)
        else:
            _end.end(run, "finished", None, "", "", True)  # its starter decides how it ended
            if package.run is run:
                package._bind(None)
    return package


def attribute(name: str) -> Any:
    """Return an attribute of the module gitruns.

    A pickle of a function that waits for init is a call of this one.
    """
    return getattr(sys.modules[__package__], name)
