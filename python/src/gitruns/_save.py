"""save(): files that a pattern names, kept with the run."""

from __future__ import annotations

import os

from . import _files
from ._errors import UsageError
from ._say import once

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


def save(run: Any, glob_str: Any, base_path: Any = None, policy: str = "live") -> list[str]:
    """Copy the files that a pattern matches into the run's folder, under their path below base_path, or beside it where that is taken; return the copies.

    base_path is the folder of the pattern where that is absolute, else the current one. A folder brings all files below it. policy: now, or live
    and end, which copy what changed again at the finish. Nothing of .runs but the run's own folder is taken, nor a link that leads out of a
    folder that was named. Raises UsageError for another policy; what cannot be copied is said.
    """
    if run.disabled:
        return []
    if policy not in ("live", "end", "now"):
        raise UsageError(f"save: policy is live, end or now, not {policy!r}")
    pattern = os.fsdecode(os.fspath(glob_str))
    if "://" in pattern:
        once(("save", pattern), f"save: {pattern} is no local file; record it with Artifact.add_reference()")
        return []
    base = (
        os.fsdecode(os.fspath(base_path))
        if base_path is not None
        else os.path.dirname(pattern)
        if os.path.isabs(pattern)
        else "."
    )
    base = os.path.abspath(base)
    copies = _copy(run, pattern, base, True)
    if policy != "now":
        here = os.getcwd()
        again = run.__dict__.setdefault("_saved", [])
        if not again:
            run._at_finish.append(_finish)
        if (pattern, base, here) not in again:
            again.append((pattern, base, here))
    return copies


def _finish(run: Any) -> None:
    for pattern, base, here in run._saved:
        if not os.path.isabs(pattern):
            pattern = os.path.join(here, pattern)
        _copy(run, pattern, base, False)


def _copy(run: Any, pattern: str, base: str, said: bool) -> list[str]:
    from glob import glob

    top = os.path.join(run._folder, "files")
    inside = os.path.realpath(top) + os.sep
    runs = os.path.realpath(run._runs) + os.sep if run._runs else ""
    active = os.path.realpath(os.path.dirname(run._folder)) + os.sep
    copies = []
    for match in sorted(glob(pattern, recursive=True)):
        full = os.path.abspath(match)
        found = [(full, "")] if not os.path.isdir(full) else [(source, path) for source, path in _files.walk(full)]
        for source, _ in found:
            real = os.path.realpath(source)
            if real.startswith(inside):
                copies.append(source)  # it is where the finish takes files from
                continue
            if real.startswith(active) or runs and real.startswith(runs):
                continue
            path = os.path.relpath(source, base).replace(os.sep, "/")
            if path.startswith("../"):  # it lies above base_path: what is below stays of its path
                path = path.rpartition("../")[2]
            if why := _files.unportable(path):
                once(("save", source), f"save: {source} is not kept: {why}")
                continue
            kept = _beside(run, top, path, source)
            if kept != path:
                once(
                    ("save as", source),
                    f"save: {source} is kept as {kept}: another file or folder of the run is in the place of {path}",
                )
                path = kept
            to = os.path.join(top, *path.split("/"))
            try:
                _files.no_links(top, path)
                state = os.stat(source)
                stamp = (state.st_mtime_ns, state.st_size)
                stamps = run.__dict__.setdefault("_save_stamps", {})
                if stamps.get(to) != (source, stamp) or not os.path.exists(to):
                    _files.copy(source, to, _files.staging(run))
                    stamps[to] = (source, stamp)
                copies.append(to)
            except OSError as e:
                once(("save", source), f"save: {source} is not kept: {e}")
    if not copies and said:
        once(
            ("save", pattern),
            f"save: nothing matches {pattern!r} yet; with policy live or end it is looked for again at the finish",
        )
    return copies


def _beside(run: Any, top: str, path: str, source: str) -> str:
    """Where below top a file is kept: at path, or beside it where the run has a folder in the place of the file, a file in that of a
    folder, or another artifact there."""
    artifacts = os.path.join(run._folder, "artifacts")
    stamps = run.__dict__.get("_save_stamps") or {}
    parts = path.split("/")
    kept = ""
    for n, part in enumerate(parts, 1):

        def no_folder(name: str, at: str = kept) -> bool:
            return any(
                os.path.lexists(p) and not os.path.isdir(p)
                for p in (os.path.join(top, at, name), os.path.join(artifacts, at, name))
            )

        def no_file(name: str, at: str = kept, given: str = part) -> bool:
            to = os.path.join(top, *at.split("/"), name) if at else os.path.join(top, name)
            other = name != given and os.path.lexists(to) and (stamps.get(to) or (source,))[0] != source
            return (
                other
                or os.path.isdir(to)
                or os.path.lexists(os.path.join(artifacts, at, name))
                or not at
                and name == "media"
            )

        kept = os.path.join(
            kept,
            _files.apart(part, "-file" if n == len(parts) else "-folder", no_file if n == len(parts) else no_folder),
        ).replace(os.sep, "/")
    return kept
