"""Recording from training libraries, one module each, imported when it is asked for and importing its library only then.

    from gitruns.integrations.transformers import GitrunsCallback
    from gitruns.integrations.lightning import GitrunsLogger
    from gitruns.integrations.accelerate import GitrunsTracker

`Trainer(report_to="gitruns")` and `Accelerator(log_with="gitruns")` need no import but that of gitruns: see _registry.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_MODULES = frozenset(
    {"transformers", "lightning", "accelerate", "keras", "xgboost", "lightgbm", "optuna", "hydra", "sklearn"}
)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        from importlib import import_module

        return import_module("." + name, __name__)
    raise AttributeError(f"gitruns.integrations has no {name!r}; there are {', '.join(sorted(_MODULES))}")


def __dir__() -> list[str]:
    return sorted(_MODULES)
