"""W&B's autolog for diffusers."""

from __future__ import annotations

from typing import Any

import gitruns


class _Autolog:
    """The object that W&B calls autolog.

    Calling or enabling it starts the recording, and a run if there is none.
    """

    def __init__(self) -> None:
        self._recorder: Any = None

    def __call__(self, init: dict[str, Any] | None = None) -> None:
        self.enable(init)

    def enable(self, init: dict[str, Any] | None = None) -> None:
        """Start the recording."""
        from gitruns.integrations.diffusers import autolog as own

        if gitruns.run is None:
            gitruns.init(**(init or {}))
        if self._recorder is None:
            self._recorder = own()

    def disable(self) -> None:
        """End the recording. The run stays open."""
        if self._recorder is not None:
            self._recorder.disable()
            self._recorder = None


autolog = _Autolog()
