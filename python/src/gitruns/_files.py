"""Files of a run: portable names, safe paths, and atomic writes that return the digest of what was written.

The rules of portable names are those of the format (SPEC), and `stem` has a counterpart in Go: change both together.
"""

from __future__ import annotations

import os
from hashlib import sha256

from ._messages import warn_once
from ._values import is_control

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

CHUNK = 1 << 20
_made: set[Any] = set()  # folders that are known to exist


def reserved(part: str) -> bool:
    """Report whether a name has a special meaning on some operating system.

    Such names are .git, the devices of Windows, and names that end with a dot or a space.
    """
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
    """Return why path is not portable, or '' if it is.

    A portable path is relative, uses slashes, and stays under its root on every operating system.
    """
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
        return "the path contains a backslash or a colon"
    if any(map(is_control, path)):
        return "the path contains a control character"
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return "the path has an empty part, '.' or '..'"
        if reserved(part):
            return f"the path contains the name {part!r}, which is reserved on some systems"
        if len(part.encode()) > 255:
            return "the path contains a name longer than 255 bytes"
    return ""


def stem(key: str) -> str:
    """Return the path that represents a key in file names.

    The path is portable, and different keys have different paths.
    """
    parts = []
    for part in key.split("/"):
        clean = "".join("_" if is_control(c) or c in '\\:*?"<>|' else c for c in part)
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
    """Create a folder and its parents."""
    if folder not in _made or not os.path.isdir(folder):
        os.makedirs(folder, exist_ok=True)
        _made.add(folder)


def no_links(top: str, path: str) -> None:
    """Raise OSError if a folder between top and top/path is a link.

    Nothing may be written through a link.
    """
    at = top
    for part in path.split("/")[:-1]:
        at = os.path.join(at, part)
        if os.path.islink(at):
            raise OSError(f"{at} is a link, and gitruns does not write through links")


def without_links(top: str, path: str) -> str:
    """Return top/path. Raises OSError if a part of path is a link or leads up."""
    parts = path.split("/")
    if not all(parts) or ".." in parts or "." in parts:
        raise OSError(f"{path} is outside {top}")
    no_links(top, path)
    at = os.path.join(top, *parts)
    if os.path.islink(at):
        raise OSError(f"{at} is a link, and gitruns does not read through links")
    return at


def free_name(name: str, suffix: str, taken: Any) -> str:
    """Return name, or a variant of it for which taken returns False.

    A variant has the suffix before the file's extension. From the second variant on, a number follows the suffix.
    """
    stem, extension = os.path.splitext(name)
    candidate, n = name, 1
    while taken(candidate):
        candidate = f"{stem}{suffix}{n if n > 1 else ''}{extension}"
        n += 1
    return candidate


def _temporary(folder: str) -> tuple[int, str]:
    # The folder must not be that of the file itself, because every file under files/ becomes an artifact.
    make(folder)
    while True:
        path = os.path.join(folder, os.urandom(8).hex())
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
            return os.open(path, flags, 0o666), path
        except FileExistsError:
            continue


def _write_all(fd: int, data: Any) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _place(to: str, chunks: Any, staging: str) -> tuple[str, int]:
    """Write chunks to a file atomically, through a temporary file in staging.

    Returns its SHA-256 and its size in bytes.
    """
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
    """Write a file atomically, through a temporary file in staging.

    Returns its SHA-256 and its size in bytes.
    """
    return _place(to, [data], staging)


def copy(source: str, to: str, staging: str) -> tuple[str, int]:
    """Copy a file atomically. Links are followed.

    Returns the SHA-256 and the size in bytes of the copy. Raises OSError if source is not a regular file or cannot be
    read.
    """
    if not os.path.isfile(source):
        raise OSError(f"{source} is not a file" if os.path.exists(source) else f"{source} does not exist")
    return _place(to, _chunks(source), staging)


def digest_of(path: str) -> tuple[str, int]:
    """Return the SHA-256 and the size in bytes of a file."""
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
    """Return the folder of a run for files that are being written."""
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
    """Write the journal line of an artifact, which is at artifacts/<name> in the run."""
    item: dict[str, Any] = {"path": path, "name": name, "kind": kind}
    if key:
        item["key"] = key
    if step is not None:
        item["step"] = step
    if caption:
        clean = "".join(" " if is_control(c) else c for c in caption[:4096])
        item["caption"] = clean.encode("utf-8", "replace").decode()
    item["sha256"] = digest
    item["bytes"] = size
    run._write({"artifact": item})


def walk(top: str) -> Any:
    """Yield every file under a folder, in order.

    Each item is the file's path, and its path relative to the folder with slashes. Links that lead out of the folder
    are left out with a warning.
    """
    real = os.path.realpath(top)
    for folder, folders, names in os.walk(top):
        folders.sort()
        for name in sorted(names):
            at = os.path.join(folder, name)
            path = os.path.relpath(at, top).replace(os.sep, "/")
            if os.path.islink(at) and not os.path.realpath(at).startswith(real + os.sep):
                warn_once(
                    ("link", at),
                    f"{at} was left out, because it is a link that leads out of its folder; to keep it, pass its path",
                )
            elif os.path.isfile(at):
                yield at, path
        for name in folders:
            if os.path.islink(os.path.join(folder, name)):
                warn_once(
                    ("link", folder, name),
                    f"{os.path.join(folder, name)} was left out, because it is a link to a folder",
                )
