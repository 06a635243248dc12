"""The shim: the module wandb of a program under `runs exec --wandb`. Its names are those of gitruns.

`wandb.run`, `wandb.config` and `wandb.summary` are live, as in gitruns, and assignments go to gitruns. _submodules
makes the submodules that programs import. The version is the version of W&B that gitruns is compatible with.
"""

from __future__ import annotations

import sys

import gitruns

from . import _submodules

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

__version__ = "0.31.0"


def _own(name: str, value: Any = None) -> bool:
    """Report whether a name belongs to this module and not to gitruns.

    Such names are those of the import system, and submodules.
    """
    return name.startswith("_") or isinstance(value, type(sys)) and value.__name__.startswith("wandb.")


class _Shim(type(sys)):  # type: ignore[misc]
    """The class of the module, with live names."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module 'wandb' has no attribute {name!r}")
        if name in ("sdk", "data_types", "wandb_run", "integration", *_submodules.CALLBACKS):  # W&B loads them itself
            from importlib import import_module

            return import_module("wandb." + name)
        return getattr(gitruns, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if _own(name, value):
            self.__dict__[name] = value
        else:
            setattr(gitruns, name, value)

    def __delattr__(self, name: str) -> None:
        if name in self.__dict__:
            del self.__dict__[name]
        else:
            delattr(gitruns, name)

    def __dir__(self) -> list[Any]:
        return sorted({*self.__dict__, *gitruns.__all__} - {"annotations", "gitruns", "sys", "TYPE_CHECKING"})


__all__ = list(gitruns.__all__)
_submodules.install()
sys.modules[__name__].__class__ = _Shim
