"""gitruns records machine-learning experiments in Git, as files, without a server.

    import gitruns

    run = gitruns.init(project="penguins", config={"lr": 0.1})
    for step in range(100):
        gitruns.log({"loss": 1 / (step + 1)})
    gitruns.finish()

The functions are those of W&B: `import gitruns as wandb` is enough for most programs. In addition, load, runs and
diff read recorded runs, and log_dataset records data by its hash.
"""

# `import gitruns` must take only a few milliseconds. So this module imports _registry, _errors and _version, and loads
# each name of _LAZY when it is first used. To add a public name, extend _LAZY, __all__ and the block for type checkers.

from __future__ import annotations

import sys

from . import _reads, _registry
from ._errors import CommError, ConfigError, Error, NotFoundError, UsageError
from ._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from collections.abc import Mapping
    from typing import Any

    from . import _plot as plot
    from . import integrations as integrations
    from ._artifact import Artifact as Artifact
    from ._compat import AlertLevel as AlertLevel
    from ._compat import api as api
    from ._compat import ensure_configured as ensure_configured
    from ._compat import env as env
    from ._compat import errors as errors
    from ._compat import login as login
    from ._compat import require as require
    from ._compat import setup as setup
    from ._compat import teardown as teardown
    from ._compat import tensorboard as tensorboard
    from ._compat import termerror as termerror
    from ._compat import termlog as termlog
    from ._compat import termsetup as termsetup
    from ._compat import termwarn as termwarn
    from ._compat import util as util
    from ._config import Config as Config
    from ._image import Image as Image
    from ._init import init as init
    from ._media import Audio as Audio
    from ._media import Histogram as Histogram
    from ._media import Html as Html
    from ._media import Plotly as Plotly
    from ._model import load_model as load_model
    from ._object3d import Molecule as Molecule
    from ._object3d import Object3D as Object3D
    from ._plot import plot_table as plot_table
    from ._reader import diff as diff
    from ._reader import load as load
    from ._reader import runs as runs
    from ._restore import restore as restore
    from ._run import Run as Run
    from ._sdk import data_types as data_types
    from ._sdk import sdk as sdk
    from ._sdk import wandb_run as wandb_run
    from ._settings import Settings as Settings
    from ._sklearn import sklearn as sklearn
    from ._summary import Summary
    from ._table import Table as Table
    from ._video import Video as Video

    # The run that init() started and finish() has not finished, or None.
    run: Run | None
    config: Config
    summary: Summary

    # The signatures of the functions in _OF_RUN.
    _active = Run({})
    define_metric = _active.define_metric
    save = _active.save
    log_artifact = _active.log_artifact
    use_artifact = _active.use_artifact
    log_model = _active.log_model
    use_model = _active.use_model
    watch = _active.watch
    unwatch = _active.unwatch
    alert = _active.alert
    log_code = _active.log_code
    mark_preempting = _active.mark_preempting

_reads.install()

# The module of each name that is loaded when it is first used.
_LAZY = {
    "AlertLevel": "_compat",
    "Artifact": "_artifact",
    "Audio": "_media",
    "Config": "_config",
    "Histogram": "_media",
    "Html": "_media",
    "Image": "_image",
    "Molecule": "_object3d",
    "Object3D": "_object3d",
    "Plotly": "_media",
    "Run": "_run",
    "Settings": "_settings",
    "Table": "_table",
    "Video": "_video",
    "api": "_compat",
    "data_types": "_sdk",
    "diff": "_reader",
    "ensure_configured": "_compat",
    "env": "_compat",
    "errors": "_compat",
    "init": "_init",
    "load": "_reader",
    "load_model": "_model",
    "login": "_compat",
    "plot": "_plot",
    "plot_table": "_plot",
    "require": "_compat",
    "restore": "_restore",
    "runs": "_reader",
    "sdk": "_sdk",
    "setup": "_compat",
    "sklearn": "_sklearn",
    "teardown": "_compat",
    "tensorboard": "_compat",
    "termerror": "_compat",
    "termlog": "_compat",
    "termsetup": "_compat",
    "termwarn": "_compat",
    "util": "_compat",
    "wandb_run": "_sdk",
}

# Functions of the module that are methods of the active run.
_OF_RUN = {
    "alert",
    "define_metric",
    "log_artifact",
    "log_code",
    "log_model",
    "mark_preempting",
    "save",
    "unwatch",
    "use_artifact",
    "use_model",
    "watch",
}

# The names are written out, because type checkers understand no other form.
__all__ = [
    "AlertLevel",
    "Artifact",
    "Audio",
    "CommError",
    "Config",
    "ConfigError",
    "Error",
    "Histogram",
    "Html",
    "Image",
    "Molecule",
    "NotFoundError",
    "Object3D",
    "Plotly",
    "Run",
    "Settings",
    "Table",
    "UsageError",
    "Video",
    "__version__",
    "alert",
    "api",
    "config",
    "data_types",
    "define_metric",
    "diff",
    "ensure_configured",
    "env",
    "errors",
    "finish",
    "init",
    "join",
    "load",
    "load_model",
    "log",
    "log_artifact",
    "log_code",
    "log_dataset",
    "log_model",
    "login",
    "mark_preempting",
    "plot",
    "plot_table",
    "require",
    "restore",
    "run",
    "runs",
    "save",
    "sdk",
    "setup",
    "sklearn",
    "summary",
    "teardown",
    "tensorboard",
    "termerror",
    "termlog",
    "termsetup",
    "termwarn",
    "unwatch",
    "use_artifact",
    "use_model",
    "util",
    "wandb_run",
    "watch",
]


class _BeforeInit:
    """The config and the summary before init: any use raises Error."""

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)

    def _fail(self) -> Any:
        raise Error(f"call gitruns.init() before gitruns.{self._name}")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._fail()

    def __setattr__(self, name: str, value: Any) -> None:
        self._fail()

    def __getitem__(self, key: str) -> Any:
        return self._fail()

    def __setitem__(self, key: str, value: Any) -> None:
        self._fail()

    def __reduce__(self) -> tuple[Any, ...]:
        from ._inherit import attribute

        return attribute, (self._name,)

    def __repr__(self) -> str:
        return f"<gitruns.{self._name}: call gitruns.init() first>"


class _Module(type(sys)):  # type: ignore[misc]
    """The class of this module. Its properties belong to the active run."""

    _active: Any = None

    @property
    def run(self) -> Any:
        """The run that init() started and finish() has not finished, or None."""
        return _Module._active

    @property
    def config(self) -> Any:
        """The config of the active run.

        Assigning a dict updates it. Before init, this updates the config of the next run.
        """
        return _Module._active.config if _Module._active is not None else _BeforeInit("config")

    @config.setter
    def config(self, values: Any) -> None:
        if _Module._active is not None:
            _Module._active.config.update(values)
            return
        from ._init import _before_config
        from ._values import config_of

        _before_config.update(config_of(values))

    @property
    def summary(self) -> Any:
        """The summary of the active run."""
        return _Module._active.summary if _Module._active is not None else _BeforeInit("summary")

    @summary.setter
    def summary(self, values: Any) -> None:
        self.summary.update(values)

    def _bind(self, run: Any) -> None:
        """Make run the active run.

        Its log method replaces the module's log function, so that the module adds no cost to a call.
        """
        _Module._active = run
        self.__dict__["log"] = run.log if run is not None else _log_before_init

    def __getattr__(self, name: str) -> Any:
        if name in _LAZY:
            from importlib import import_module

            module = import_module("." + _LAZY[name], __name__)
            value = module if name == "plot" else getattr(module, name)
            self.__dict__[name] = value
            return value
        if name in _OF_RUN:
            return getattr(_Module._active, name) if _Module._active is not None else _CallBeforeInit(name)
        if name == "integrations":
            from importlib import import_module

            return import_module(".integrations", __name__)
        if name.startswith("_"):
            raise AttributeError(f"gitruns has no {name}")
        from . import _refused

        if _refused.known(name):
            return _refused.refused(name)
        raise AttributeError(_refused.missing(name))

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *__all__})

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the module by its name, and with it which run is active.

        Python has no pickle of modules. Cloudpickle has one, but not for a module whose class is this one.
        """
        from ._inherit import module
        from ._token import token_of

        return module, ((token_of(_Module._active),) if _Module._active is not None else ())


def _inherited(call: str) -> Any:
    """Return the active run, or join the run that this process inherited.

    Raises Error if there is neither.
    """
    if _Module._active is None:
        from ._join import join

        if join() is None:
            raise Error(f"call gitruns.init() before gitruns.{call}")
    return _Module._active


def _log_before_init(
    data: Mapping[str, Any],
    step: int | None = None,
    commit: bool | None = None,
    sync: bool | None = None,
    labels: Mapping[str, Any] | None = None,
) -> None:
    _inherited("log()").log(data, step, commit, sync, labels)


class _CallBeforeInit:
    """A function in _OF_RUN before init.

    A program may have imported it with `from gitruns import save`.
    """

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return getattr(_inherited(self.__name__ + "()"), self.__name__)(*args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        from ._inherit import attribute

        return attribute, (self.__name__,)


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """Finish the active run, if there is one. See Run.finish."""
    if _Module._active is not None:
        _Module._active.finish(exit_code, quiet)


def join(exit_code: int | None = None) -> None:
    """Do the same as finish."""
    finish(exit_code)


def log_dataset(path: Any, name: str | None = None, role: str | None = None) -> None:
    """Record a file or a folder as a dataset of the active run, by its hash.

    Args:
        path: The file or folder. If it does not exist, a warning is printed.
        name: The name of the dataset. The default is the last part of the path.
        role: What the run uses it for, for example "training".

    Raises:
        Error: No run is active.
    """
    _inherited("log_dataset()").log_dataset(path, name, role)


log = _log_before_init
sys.modules[__name__].__class__ = _Module
_registry.install()
