"""save(): keeps the files that a pattern matches with the run."""

from __future__ import annotations

import os

from . import _files
from ._errors import UsageError
from ._messages import warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


def save(run: Any, glob_str: Any, base_path: Any = None, policy: str = "live") -> list[str]:
    """Copy the files that a pattern matches into the run's folder.

    Returns the paths of the copies. A copy is stored under its path relative to base_path, or under a similar name if
    that is taken. The default of base_path is the folder of an absolute pattern, otherwise the current folder. A folder
    stands for all files under it. The policies "live" and "end" copy changed files again when the run finishes, "now"
    does not. Files in .runs, other than the run's own, and links that leave a named folder are left out. Raises
    UsageError for any other policy. A file that cannot be copied only causes a warning.
    """
    if run.disabled:
        return []
    if policy not in ("live", "end", "now"):
        raise UsageError(f"save: policy must be 'live', 'end' or 'now', got {policy!r}")
    pattern = os.fsdecode(os.fspath(glob_str))
    if "://" in pattern:
        warn_once(("save", pattern), f"save: {pattern} is not a local file; use Artifact.add_reference() to record it")
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


def _copy(run: Any, pattern: str, base: str, warn_if_none: bool) -> list[str]:
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
                copies.append(source)  # it is already in the run's folder
                continue
            if real.startswith(active) or runs and real.startswith(runs):
                continue
            path = os.path.relpath(source, base).replace(os.sep, "/")
            if path.startswith("../"):  # outside base_path: keep the rest of its path
                path = path.rpartition("../")[2]
            if why := _files.unportable(path):
                warn_once(("save", source), f"save: {source} was not kept: {why}")
                continue
            kept = _free_path(run, top, path, source)
            if kept != path:
                warn_once(
                    ("save as", source),
                    f"save: {source} was kept as {kept}, because the run already has another file or folder {path}",
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
                warn_once(("save", source), f"save: {source} was not kept: {e}")
    if not copies and warn_if_none:
        warn_once(
            ("save", pattern),
            f"save: no file matches {pattern!r} yet; the policies 'live' and 'end' try again when the run finishes",
        )
    return copies


def _free_path(run: Any, top: str, path: str, source: str) -> str:
    """Return path, or a similar path that is free.

    A path is taken if the run has a folder in place of the file, a file in place of a folder, or another artifact
    there.
    """
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
            _files.free_name(
                part, "-file" if n == len(parts) else "-folder", no_file if n == len(parts) else no_folder
            ),
        ).replace(os.sep, "/")
    return kept
