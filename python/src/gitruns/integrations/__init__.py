"""Integrations with training libraries, one module each, which is imported when it is first used.

    from gitruns.integrations.transformers import GitrunsCallback
    from gitruns.integrations.lightning import GitrunsLogger
    from gitruns.integrations.accelerate import GitrunsTracker

For `Trainer(report_to="gitruns")` and `Accelerator(log_with="gitruns")`, `import gitruns` is enough (see _registry).
A new integration is a module here and an entry in `_MODULES`. _current has what they share.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_MODULES = frozenset(
    {
        "transformers",
        "lightning",
        "accelerate",
        "keras",
        "xgboost",
        "lightgbm",
        "catboost",
        "optuna",
        "hydra",
        "sklearn",
        "stable_baselines3",
        "diffusers",
    }
)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        from importlib import import_module

        return import_module("." + name, __name__)
    raise AttributeError(f"gitruns.integrations has no {name!r}; it has {', '.join(sorted(_MODULES))}")


def __dir__() -> list[str]:
    return sorted(_MODULES)
