"""restore(): copies back a file that a run kept."""

from __future__ import annotations

import os

from . import _files, _live
from ._errors import NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any, TextIO


def restore(name: Any, run_path: str | None = None, replace: bool = False, root: Any = None) -> TextIO | None:
    """Copy back a file that a run kept, and open it for reading.

    Args:
        name: The path of the file in the run: the path that save() gave it, or its path in run.dir.
        run_path: The run, as `project/run` or only its id or name. The default is the active run, then the runs that it
            resumes.
        replace: Overwrite a file that already exists. Otherwise that file is opened.
        root: The folder for the file. The default is the active run's dir, or the current folder if no run is active.

    Returns:
        The open file, or None if the active run is disabled.

    Raises:
        ValueError: No run kept the file, or no run is given.
        CommError: The file cannot be fetched.
    """
    return restored(_live.active(), name, run_path, replace, root)


def restored(run: Any, name: Any, run_path: str | None, replace: bool, root: Any) -> TextIO | None:
    """Do what restore does, with run as the active one."""
    if run is not None and run.disabled:
        return None
    if run is None and not run_path:
        raise ValueError("restore: no run is active; give run_path, or call gitruns.init() first")
    path = os.fsdecode(os.fspath(name)).replace(os.sep, "/")
    if why := _files.unportable(path):
        raise ValueError(f"restore: {why}")
    folder = os.path.abspath(os.fspath(root) if root is not None else run.dir if run is not None else ".")
    to = os.path.join(folder, *path.split("/"))
    if replace or not os.path.exists(to):
        _copy_back(run, path, run_path, folder, to)
    return open(to, encoding="utf-8", errors="surrogateescape")


def _copy_back(run: Any, path: str, run_path: str | None, folder: str, to: str) -> None:
    project = os.path.dirname(run._runs) if run is not None and run._runs else None
    if not run_path:
        own = os.path.join(run.dir, *path.split("/"))
        if os.path.isfile(own):
            if not os.path.exists(to) or not os.path.samefile(own, to):
                _files.copy(own, to, folder)
            return
    from ._reader import load

    selector = run_path.rsplit("/", 1)[-1] if run_path else run.run_id
    try:
        recorded = load(selector, project)
        while not any(a.path == path for a in recorded.artifacts):
            earlier = recorded.record.get("resumes")
            if run_path or not earlier:
                raise NotFoundError(
                    f"run {recorded.id} kept no file {path!r}; run 'runs artifacts {recorded.id}' to list its files"
                )
            recorded = load(earlier, project)
    except NotFoundError as e:
        raise ValueError(f"restore: {e}") from None
    recorded.artifact(path).download(folder)
