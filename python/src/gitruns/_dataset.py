"""Data that a run uses, recorded by its hash."""

from __future__ import annotations

import os

from ._say import once

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


def log_dataset(run: Any, path: Any, name: str | None = None, role: str | None = None) -> None:
    """Record a file or folder that run uses, under name (default: its last part); role is a word like "training".

    It is hashed by the `runs` program when the run ends, and remembered: an unchanged file is not read again. What is not
    there is said once; training goes on.
    """
    from ._values import text_of

    where = os.path.abspath(os.fsdecode(os.fspath(path)))
    if not os.path.exists(where):
        once(("dataset", where), f"data is not recorded: {where} is not there")
        return
    record = {"path": where, "name": text_of(str(name)) if name else os.path.basename(where.rstrip(os.sep)) or "data"}
    if role:
        record["role"] = text_of(str(role))
    run._write({"dataset": record})
