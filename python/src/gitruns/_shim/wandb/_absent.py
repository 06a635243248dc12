"""Stand-ins for the names of W&B's integrations that gitruns has no counterpart of.

A program that imports one trains on: using the name warns once and records nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


def stand_in(module: str, name: str, instead: str) -> type:
    """Return a class for a name of a submodule of wandb.

    instead says what to use, and completes "use …".
    """

    def warn() -> None:
        from gitruns._messages import warn_once

        warn_once(
            ("wandb", module, name), f"gitruns has no wandb.{module}.{name}, which records nothing; use {instead}"
        )

    class Absent(_Inert):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            warn()

    Absent.__name__ = Absent.__qualname__ = name
    Absent.__doc__ = f"wandb.{module}.{name}, which gitruns does not have."
    return Absent


class _Inert:
    """An object that takes any call and does nothing.

    It can be a callback, a decorator or a context.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _nothing

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return args[0] if len(args) == 1 and callable(args[0]) and not kwargs else None

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: Any) -> None:
        pass


def _nothing(*args: Any, **kwargs: Any) -> None:
    pass
