"""Datasets: inputs of a run, identified by their hash."""

from __future__ import annotations

import os

from ._messages import warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


def log_dataset(run: Any, path: Any, name: str | None = None, role: str | None = None) -> None:
    """Record a file or folder as a dataset of run.

    name is the last part of the path by default; role is for example "training". The program `runs` computes the hash
    when the run ends, and reads an unchanged file only once. A path that does not exist only causes a warning, so that
    training continues.
    """
    from ._values import text_of

    where = os.path.abspath(os.fsdecode(os.fspath(path)))
    if not os.path.exists(where):
        warn_once(("dataset", where), f"the dataset {where} was not recorded: no such file or folder")
        return
    record = {"path": where, "name": text_of(str(name)) if name else os.path.basename(where.rstrip(os.sep)) or "data"}
    if role:
        record["role"] = text_of(str(role))
    run._write({"dataset": record})
