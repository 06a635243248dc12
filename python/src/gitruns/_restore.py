"""restore(): a file that a run kept, brought back."""

from __future__ import annotations

import os

from . import _files, _live
from ._errors import NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any, TextIO


def restore(name: Any, run_path: str | None = None, replace: bool = False, root: Any = None) -> TextIO | None:
    """Bring the file that a run kept under name, with save() or in its dir, to root/name; return it, open for reading.

    run_path is `project/run` or the run alone, by its id or name; without it the active run is asked, then the runs that it resumes. root is
    the active run's dir, else the current folder. A file that is there is left as it is unless replace. None where the active run is disabled.
    Raises ValueError where no run has the file, or there is no run to ask, CommError where it cannot be had.
    """
    return restored(_live.active(), name, run_path, replace, root)


def restored(run: Any, name: Any, run_path: str | None, replace: bool, root: Any) -> TextIO | None:
    """The same, of a given run for the active one."""
    if run is not None and run.disabled:
        return None
    if run is None and not run_path:
        raise ValueError("restore: give run_path, the run that kept the file, or call gitruns.init() before")
    path = os.fsdecode(os.fspath(name)).replace(os.sep, "/")
    if why := _files.unportable(path):
        raise ValueError(f"restore: {why}")
    folder = os.path.abspath(os.fspath(root) if root is not None else run.dir if run is not None else ".")
    to = os.path.join(folder, *path.split("/"))
    if replace or not os.path.exists(to):
        _bring(run, path, run_path, folder, to)
    return open(to, encoding="utf-8", errors="surrogateescape")


def _bring(run: Any, path: str, run_path: str | None, folder: str, to: str) -> None:
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
                    f"run {recorded.id} kept no file {path!r}; 'runs artifacts {recorded.id}' lists what it kept"
                )
            recorded = load(earlier, project)
    except NotFoundError as e:
        raise ValueError(f"restore: {e}") from None
    recorded.artifact(path).download(folder)
