"""The submodules of wandb that programs import, with names of gitruns in them.

To support one more, add it to `_NAMES`. For any other submodule, the error says what to use instead.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec

import gitruns

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_MEDIA = ("Image", "Table", "Histogram", "Video", "Audio", "Html", "Object3D", "Molecule", "Plotly", "WBValue")

# The names in each submodule, besides its own submodules. "*" stands for every name of gitruns.
_NAMES: dict[str, Any] = {
    "sdk": ("*",),
    "sdk.lib": ("RunDisabled",),
    "sdk.lib.disabled": ("RunDisabled",),
    "sdk.lib.config_util": ("ConfigError",),
    "sdk.lib.runid": ("generate_id",),
    "sdk.lib.printer": ("new_printer",),
    "sdk.lib.config": ("Config",),
    "sdk.wandb_run": ("Run", "finish"),
    "sdk.wandb_init": ("init",),
    "sdk.wandb_config": ("Config",),
    "sdk.wandb_summary": ("Summary",),
    "sdk.wandb_settings": ("Settings",),
    "sdk.wandb_alerts": ("AlertLevel",),
    "sdk.wandb_login": ("login",),
    "sdk.data_types": _MEDIA,
    "sdk.data_types.base_types": (),
    "sdk.data_types.base_types.wb_value": ("WBValue",),
    "sdk.data_types.image": ("Image",),
    "sdk.data_types.table": ("Table",),
    "sdk.data_types.histogram": ("Histogram",),
    "sdk.data_types.video": ("Video",),
    "sdk.data_types.audio": ("Audio",),
    "sdk.data_types.html": ("Html",),
    "sdk.data_types.object_3d": ("Object3D",),
    "sdk.data_types.molecule": ("Molecule",),
    "sdk.artifacts": ("Artifact",),
    "sdk.artifacts.artifact": ("Artifact",),
    "wandb_run": ("Run",),
    "data_types": _MEDIA,
    "errors": ("errors",),
    "errors.errors": ("errors",),
    "errors.term": ("termlog", "termwarn", "termerror"),
    "util": ("util",),
    "env": ("env",),
    "plot": ("plot",),
    "tensorboard": ("tensorboard",),
    "sklearn": ("sklearn",),
    "integration": (),
    "integration.tensorboard": ("tensorboard",),
    "integration.sklearn": ("sklearn",),
}

# The names of W&B's integrations that _callbacks has, by their module there. Older W&B had wandb.xgboost and so on.
CALLBACKS = {
    "xgboost": ("WandbCallback", "wandb_callback"),
    "lightgbm": ("wandb_callback", "log_summary"),
    "catboost": ("WandbCallback", "log_summary"),
    "keras": ("WandbCallback", "WandbMetricsLogger", "WandbModelCheckpoint", "WandbEvalCallback"),
    "sb3": ("WandbCallback",),
    "fastai": ("WandbCallback",),
    "diffusers": ("autolog",),
}
for _name, _names in CALLBACKS.items():
    _NAMES[_name] = _NAMES["integration." + _name] = _names
_NAMES["integration.keras.callbacks"] = CALLBACKS["keras"]
_MODULE = {"integration.keras.callbacks": "keras"}

# W&B's integrations without a counterpart, and what to use instead.
_ABSENT = {
    "dspy": "gitruns.log",
    "gym": "run.save('videos/*.mp4')",
    "huggingface": "gitruns.log",
    "kfp": "'runs exec' in the step",
    "langchain": "gitruns.log",
    "lightning.fabric": "gitruns.integrations.lightning",
    "metaflow": "gitruns.init in the step",
    "openai": "gitruns.log",
    "prodigy": "gitruns.log with a Table",
    "sacred": "gitruns.log",
    "sagemaker": "gitruns.init",
    "tensorflow": "init(sync_tensorboard=True)",
    "torch": "run.watch(model)",
    "ultralytics": "'yolo settings wandb=True'",
    "weave": "gitruns.log",
}
for _name in (*_ABSENT, "lightning", "openai.fine_tuning"):
    _NAMES["integration." + _name] = ()

# Names that gitruns does not have at its top level.
_INTERNAL = {
    "WBValue": ("gitruns._media", "Media"),
    "new_printer": ("gitruns._compat", "new_printer"),
    "RunDisabled": ("gitruns._disabled", "DisabledRun"),
    "ConfigError": ("gitruns._errors", "ConfigError"),
    "generate_id": ("gitruns._compat", "generate_id"),
    "Summary": ("gitruns._summary", "Summary"),
}

# Names of gitruns that stand for a whole module.
_WHOLE = ("errors", "util", "env", "plot", "tensorboard", "sklearn")

# Packages of W&B that programs import, whose names are refused when they are called.
_PACKAGES = ("apis", "apis.public", "apis.importers", "sweeps", "agents", "beta", "docker", "plots", "sync")
for _name in _PACKAGES:
    _NAMES[_name] = ()


def _value(module: str, name: str) -> Any:
    """Return the value of a name in a submodule of wandb.

    Raises AttributeError if it has no such name.
    """
    if f"{module}.{name}" in _NAMES:  # W&B loads it itself: wandb.sdk.wandb_run.Run needs no import of its own
        return import_module(f"wandb.{module}.{name}")
    if name.startswith("__"):
        raise AttributeError(f"module 'wandb.{module}' has no attribute {name!r}")
    names = _NAMES[module]
    short = _MODULE.get(module, module.rpartition(".")[2])
    if name in names and names is CALLBACKS.get(short):
        return getattr(import_module("wandb._callbacks." + short), name)
    absent = module[len("integration.") :] if module.startswith("integration.") else ""
    if absent.partition(".")[0] in _ABSENT or absent in _ABSENT:
        from ._absent import stand_in

        return stand_in(module, name, _ABSENT.get(absent) or _ABSENT[absent.partition(".")[0]])
    if module in _PACKAGES:
        return getattr(gitruns, name)
    if name in names or names == ("*",) and not name.startswith("_"):
        if name in _INTERNAL:
            where, what = _INTERNAL[name]
            return getattr(import_module(where), what)
        if name not in _WHOLE:
            return getattr(gitruns, name)
    if len(names) == 1 and names[0] in _WHOLE and not name.startswith("__"):
        return getattr(getattr(gitruns, names[0]), name)
    raise AttributeError(f"gitruns has no wandb.{module}.{name}")


def _instead(module: str) -> str:
    """Return why a submodule of wandb cannot be imported, and what to use instead."""
    parts = module.split(".")
    if len(parts) == 1:
        try:
            getattr(gitruns, parts[0])
        except Exception as e:
            return str(e)
    return f"gitruns has no wandb.{module}"


class _Finder:
    """The entry of sys.meta_path that finds and loads the submodules."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return the spec of a submodule of wandb, or None for any other module.

        Raises ModuleNotFoundError, which says what to use instead, if the shim does not have the submodule.
        """
        if not name.startswith("wandb.") or name.startswith("wandb._"):
            return None
        module = name[len("wandb.") :]
        if module not in _NAMES:
            # Without name=, because `from wandb import x` hides the message of an error that has it.
            raise ModuleNotFoundError(_instead(module))
        package = any(other.startswith(module + ".") for other in _NAMES)
        return ModuleSpec(name, self, is_package=package)  # type: ignore[arg-type]

    def create_module(self, spec: Any) -> None:
        """Let the import system make the module."""

    def exec_module(self, module: Any) -> None:
        """Give the module its names. Each is looked up when it is used."""
        short = module.__name__[len("wandb.") :]
        module.__getattr__ = lambda name: _value(short, name)
        if "*" not in _NAMES[short]:
            module.__all__ = [n for n in _NAMES[short] if n != short.split(".")[0]]


def install() -> None:
    """Put the finder at the head of sys.meta_path, once."""
    if not any(type(f).__module__ == __name__ for f in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
