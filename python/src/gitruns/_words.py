"""Last words: a small file of this process in the run's folder, which can be written on a full disk.

It says how many rows the process lost and how the run ends. `runs` creates it at its full size when the process starts
or joins the run, so that it needs no space later (SPEC 5.4). Imports only _spare of the package.
"""

from __future__ import annotations

import os
import time

from ._spare import room

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_SIZE = 4096  # bytes


class LastWords:
    """What this process says last about one run.

    The file stays open, for a full table of open files.
    """

    __slots__ = ("_fd", "_file", "_path", "said")

    def __init__(self, folder: str, host: str) -> None:
        self._path = os.path.join(folder, f"last-{host}-{os.getpid()}.json")
        self._fd = -1
        self._file: tuple[int, int] | None = None
        self.said = False  # the file has something that a finish reads

    def open(self) -> None:
        """Open the file, and create it if `runs` has not. A failure is left to say()."""
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            with room():
                fd = os.open(self._path, flags | getattr(os, "O_BINARY", 0), 0o666)
            if fd < 3 and os.name != "nt":  # the process has no stdio; its output must not go into the file
                os.close(fd)
                return
            found = os.fstat(fd)
            self._fd, self._file = fd, (found.st_dev, found.st_ino)
            if found.st_size != _SIZE:
                _put(fd, b"")
        except OSError:
            pass

    def say(self, lost: int, **end: Any) -> bool:
        """Replace what the file says. Reports whether it could be written.

        lost is the number of lost rows. end has the status, exit_code, signal and end_reason if this process ends the
        run.
        """
        import json

        words = {"lost_rows": lost, **{k: v for k, v in end.items() if v not in (None, "")}}
        if end:
            words["ended"] = round(time.time(), 6)
        data = json.dumps(words).encode()
        if len(data) >= _SIZE:
            words.pop("end_reason", None)
            data = json.dumps(words).encode()
        if self._fd < 0 or not self._ours():
            self._fd = -1
            self.open()
        try:
            if self._fd < 0 or not os.path.exists(self._path):
                return False
            _put(self._fd, data)
            self.said = True
        except OSError:
            return False
        return True

    def _ours(self) -> bool:
        """Report whether the descriptor still belongs to the file."""
        try:
            found = os.fstat(self._fd)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._file

    def close(self) -> None:
        """Close the file, if the descriptor still belongs to it."""
        if self._fd >= 0 and self._ours():
            os.close(self._fd)
        self._fd = -1


def _put(fd: int, data: bytes) -> None:
    """Write data, filled up with spaces, as one write at the beginning of the file."""
    data = data.ljust(_SIZE - 1) + b"\n"
    if hasattr(os, "pwrite"):
        os.pwrite(fd, data, 0)
    else:
        os.lseek(fd, 0, 0)
        os.write(fd, data)
