"""Names of W&B that scripts call and that need no server: util, errors, login and the like."""

from __future__ import annotations

import os

from . import _errors, _live
from ._say import say

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


class Namespace:
    """A namespace whose missing names say so, and what to use instead of them where that is known."""

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
    """Random letters and digits."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(letters[b % 36] for b in os.urandom(length))


def json_dumps_safer(obj: Any, **options: Any) -> str:
    """JSON of any object: arrays as lists, what has no form of its own as its repr."""
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


tensorboard = Namespace("tensorboard", patch=_patch, unpatch=_unpatch)


def _set(name: str) -> Any:
    return lambda value, env=None: (os.environ if env is None else env).__setitem__(name, value)


# Names of variables, most of which init() reads, and calls that set or get one.
env = Namespace(
    "env", get_run=lambda default=None: os.environ.get("RUNS_ID", default), set_project=_set("WANDB_PROJECT"), set_entity=_set("WANDB_ENTITY"),
    RUN_GROUP="WANDB_RUN_GROUP", **{n: "WANDB_" + n for n in "API_KEY DIR DISABLED ENTITY JOB_TYPE MODE NAME NOTES PROJECT RESUME RUN_ID SILENT TAGS".split()},
)  # fmt: skip

# No account has a key: as after login(), programs that ask for one go on.
api = Namespace(
    "api", "gitruns.runs(expression) and gitruns.load(selector) for what was recorded", api_key="none is needed"
)


class AlertLevel:
    """Levels of alert()."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


def login(*args: Any, **kwargs: Any) -> bool:
    """True: there is no account. No key is read or kept."""
    return True


class _Printer:
    """What new_printer() of wandb.sdk.lib.printer gives: it says text on stderr."""

    def display(self, text: Any, *args: Any, **kwargs: Any) -> None:
        for line in [text] if isinstance(text, str) else text:
            say(str(line))


def new_printer(*args: Any, **kwargs: Any) -> _Printer:
    """The printer."""
    return _Printer()


def setup(*args: Any, **kwargs: Any) -> None:
    """Nothing to set up."""


ensure_configured = termsetup = setup


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
