"""The program `runs`: where it is, and how to call it.

Calls use posix_spawn, because a fork of a large training process is slow. `client` speaks the protocol of
`runs client`, whose other end is cmd/runs/client.go.
"""

from __future__ import annotations

import os
import sys

from ._errors import CommError
from ._spare import room

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any, Callable

_NAME = "runs.exe" if os.name == "nt" else "runs"
_SCRIPTS = "Scripts" if os.name == "nt" else "bin"
_found = ""
_refused: set[str] = set()  # programs that do not speak the protocol of this client
_REQUIRED = {"start": ("id", "dir", "host"), "join": ("id", "dir", "host")}  # keys of an answer


def find() -> str:
    """Return the path of the program `runs`.

    It is RUNS_BINARY, the program that this package was installed with, the one of RUNS_PROGRAM, which `runs exec` sets
    to itself, or the first one on the PATH. Raises CommError if there is none, or if RUNS_BINARY is not a program.
    """
    global _found
    given = os.environ.get("RUNS_BINARY")
    if given:
        if os.path.isfile(given) and os.access(given, os.X_OK):
            return given
        raise CommError(f"RUNS_BINARY is {given}, which is not a program; unset it, or set it to the path of 'runs'")
    if _found and os.path.isfile(_found):
        return _found
    here = os.path.dirname(os.path.abspath(__file__))
    folders = [os.path.join(here, "_bin"), os.path.dirname(sys.executable or "")]
    folders += [os.path.join(prefix, _SCRIPTS) for prefix in (sys.prefix, sys.base_prefix)]
    folders += _installed_in(os.path.dirname(here))
    site = sys.modules.get("site")
    if getattr(site, "ENABLE_USER_SITE", False) and getattr(site, "USER_BASE", None):
        folders.append(os.path.join(site.USER_BASE, _SCRIPTS))  # type: ignore[union-attr]
    paths = [os.path.join(folder, _NAME) for folder in folders if folder]
    paths.append(os.environ.get("RUNS_PROGRAM", ""))
    paths += [os.path.join(f, _NAME) for f in os.environ.get("PATH", os.defpath).split(os.pathsep) if f]
    for path in paths:
        if path and path not in _refused and os.path.isfile(path) and os.access(path, os.X_OK):
            _found = os.path.normpath(path)
            return _found
    if os.path.basename(os.path.dirname(here)) in ("site-packages", "dist-packages"):
        raise CommError(
            "the program 'runs' is missing from this installation of gitruns; "
            "run 'pip install --force-reinstall gitruns', or set RUNS_BINARY to its path"
        )
    raise CommError("the program 'runs' was not found; run 'pip install gitruns', or set RUNS_BINARY to its path")


def _installed_in(packages: str) -> list[str]:
    """Return the folders where the installer of this package put its program.

    `pip install --user`, `--prefix` and `--target` each have a folder for scripts. A package that was not installed
    has none.
    """
    from ._version import __version__

    folders = []
    try:
        with open(os.path.join(packages, f"gitruns-{__version__}.dist-info", "RECORD"), encoding="utf-8") as f:
            for line in f:
                path = line.partition(",")[0]
                if path.endswith(f"{_SCRIPTS}/{_NAME}"):
                    # With --target, the list has the script's folder from before pip moved it.
                    folders += [os.path.join(packages, os.path.dirname(path)), os.path.join(packages, _SCRIPTS)]
    except (OSError, UnicodeDecodeError):
        pass
    return folders


def call(
    args: list[str], input: bytes = b"", cwd: str | None = None, meanwhile: Callable[[], None] | None = None
) -> tuple[int, bytes, bytes]:
    """Run `runs args…` to its end and return its exit status, stdout and stderr.

    A negative status is the number of the signal that ended it. input is its stdin, cwd the folder that it runs in,
    meanwhile what this process does until it answers. Raises CommError if the program is missing or cannot be started,
    and UsageError if an argument cannot be passed to a program.
    """
    from ._errors import UsageError

    for arg in (*args, *([cwd] if cwd else [])):
        try:
            if b"\0" in os.fsencode(arg):
                raise ValueError
        except ValueError:
            raise UsageError(f"{arg!r} contains a character that cannot be passed to the program 'runs'") from None
    program = find()
    argv = [program, *(["-C", cwd] if cwd else []), *args]
    try:
        with room():
            if hasattr(os, "posix_spawn"):
                return _spawn(program, argv, input, meanwhile)
            return _subprocess(argv, input)
    except OSError as e:
        raise CommError(
            f"starting {program}: {e.strerror or e}; set RUNS_BINARY to a program 'runs' for this machine"
        ) from e


def lines(err: bytes) -> list[str]:
    """Return the lines that `runs` printed, without its prefix.

    Blank lines, escape sequences and control characters are removed.
    """
    import re

    text = re.sub(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)", "", err.decode("utf-8", "replace"))
    printable = ("".join(c if c.isprintable() else " " for c in line).strip() for line in text.splitlines())
    return [line.removeprefix("runs: ") for line in printable if line]


def incompatible(why: str) -> CommError:
    """Return the error for a program `runs` that does not work with this client."""
    return CommError(
        f"{find()} does not work with this client ({why}); run 'pip install --upgrade gitruns' to update both"
    )


def reason(printed: list[str], code: int) -> str:
    """Return why a command failed, in one line.

    Without a printed line it is the exit status.
    """
    return "; ".join(printed)[:2000] or f"'runs' ended with status {code} and no message"


def _subprocess(argv: list[str], input: bytes) -> tuple[int, bytes, bytes]:
    import subprocess
    import tempfile

    # Pipes would need threads, which cannot start while the interpreter shuts down.
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(input)
        given.seek(0)
        code = subprocess.call(argv, stdin=given, stdout=out, stderr=err)
        out.seek(0)
        err.seek(0)
        return code, out.read(), err.read()


def _spawn(
    program: str, argv: list[str], input: bytes, meanwhile: Callable[[], None] | None
) -> tuple[int, bytes, bytes]:
    import _signal
    import select
    from _functools import partial

    ends: list[int] = []
    started: list[int] = []
    chunks: dict[int, list[bytes]] = {}
    try:
        for _ in range(3):
            ends += os.pipe()
        _above_stdio(ends)
        in_read, in_write, out_read, out_write, err_read, err_write = ends
        actions = [
            (os.POSIX_SPAWN_DUP2, in_read, 0),
            (os.POSIX_SPAWN_DUP2, out_write, 1),
            (os.POSIX_SPAWN_DUP2, err_write, 2),
        ]
        # With its own process group, Ctrl-C does not end the program that records. Python ignores SIGPIPE, and a child
        # would inherit that.
        spawn = partial(
            os.posix_spawn, program, argv, file_actions=actions, setpgroup=0, setsigmask=[],
            setsigdef=[_signal.SIGPIPE, _signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP],
        )  # fmt: skip
        # One call without an instruction of Python between the start and the note of it: a Ctrl-C there would leave a
        # program behind that nobody knows.
        started.extend(map(spawn, [dict(os.environ)]))
        for end in (in_read, out_write, err_write):
            _close(ends, end)
        try:
            rest = memoryview(input)
            while rest:
                rest = rest[os.write(in_write, rest) :]
        except BrokenPipeError:
            pass  # it ended early; stderr has the reason
        _close(ends, in_write)
        if meanwhile is not None:
            meanwhile()
        chunks = {out_read: [], err_read: []}
        open_ends = [out_read, err_read]
        while open_ends:
            ready = _ready(select, open_ends) if len(open_ends) == 2 else list(open_ends)
            for end in ready:
                data = os.read(end, 1 << 16)
                chunks[end].append(data)
                if not data:
                    open_ends.remove(end)
        status = _wait(started[0])
    except BaseException:  # Ctrl-C: do not wait for the program
        if started:
            _kill(started[0], _signal.SIGKILL)
        raise
    finally:
        for end in list(ends):
            _close(ends, end)
    return status, b"".join(chunks[out_read]), b"".join(chunks[err_read])


def _above_stdio(ends: list[int]) -> None:
    """Move descriptors out of the numbers 0, 1 and 2.

    They have these if the process has no stdio. dup2 of a descriptor onto itself would keep its close-on-exec flag.
    """
    low = []
    for i in range(len(ends)):
        while ends[i] < 3:
            low.append(ends[i])
            ends[i] = os.dup(ends[i])
    for end in low:
        os.close(end)


def _close(ends: list[int], end: int) -> None:
    ends.remove(end)
    os.close(end)


def _kill(pid: int, signal: int) -> None:
    try:
        os.killpg(pid, signal)
    except OSError:  # it has ended
        pass
    _wait(pid)


def _ready(select: Any, ends: list[int]) -> list[int]:
    poll = getattr(select, "poll", None)
    if poll is None:
        return list(select.select(ends, [], [])[0])
    poller = poll()
    for end in ends:
        poller.register(end)
    return [end for end, _ in poller.poll()]


def _wait(pid: int) -> int:
    try:
        _, status = os.waitpid(pid, 0)
    except ChildProcessError:
        return 0  # this process ignores SIGCHLD, so the status is lost; the output still shows an error
    if os.WIFSIGNALED(status):
        return -os.WTERMSIG(status)
    return os.WEXITSTATUS(status)


def _other_version(out: bytes) -> bool:
    """Report whether an answer is missing, or of another protocol."""
    import json

    from ._version import PROTOCOL

    try:
        answer = json.loads(out)
        return not isinstance(answer, dict) or answer.get("protocol", PROTOCOL) != PROTOCOL
    except (ValueError, RecursionError):
        return True


def _next() -> bool:
    """Look for another program than that of RUNS_PROGRAM.

    The one that runs `exec` may be of another version than this client. Reports whether there is another.
    """
    global _found
    program = find()
    if program != os.path.normpath(os.environ.get("RUNS_PROGRAM") or os.devnull):
        return False
    _refused.add(os.environ["RUNS_PROGRAM"])
    before, _found = _found, ""
    try:
        return find() != program
    except CommError:
        _found = before
        _refused.clear()
        return False


def client(
    command: str,
    request: dict[str, Any],
    line: dict[str, Any] | None = None,
    cwd: str | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Call `runs client command` and return its answer.

    The request may have a journal line. meanwhile is called while `runs` works. Raises UsageError or ConfigError if the
    answer is an error of the caller, and CommError for any other error and for a program that does not speak this
    protocol.
    """
    import json

    from ._errors import ConfigError, UsageError
    from ._version import PROTOCOL

    request = {"protocol": PROTOCOL, **request}
    text = json.dumps(request) + "\n"
    if line:
        text += json.dumps(line) + "\n"
    code, out, err = call(["client", command], text.encode(), cwd, meanwhile)
    if _other_version(out) and _next():
        code, out, err = call(["client", command], text.encode(), cwd)
    try:
        answer = json.loads(out)
        if not isinstance(answer, dict) or not isinstance(answer.get("error", {}), dict):
            raise ValueError
        if (
            "error" not in answer
            and not answer.get("apart")
            and not all(isinstance(answer.get(k), str) and answer[k] for k in _REQUIRED.get(command, ()))
        ):
            raise ValueError
    except (ValueError, RecursionError):
        printed = lines(err)
        why = printed[0][:500] if printed else f"it ended with status {code} and an unknown answer"
        raise incompatible(why) from None
    if "error" in answer:
        error = answer["error"]
        text = (
            "; ".join(str(error[k]) for k in ("message", "hint") if error.get(k)) or "'runs' failed without a message"
        )
        kind = error.get("kind")
        if kind == "readonly" and not error.get("hint"):
            text += (
                "; make the folder writable ('chmod u+w'), set RUNS_REPO to a .runs folder that is, "
                "or record nothing with mode='disabled'"
            )
        raise {
            "params": ConfigError,
            "exists": UsageError,
            "missing": UsageError,
            "alive": UsageError,
            "usage": UsageError,
        }.get(kind, CommError)(text)
    if answer.get("protocol", PROTOCOL) != PROTOCOL:
        raise CommError(
            f"{find()} speaks protocol {answer['protocol']}, but this client speaks {PROTOCOL}; "
            "run 'pip install --upgrade gitruns' to update both"
        )
    return answer
