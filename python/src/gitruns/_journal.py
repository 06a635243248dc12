"""The file that one process appends its records of a run to: a line is one system call, and goes to that file or to none."""

from __future__ import annotations

import os
import time

from ._errors import UsageError
from ._say import once

_now = time.time
_write = os.write
_INTERVAL = 0.25  # seconds between two looks at what file the descriptor is of
_FULL = (28, 69, 122)  # ENOSPC, and EDQUOT of BSD and of Linux


class Journal:
    """The journal of this process for one run, made with the first line. The caller holds the run's lock.

    A program may close descriptors that it did not open (daemons close all of them), and the number may then be of a file
    of its own. The position of the file, at, tells before each line: nobody else writes to a journal, so that it is what was
    written so far. From time to time, behind due, and where the position is another, device and inode are compared: by write().
    """

    __slots__ = ("_ended", "_file", "_host", "_rest", "at", "due", "fd", "folder", "repaired")

    def __init__(self, folder: str, host: str) -> None:
        self.folder = folder
        self._host = host
        self.fd = -1
        self.at = 0  # bytes that are written
        self.due = 0.0  # until then the position is enough
        self._rest = b""  # of the last line, of which the disk took only a part
        self.repaired = 0  # lines that were written in two parts, the first call being an error
        self._file: tuple[int, int] | None = None
        self._ended = False

    def write(self, line: bytes) -> None:
        """Append a line, which ends with a newline. Raises OSError where it is not written as a whole."""
        try:
            ready = _now() < self.due and os.lseek(self.fd, 0, 1) == self.at
        except OSError:  # closed, or a pipe by now
            ready = False
        if not ready:
            self._prepare()
        n = _write(self.fd, line)
        self.at += n
        if n != len(line):
            self.complete(line[n:])

    def complete(self, rest: bytes) -> None:
        """Write what is missing of a line. Raises OSError where the disk has no room for it yet: the next line tries again."""
        self._rest, self.due = rest, 0.0
        n = _write(self.fd, rest)
        self.at += n
        self._rest = rest[n:]
        if self._rest:
            raise OSError(28, "the disk took only a part of a line")

    def _prepare(self) -> None:
        if self._ended:
            raise UsageError(f"the run in {self.folder} is finished")
        if self.fd >= 0 and not self._ours():
            once(
                ("journal", self.folder),
                "the descriptor of the run's journal is closed, or of another file: the rows go on in a new journal",
            )
            self._forget()
        if self.fd < 0:
            self._open()
        if self._rest:
            self.complete(self._rest)
            self.repaired += 1
        self.at = os.lseek(self.fd, 0, 1)
        self.due = _now() + _INTERVAL

    def _ours(self) -> bool:
        """Whether the descriptor is still of the journal, and the journal has a name."""
        try:
            found = os.fstat(self.fd)
        except OSError:
            return False
        if (found.st_dev, found.st_ino) != self._file:
            return False
        if found.st_nlink == 0:
            os.close(self.fd)
            self._forget()
            once(
                ("deleted", self.folder),
                f"THE RUN'S FOLDER OR JOURNAL IS GONE: {self.folder} was removed, or the run was ended by another; what it held is lost"
                + (
                    ", rows from now on are kept"
                    if os.path.isdir(self.folder)
                    else ", and no row from now on is recorded: finish() and init() begin another run"
                ),
            )
        return self.fd >= 0

    def _forget(self) -> None:
        self.fd, self.due, self._rest, self._file = -1, 0.0, b"", None

    def _open(self) -> None:
        letters = "".join(chr(97 + b % 26) for b in os.urandom(6))
        path = os.path.join(self.folder, f"journal-{self._host}-{os.getpid()}-{letters}.jsonl")
        flags = (
            os.O_WRONLY
            | os.O_CREAT
            | os.O_APPEND
            | os.O_EXCL
            | getattr(os, "O_CLOEXEC", 0)
            | getattr(os, "O_BINARY", 0)
        )
        fd = os.open(path, flags, 0o666)
        if fd < 3 and os.name != "nt":  # the process has no stdio: what it prints must not land in the journal
            import fcntl

            high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
            os.close(fd)
            fd = high
        found = os.fstat(fd)
        self.fd, self._file = fd, (found.st_dev, found.st_ino)

    def close(self) -> None:
        """Close the file, where the descriptor is still of it. The next line begins a new one."""
        if self.fd >= 0 and self._ours():
            os.close(self.fd)
        self._forget()

    def end(self) -> None:
        """Close it for good: a further line is a UsageError."""
        self.close()
        self._ended = True


def advice(e: OSError) -> str:
    """What to do about a journal that cannot be written."""
    if e.errno in _FULL:
        return "free some space"
    if e.errno == 27:
        return "the limit of a file's size (ulimit -f) is reached"
    return "nothing is recorded until that is mended"
