"""Capture of the console output, for Settings(console="wrap").

It sees only what goes through sys.stdout and sys.stderr. `runs exec` captures all output, from outside the process.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_MAX = 16 << 20  # bytes


class _Tee:
    """A text stream that also passes its text on to the run."""

    def __init__(self, stream: Any, keep: Any) -> None:
        self._stream = stream
        self._keep = keep

    def write(self, text: str) -> Any:
        done = self._stream.write(text)
        self._keep(text)
        return done

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def capture(run: Any) -> None:
    """Keep the output of sys.stdout and sys.stderr from now on.

    It becomes the artifact console.txt, of at most 16 MiB.
    """
    path = os.path.join(run.dir, "console.txt")
    left = [_MAX]

    def keep(text: str) -> None:
        if left[0] <= 0 or run._state:
            return
        data = text.encode("utf-8", "backslashreplace")[: left[0]]
        left[0] -= len(data)
        try:
            with open(path, "ab") as f:
                f.write(data)
        except OSError:
            left[0] = 0

    tees = [(name, _Tee(getattr(sys, name), keep)) for name in ("stdout", "stderr") if getattr(sys, name) is not None]
    for name, tee in tees:
        setattr(sys, name, tee)

    def restore() -> None:
        for name, tee in tees:
            if getattr(sys, name) is tee:
                setattr(sys, name, tee._stream)

    run._cleanups.append(restore)
