"""Data that a run uses, recorded by its hash when the run is finished."""

from __future__ import annotations

import os
from typing import Any

from ._say import once
from ._values import key_of


def log_dataset(run: Any, path: Any, name: str | None = None, role: str | None = None) -> None:
    """Record the data at path, a file or a folder, under name (default: that of the file without its ending).

    role says what it is for, "training" for one. The `runs` program hashes it when the run is finished. What is
    not there, or has no name, is said on stderr and not recorded; nothing is raised but TypeError where path is no path.
    """
    if run.disabled:
        return
    where = os.fsdecode(os.fspath(path))
    # Absolute: a path in a journal is relative to where the run began, and the program may have gone elsewhere.
    full = os.path.abspath(where)
    if not os.path.exists(full):
        once(("dataset", full), f"the dataset {where!r} is not recorded: there is no such file or folder (seen from {os.getcwd()}); give its path")
        return
    if not os.access(full, os.R_OK):
        once(("dataset", full), f"the dataset {where!r} is not recorded: it cannot be read; change its permissions")
        return
    record = {"path": full}
    title = str(name) if name else os.path.basename(full).split(".", 1)[0] or os.path.basename(full)
    if title:
        record["name"] = key_of(title)
    if role:
        record["role"] = key_of(str(role))
    run._write({"dataset": record})
