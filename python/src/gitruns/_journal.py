"""The journal: the file to which one process appends its lines for one run.

A line is written with one system call, and only ever into that file. Imports only _errors, _messages and _spare of
the package.
"""

from __future__ import annotations

import os
import time

from ._errors import UsageError
from ._messages import warn_once
from ._spare import room

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Callable

_now = time.time
_write = os.write
_INTERVAL = 0.25  # seconds between two checks of which file the descriptor belongs to
_NO_DESCRIPTORS = (23, 24)  # ENFILE, EMFILE
_FULL = (28, 69, 122)  # ENOSPC, and EDQUOT on BSD and on Linux


class Journal:
    """The journal of this process for one run.

    The first line creates it. The caller holds the run's lock.

    A program may close descriptors that it did not open (a daemon closes all of them), and the number may then belong
    to another file. Nobody else writes to a journal, so before each line write() compares the position of the file
    with `at`, the number of bytes written. If they differ, and after the time `due`, it compares device and inode as
    well.
    """

    __slots__ = (
        "_ended", "_file", "_host", "_path", "_rest", "at", "created", "due", "fd", "folder", "repaired", "transient",
    )  # fmt: skip

    def __init__(self, folder: str, host: str) -> None:
        self.folder = folder
        self._host = host
        self.fd = -1
        self.at = 0  # bytes written
        self.due = 0.0  # until this time the comparison of the position is enough
        self._rest = b""  # the missing part of the last line, if the disk took only a part of it
        self.repaired = 0  # lines that were counted as lost and completed later
        # Whether the file is open only while a line is written. A worker does not know when its run ends, and must not
        # keep the run's starter waiting: a finish waits for journals that are open.
        self.transient = False
        self.created: Callable[[], None] | None = None  # called when the file is there
        self._path = ""
        self._file: tuple[int, int] | None = None
        self._ended = False

    def write(self, line: bytes) -> None:
        """Append a line, which ends with a newline.

        Raises OSError if it was not written completely, and UsageError after end().
        """
        try:
            ready = _now() < self.due and os.lseek(self.fd, 0, 1) == self.at
        except OSError:  # closed, or now a pipe
            ready = False
        if not ready:
            self._prepare()
        n = _write(self.fd, line)
        self.at += n
        if n != len(line):
            self.complete(line[n:])
        if self.transient and self._park():
            self.write(line)

    def _park(self) -> bool:
        """Close the file until the next line.

        Reports whether the line went into a file that was being removed.
        """
        removed = os.fstat(self.fd).st_nlink == 0 and os.name != "nt"
        os.close(self.fd)
        self.fd, self.due = -1, 0.0
        if removed:
            self._forget()
        return removed

    def _reopen(self) -> None:
        """Open the file of a transient journal again.

        If it was removed, the next line creates another one.
        """
        flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        try:
            self.fd = self._above_stdio(self._opened(self._path, flags))
        except FileNotFoundError:
            self._forget()

    def complete(self, rest: bytes) -> None:
        """Write the missing part of a line.

        Raises OSError while the disk has no room for it; the next line tries again.
        """
        self._rest, self.due = rest, 0.0
        n = _write(self.fd, rest)
        self.at += n
        self._rest = rest[n:]
        if self._rest:
            raise OSError(28, "the disk took only part of a line")

    def open(self) -> None:
        """Create the journal now, while there are descriptors.

        If that fails, the first line tries again.
        """
        try:
            if self.fd < 0 and not self._ended and not self.transient:
                self._open()
        except OSError:
            pass

    def _prepare(self) -> None:
        if self._ended:
            raise UsageError(f"this run is already finished ({self.folder})")
        if self.fd >= 0 and not self._ours():
            warn_once(
                ("journal", self.folder),
                "the program closed the journal's file descriptor; recording continues in a new journal",
            )
            self._forget()
        if self.fd < 0 and self._path:
            self._reopen()
        if self.fd < 0:
            self._open()
        if self._rest:
            self.complete(self._rest)
            self.repaired += 1
        self.at = os.lseek(self.fd, 0, 1)
        self.due = _now() + _INTERVAL

    def _ours(self) -> bool:
        """Report whether the descriptor still belongs to a journal that exists."""
        try:
            found = os.fstat(self.fd)
        except OSError:
            return False
        if (found.st_dev, found.st_ino) != self._file:
            return False
        if found.st_nlink == 0:
            os.close(self.fd)
            self._forget()
            warn_once(
                ("deleted", self.folder),
                "the journal was removed, or another process finished the run; the rows in it are lost, "
                + (
                    f"later rows are recorded ({self.folder})"
                    if os.path.isdir(self.folder)
                    else f"later rows are not recorded ({self.folder}); call finish() and init() to start another run"
                ),
            )
        return self.fd >= 0

    def _forget(self) -> None:
        self.fd, self.due, self._rest, self._file, self._path = -1, 0.0, b"", None, ""

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
        fd = self._above_stdio(self._opened(path, flags))
        found = os.fstat(fd)
        self.fd, self._file, self._path = fd, (found.st_dev, found.st_ino), path
        if self.created is not None:
            self.created()

    @staticmethod
    def _opened(path: str, flags: int) -> int:
        try:
            return os.open(path, flags, 0o666)
        except OSError as e:
            if e.errno not in _NO_DESCRIPTORS:
                raise
        with room():
            return os.open(path, flags, 0o666)

    @staticmethod
    def _above_stdio(fd: int) -> int:
        """Return a descriptor above 2.

        The output of a process without stdio must not go into the journal.
        """
        if fd > 2 or os.name == "nt":
            return fd
        import fcntl

        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
        os.close(fd)
        return high

    def close(self) -> None:
        """Close the file, if the descriptor still belongs to it.

        The next line creates another journal.
        """
        if self.fd >= 0 and self._ours():
            os.close(self.fd)
        self._forget()

    def written(self) -> bool:
        """Report whether the journal exists, open or not."""
        return self.fd >= 0 or bool(self._path)

    def end(self) -> None:
        """Close the journal for good. A further line raises UsageError."""
        self.close()
        self._ended = True


def advice(e: OSError) -> str:
    """Return what to do about a journal that cannot be written."""
    if e.errno in _FULL:
        return "free some space"
    if e.errno == 27:
        return "raise the file size limit (ulimit -f)"
    return "nothing is recorded until this is repaired"
