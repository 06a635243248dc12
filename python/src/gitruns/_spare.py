"""Spare file descriptors, for a program that has used up the ones it may have.

init() takes a few while it can. When the client has to open something, it gives them back for as long as that takes,
so that a full table of open files neither loses rows nor the end of the run. Imports no other module of the package.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_COUNT = 8  # a call of `runs` needs six for its pipes
_held: list[int] = []
_file: tuple[int, int] | None = None  # device and inode of the descriptors
_users = 0


def reserve() -> None:
    """Take the spare descriptors, or as many of them as there are."""
    global _file
    if _held:
        return
    try:
        # A pipe, because nobody else can open it again: a descriptor of it is surely ours.
        read, write = os.pipe()
        _held.extend((read, write))
        found = os.fstat(read)
        if os.name == "nt":  # a pipe has no inode there, and the limit is far away
            _release()
            return
        write_end = os.fstat(write)
        _file = (found.st_dev, found.st_ino)
        if (write_end.st_dev, write_end.st_ino) != _file:  # macOS: two inodes
            os.close(write)
            _held.remove(write)
        while len(_held) < _COUNT:
            _held.append(os.dup(read))
    except OSError:
        pass


def _release() -> None:
    """Give the descriptors back.

    The program may have closed them; then their numbers belong to other files, which stay open.
    """
    while _held:
        fd = _held.pop()
        try:
            found = os.fstat(fd)
            if _file is None or (found.st_dev, found.st_ino) == _file:
                os.close(fd)
        except OSError:
            pass


class _Room:
    """A block during which the spare descriptors are free."""

    def __enter__(self) -> None:
        global _users
        _users += 1
        self._had = bool(_held)
        _release()

    def __exit__(self, *error: Any) -> None:
        global _users
        _users -= 1
        if self._had and not _users:
            reserve()


def room() -> _Room:
    """Return a context in which the spare descriptors are free for the client to use."""
    return _Room()
