"""What the client says: one line on stderr each, nothing twice that was asked to be said once."""

from __future__ import annotations

import os
import sys

silent = False
_said: set[object] = set()


def say(text: str) -> None:
    """Write one line `gitruns: text` to stderr, unless the client is silent. Control characters are taken out."""
    if silent or os.environ.get("RUNS_SILENT", os.environ.get("WANDB_SILENT", "")).lower() in (
        "1",
        "true",
        "yes",
        "on",
    ):
        return
    line = "".join(c if c.isprintable() else " " for c in text)
    try:
        sys.stderr.write("gitruns: " + line + "\n")
    except (OSError, ValueError, AttributeError):  # stderr is closed, or there is none
        pass


def once(key: object, text: str) -> None:
    """Say text, but only the first time that this process has something to say under key."""
    if key in _said:
        return
    _said.add(key)
    say(text)
