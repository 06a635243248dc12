"""Files of a run: portable names, those below a folder, and writing whole or not at all, with the digest of what was written."""

from __future__ import annotations

import os
from hashlib import sha256

from ._say import once

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

CHUNK = 1 << 20
_MARKS = "\u2028\u2029\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
_made: set[Any] = set()  # folders that are known to be there


def reserved(part: str) -> bool:
    """Whether a name means something else on one of the systems: .git, the devices of Windows, a dot or blank at its end."""
    lower = part.lower()
    if lower in (".git", "git~1") or part.endswith((".", " ")):
        return True
    stem = lower.partition(".")[0]
    return (
        stem in ("con", "prn", "aux", "nul")
        or len(stem) == 4
        and stem[:3] in ("com", "lpt")
        and stem[3] in "0123456789"
    )


def unportable(path: str) -> str:
    """Why path is no relative, slash-separated path that stays below its root on every system; empty where it is one."""
    if not path or path == ".":
        return "the path is empty"
    try:
        if len(path.encode()) > 4096:
            return "the path is longer than 4096 bytes"
    except UnicodeEncodeError:
        return "the path is not UTF-8"
    if path.startswith("/"):
        return "the path is absolute"
    if "\\" in path or ":" in path:
        return "the path has a backslash or a colon"
    if any(c < " " or "\x7f" <= c <= "\x9f" or c in _MARKS for c in path):
        return "the path has a control character"
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return "the path is not clean"
        if reserved(part):
            return f"the path has the name {part!r}, which a file system reserves"
        if len(part.encode()) > 255:
            return "the path has a name longer than 255 bytes"
    return ""


def stem(key: str) -> str:
    """The path that stands for a key in names of files: portable, and another one for another key."""
    parts = []
    for part in key.split("/"):
        clean = "".join("_" if c < " " or "\x7f" <= c <= "\x9f" or c in _MARKS or c in '\\:*?"<>|' else c for c in part)
        clean = clean.encode("utf-8", "replace").decode()
        if len(clean.encode()) > 150:
            clean = clean.encode()[:150].decode("utf-8", "ignore")
        if not clean or reserved(clean) or clean in (".", ".."):
            clean = clean.rstrip(". ") + "_"
        if reserved(clean):
            clean = "_" + clean
        parts.append(clean)
    path = "/".join(parts)
    if path != key:
        path += "-" + sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return path


def make(folder: str) -> None:
    """Make a folder and those above it."""
    if folder not in _made or not os.path.isdir(folder):
        os.makedirs(folder, exist_ok=True)
        _made.add(folder)


def no_links(top: str, path: str) -> None:
    """Raise OSError where a folder between top and top/path is a link: nothing may be written through one."""
    at = top
    for part in path.split("/")[:-1]:
        at = os.path.join(at, part)
        if os.path.islink(at):
            raise OSError(f"{at} is a link, and nothing is written through one")


def without_links(top: str, path: str) -> str:
    """top/path, where neither it nor a folder between is a link, and no part leads up. Raises OSError else."""
    parts = path.split("/")
    if not all(parts) or ".." in parts or "." in parts:
        raise OSError(f"{path} leads out of {top}")
    no_links(top, path)
    at = os.path.join(top, *parts)
    if os.path.islink(at):
        raise OSError(f"{at} is a link, and nothing is read through one")
    return at


def apart(name: str, ending: str, clashes: Any) -> str:
    """name, or where that clashes the first of name<ending>, <ending> and a number, that does not; the ending of a file stays at its end."""
    stem, dot = os.path.splitext(name)
    candidate, n = name, 1
    while clashes(candidate):
        candidate = f"{stem}{ending}{n if n > 1 else ''}{dot}"
        n += 1
    return candidate


def _temporary(folder: str) -> tuple[int, str]:
    # Not in the folder of the file itself: what lies below files/ at the finish becomes an artifact.
    make(folder)
    while True:
        path = os.path.join(folder, os.urandom(8).hex())
        try:
            return os.open(
                path,
                os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0),
                0o666,
            ), path
        except FileExistsError:
            continue


def _write_all(fd: int, data: Any) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _place(to: str, chunks: Any, staging: str) -> tuple[str, int]:
    """Write chunks to a file whole or not at all, through a temporary one in staging; return its SHA-256 and size in bytes."""
    digest = sha256()
    size = 0
    fd, tmp = _temporary(staging)
    try:
        try:
            for data in chunks:
                digest.update(data)
                size += len(data)
                _write_all(fd, data)
        finally:
            os.close(fd)
        make(os.path.dirname(to))
        os.replace(tmp, to)
    except BaseException:
        _remove(tmp)
        raise
    return digest.hexdigest(), size


def _chunks(path: str) -> Any:
    with open(path, "rb", buffering=0) as f:
        while data := f.read(CHUNK):
            yield data


def write(to: str, data: bytes, staging: str) -> tuple[str, int]:
    """Write a file whole or not at all, through a temporary one in staging; return its SHA-256 and size in bytes."""
    return _place(to, [data], staging)


def copy(source: str, to: str, staging: str) -> tuple[str, int]:
    """Copy a file, links followed, whole or not at all; return SHA-256 and size in bytes of what was copied.

    Raises OSError where source is no regular file or cannot be read.
    """
    if not os.path.isfile(source):
        raise OSError(f"{source} is no file" if os.path.exists(source) else f"{source} is not there")
    return _place(to, _chunks(source), staging)


def digest_of(path: str) -> tuple[str, int]:
    """SHA-256 and size in bytes of a file."""
    digest = sha256()
    size = 0
    for data in _chunks(path):
        digest.update(data)
        size += len(data)
    return digest.hexdigest(), size


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def staging(run: Any) -> str:
    """The folder of a run for files that are being written."""
    return os.path.join(run._folder, "staged")


def line(
    run: Any,
    path: str,
    name: str,
    kind: str,
    digest: str,
    size: int,
    key: str = "",
    step: int | None = None,
    caption: str = "",
) -> None:
    """Write the journal line of an artifact that lies at artifacts/<name> of the run."""
    item: dict[str, Any] = {"path": path, "name": name, "kind": kind}
    if key:
        item["key"] = key
    if step is not None:
        item["step"] = step
    if caption:
        clean = "".join(" " if c < " " or "\x7f" <= c <= "\x9f" or c in _MARKS else c for c in caption[:4096])
        item["caption"] = clean.encode("utf-8", "replace").decode()
    item["sha256"] = digest
    item["bytes"] = size
    run._write({"artifact": item})


def walk(top: str) -> Any:
    """(file, path below top with slashes) of every file below a folder, in order. Links that lead out of it are said and left out."""
    real = os.path.realpath(top)
    for folder, folders, names in os.walk(top):
        folders.sort()
        for name in sorted(names):
            at = os.path.join(folder, name)
            path = os.path.relpath(at, top).replace(os.sep, "/")
            if os.path.islink(at) and not os.path.realpath(at).startswith(real + os.sep):
                once(
                    ("link", at),
                    f"{at} is a link that leads out of its folder: it is left out; name it by itself to keep it",
                )
            elif os.path.isfile(at):
                yield at, path
        for name in folders:
            if os.path.islink(os.path.join(folder, name)):
                once(("link", folder, name), f"{os.path.join(folder, name)} is a link to a folder: it is left out")
