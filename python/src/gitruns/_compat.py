"""Names of W&B that programs call and that need no server: util, errors, env, login and the like.

Names that gitruns does not have are in _refused.
"""

from __future__ import annotations

import os

from . import _errors, _live
from ._messages import progress

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


class Namespace:
    """A namespace of W&B.

    The error for a missing name says what to use instead, if that is known.
    """

    def __init__(self, name: str, instead: str = "", /, **names: Any) -> None:
        self.__dict__.update(names)
        self.__name__ = name
        self._instead = instead

    def __getattr__(self, name: str) -> Any:
        instead = self.__dict__.get("_instead")
        raise AttributeError(
            f"gitruns has no wandb.{self.__dict__.get('__name__', '')}.{name}" + (f"; use {instead}" if instead else "")
        )


def generate_id(length: int = 8) -> str:
    """Return random lowercase letters and digits."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(letters[b % 36] for b in os.urandom(length))


def json_dumps_safer(obj: Any, **options: Any) -> str:
    """Return any object as JSON.

    Arrays become lists, and other unknown objects their repr.
    """
    import json

    return json.dumps(obj, default=lambda v: v.tolist() if hasattr(v, "tolist") else repr(v), **options)


util = Namespace("util", generate_id=generate_id, json_dumps_safer=json_dumps_safer)
errors = Namespace(
    "errors",
    Error=_errors.Error,
    CommError=_errors.CommError,
    UsageError=_errors.UsageError,
    ConfigError=_errors.ConfigError,
    AuthenticationError=_errors.CommError,
)


def _patch(root_logdir: Any = "", pytorch: Any = None, tensorboard_x: Any = None, save: bool = True) -> None:
    """Import the metrics of event files under root_logdir.

    init(sync_tensorboard=True) does the same. Before init, this applies to the next run.
    """
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
    """Undo patch() for the next run."""
    from ._init import patch_before

    patch_before(None)


tensorboard = Namespace("tensorboard", patch=_patch, unpatch=_unpatch)


def _set(name: str) -> Any:
    return lambda value, env=None: (os.environ if env is None else env).__setitem__(name, value)


_VARIABLES = "API_KEY DIR DISABLED ENTITY JOB_TYPE MODE NAME NOTES PROJECT RESUME RUN_GROUP RUN_ID SILENT TAGS"

# The names of variables, most of which init() reads, and functions that set or get one.
env = Namespace(
    "env",
    get_run=lambda default=None: os.environ.get("RUNS_ID", default),
    set_project=_set("WANDB_PROJECT"),
    set_entity=_set("WANDB_ENTITY"),
    **{n: "WANDB_" + n for n in _VARIABLES.split()},
)

# Programs that ask for a key continue, as they do after login().
api = Namespace("api", "gitruns.runs(expression) and gitruns.load(selector)", api_key="no key is needed")


class AlertLevel:
    """Levels of alert()."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


def login(*args: Any, **kwargs: Any) -> bool:
    """Return True. There is no account, and no key is read or stored."""
    return True


class _Printer:
    """The printer of wandb.sdk.lib.printer: it prints lines on stderr."""

    def display(self, text: Any, *args: Any, **kwargs: Any) -> None:
        for line in [text] if isinstance(text, str) else text:
            progress(str(line))


def new_printer(*args: Any, **kwargs: Any) -> _Printer:
    """Return a printer for stderr."""
    return _Printer()


def setup(*args: Any, **kwargs: Any) -> None:
    """Do nothing: there is nothing to set up."""


ensure_configured = termsetup = setup


def teardown(exit_code: int | None = None) -> None:
    """Finish the active run."""
    import sys

    sys.modules[__package__].finish(exit_code)


def require(*args: Any, **kwargs: Any) -> None:
    """Do nothing: gitruns has no optional features."""


def termlog(string: str = "", *args: Any, **kwargs: Any) -> None:
    """Print a line on stderr."""
    progress(str(string))


termwarn = termerror = termlog
