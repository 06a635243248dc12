"""Messages: single lines on stderr that begin with `gitruns: `.

Every module reports through this one, which imports no other module of the package. A warning says what happened and
what follows from it.
"""

from __future__ import annotations

import os
import sys

silent = False  # Settings(silent=True)
_reported: set[object] = set()


def progress(text: str) -> None:
    """Print `gitruns: text` on stderr, unless the client is silent.

    Control characters become spaces: text from a user must not steer a terminal.
    """
    variable = os.environ.get("RUNS_SILENT", os.environ.get("WANDB_SILENT", ""))
    if silent or variable.lower() in ("1", "true", "yes", "on"):
        return
    line = "".join(c if c.isprintable() else " " for c in text)
    try:
        sys.stderr.write("gitruns: " + line + "\n")
    except (OSError, ValueError, AttributeError):  # stderr is closed or missing
        pass


def progress_once(key: object, text: str) -> None:
    """Print a message, but only the first one of this process under key."""
    if key not in _reported:
        _reported.add(key)
        progress(text)


def warn(text: str) -> None:
    """Print `gitruns: warning: text` on stderr, unless the client is silent."""
    progress("warning: " + text)


def warn_once(key: object, text: str) -> None:
    """Print a warning, but only the first one of this process under key."""
    progress_once(key, "warning: " + text)
