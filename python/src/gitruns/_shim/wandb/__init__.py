"""`import wandb` gives the module gitruns itself: run, config and summary are live, whichever name a program uses.

The folder above stands first on the path of a program that `runs exec --wandb` starts. Submodules of wandb are made of the
names of gitruns that belong there; any other raises ModuleNotFoundError, which names what to use.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec

try:
    import gitruns
except ImportError:  # only this folder is on the path
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))))
    import gitruns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERSION = "0.31.0"  # the version of wandb whose calls these are, as the dist-info beside says

_MEDIA = "Image Table Histogram Video Audio Html"

# The names of each submodule: of gitruns, or NAME=MODULE.NAME.
_MODULES = {
    "data_types": _MEDIA,
    "env": "env.*", "errors": "errors.*", "errors.errors": "errors.*", "plot": "plot.*", "tensorboard": "tensorboard.*", "util": "util.*",
    "sdk": "init finish log login setup teardown Settings Run=_run.Run Config=_config.Config Artifact",
    "sdk.artifacts": "Artifact", "sdk.artifacts.artifact": "Artifact", "sdk.data_types": _MEDIA,
    "sdk.data_types.image": "Image", "sdk.data_types.table": "Table", "sdk.data_types.histogram": "Histogram",
    "sdk.data_types.video": "Video", "sdk.data_types.audio": "Audio", "sdk.data_types.html": "Html",
    "sdk.lib": "RunDisabled=_disabled.DisabledRun", "sdk.lib.disabled": "RunDisabled=_disabled.DisabledRun", "sdk.lib.runid": "generate_id=_compat.generate_id",
    "sdk.wandb_config": "Config=_config.Config", "sdk.wandb_init": "init", "sdk.wandb_login": "login",
    "sdk.wandb_run": "Run=_run.Run finish", "sdk.wandb_settings": "Settings", "sdk.wandb_setup": "setup", "sdk.wandb_summary": "Summary=_summary.Summary",
    "wandb_run": "Run=_run.Run",
    "apis": "", "integration": "",
}  # fmt: skip

# What to use instead of a submodule, by the beginning of its name.
_INSTEAD = {
    "__main__": "the command 'runs'",
    "agents": "'hydra -m', a Slurm array or gitruns.integrations.optuna",
    "apis.": "gitruns.load() and gitruns.runs()",
    "cli": "the command 'runs'",
    "integration.accelerate": "gitruns.integrations.accelerate",
    "integration.keras": "gitruns.integrations.keras",
    "integration.lightgbm": "gitruns.integrations.lightgbm",
    "integration.lightning": "gitruns.integrations.lightning",
    "integration.optuna": "gitruns.integrations.optuna",
    "integration.sklearn": "gitruns.integrations.sklearn",
    "integration.tensorboard": "gitruns.init(sync_tensorboard=True)",
    "integration.tensorflow": "gitruns.init(sync_tensorboard=True)",
    "integration.transformers": "gitruns.integrations.transformers",
    "integration.xgboost": "gitruns.integrations.xgboost",
    "integration.": "gitruns.log() in a callback",
    "keras": "gitruns.integrations.keras",
    "lightgbm": "gitruns.integrations.lightgbm",
    "sklearn": "gitruns.integrations.sklearn and gitruns.log()",
    "sweeps": "'hydra -m', a Slurm array or gitruns.integrations.optuna",
    "xgboost": "gitruns.integrations.xgboost",
}


def _value(path: str) -> Any:
    """What a dotted name below gitruns stands for. The modules of gitruns are loaded when a name of theirs is asked for."""
    from importlib import import_module

    head, _, rest = path.partition(".")
    value = import_module("gitruns." + head) if head.startswith("_") else getattr(gitruns, head)
    return getattr(value, rest) if rest else value


class _Submodule(type(sys)):  # type: ignore[misc]
    """A submodule of wandb. Its names are looked up when they are used."""

    _names: dict = {}
    _all = ""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self._names:
            value = _value(self._names[name])
        elif self._all:
            value = getattr(_value(self._all), name)
        elif f"{self.__name__}.{name}"[len("wandb.") :] in _MODULES:  # W&B has loaded it
            from importlib import import_module

            value = import_module(f"{self.__name__}.{name}")
        else:
            raise AttributeError(f"gitruns has no {self.__name__}.{name}")
        self.__dict__[name] = value
        return value


class _Submodules:
    """The finder and loader of the submodules. It stands before the others, which would look into gitruns' own folder."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if not name.startswith("wandb."):
            return None
        rest = name[len("wandb.") :]
        if rest in _MODULES:
            return ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]
        for start, instead in _INSTEAD.items():
            if rest == start or rest.startswith(start if start.endswith(".") else start + "."):
                raise ModuleNotFoundError(f"gitruns has no {name}; use {instead}")
        raise ModuleNotFoundError(f"gitruns has no {name}")  # with name=, `from wandb import …` would hide the text

    def create_module(self, spec: Any) -> Any:
        # What gitruns itself offers under the name (wandb.plot, wandb.util) stays the same object.
        words = _MODULES[spec.name[len("wandb.") :]]
        module = _Submodule(spec.name)
        if words.endswith(".*"):
            module._all = words[:-2]
            _value(module._all)
            module._kept = getattr(gitruns, module._all)
        else:
            module._names = {w.partition("=")[0]: w.partition("=")[2] or w for w in words.split()}
            module.__all__ = sorted(module._names)
        return module

    def exec_module(self, module: Any) -> None:
        """Names come when they are asked for; a submodule that gitruns has under the same name is that object."""
        kept = module.__dict__.get("_kept")
        if kept is not None:
            sys.modules[module.__name__] = kept


if not any(type(f).__name__ == "_Submodules" for f in sys.meta_path):
    sys.meta_path.insert(0, _Submodules())  # type: ignore[arg-type]
gitruns.__dict__["__version__"] = VERSION  # scripts compare wandb.__version__; gitruns' own is in gitruns._version
sys.modules["wandb"] = gitruns
for _name in ("wandb.data_types", "wandb.sdk", "wandb.wandb_run"):
    __import__(_name)
