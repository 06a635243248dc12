"""Names of W&B that scripts call and that need no server: util, errors, login and the like."""

from __future__ import annotations

import os

from . import _errors, _live
from ._say import say

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


class _Namespace:
    """A namespace whose missing names say so."""

    def __init__(self, name: str, **names: Any) -> None:
        self.__dict__.update(names)
        self.__name__ = name

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"gitruns has no wandb.{self.__dict__.get('__name__', '')}.{name}")


def generate_id(length: int = 8) -> str:
    """Random letters and digits."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(letters[b % 36] for b in os.urandom(length))


util = _Namespace("util", generate_id=generate_id)
errors = _Namespace("errors", Error=_errors.Error, CommError=_errors.CommError, UsageError=_errors.UsageError, ConfigError=_errors.ConfigError, AuthenticationError=_errors.CommError)


def _patch(root_logdir: Any = "", pytorch: Any = None, tensorboard_x: Any = None, save: bool = True) -> None:
    """Take over what event files below root_logdir say, as init(sync_tensorboard=True) does. Before init it is kept for the run that begins."""
    folder = os.path.abspath(os.fsdecode(os.fspath(root_logdir))) if root_logdir else ""
    run = _live.active()
    if run is None:
        from ._init import patch_before

        patch_before(folder)
        return
    if run.disabled:
        return
    if run._tensorboard is None:
        run._tensorboard = {"dirs": []}
    if folder:
        run._tensorboard["dirs"].append(folder)


def _unpatch() -> None:
    """Forget what patch() kept for the next run."""
    from ._init import patch_before

    patch_before(None)


tensorboard = _Namespace("tensorboard", patch=_patch, unpatch=_unpatch)
env = _Namespace("env", get_run=lambda default=None: os.environ.get("RUNS_ID", default))


class AlertLevel:
    """Levels of alert()."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


def login(*args: Any, **kwargs: Any) -> bool:
    """True: there is no account. No key is read or kept."""
    return True


def setup(*args: Any, **kwargs: Any) -> None:
    """Nothing to set up."""


def teardown(exit_code: int | None = None) -> None:
    """End the active run."""
    import sys

    sys.modules[__package__].finish(exit_code)


def require(*args: Any, **kwargs: Any) -> None:
    """Nothing: what W&B made optional is as it is."""


def termlog(string: str = "", *args: Any, **kwargs: Any) -> None:
    """Say something on stderr."""
    say(str(string))


termwarn = termerror = termlog
