"""How a run ends: by finish(), the end of the process, an exception, Ctrl-C or a signal.

`install` puts hooks into the interpreter with the first run of a process, and `uninstall` removes them after the
last. Each hook only notes what happened; `_at_exit` decides on the status. `end` is the only way that a run is
finished.
"""

from __future__ import annotations

import _signal
import atexit
import builtins
import os
import sys
import time
from _thread import get_ident

from . import _live
from ._messages import progress, warn
from ._spare import room

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_SIGTERM = _signal.SIGTERM
_installed = False
_main = 0
_error: tuple[Any, ...] | None = None  # the uncaught exception: (kind, error, trace)
_exit_seen: _Exit | None = None  # the last call of sys.exit
_unknown = False  # the program ends by an exit that no hook saw
_child = 0  # the process of multiprocessing whose end is watched
_forks = False  # the hook for forks is registered
exiting = False  # the interpreter ends, and with it the runs of this process
_entered = False  # the hook for exceptions is running
_previous: dict[int, Any] = {}
_before: dict[str, Any] = {}
_preempted = ""


def install() -> None:
    """Watch the end of this process until the last run is finished."""
    global _installed, _main, _error, _exit_seen, _unknown, _preempted
    if _installed:
        _watch_signals()
        _watch_child()
        return
    _installed, _main, _error, _exit_seen, _unknown, _preempted = True, get_ident(), None, None, False, ""
    atexit.register(_at_exit)
    _before["last"] = _last()
    threading = sys.modules.get("threading")
    if threading is None or threading.main_thread().ident == _main:
        frame = sys._getframe()
        while frame.f_back is not None:
            frame = frame.f_back
        _before["frame"] = frame
    _before["hook"] = sys.excepthook
    _before["sys.exit"] = sys.exit
    _before["os._exit"] = os._exit
    os._exit = _hard_exit
    sys.excepthook = _excepthook
    sys.exit = _exit
    for name in ("exit", "quit"):  # the ones of the module site raise SystemExit without calling sys.exit
        quitter = getattr(builtins, name, None)
        if quitter is not None:
            _before[name] = quitter
            setattr(builtins, name, _Quitter(quitter))
    _watch_signals()
    _watch_child()


def _watch_signals() -> None:
    """Let signals end the runs of this process, unless it is a worker of a pool.

    Python calls a handler only between two instructions. A worker that waits for a lock would not end, and its pool
    would wait for it. Without a handler, the sidecar sees that the worker ended, and its run is `crashed`.
    """
    global _forks
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        return
    if not _forks and hasattr(os, "register_at_fork"):
        _forks = True
        os.register_at_fork(after_in_child=_give_back_signals)
    numbers = [_SIGTERM]
    if "SLURM_JOB_ID" in os.environ and hasattr(_signal, "SIGUSR1"):
        numbers.append(_signal.SIGUSR1)  # what `sbatch --signal` sends before the end
    for number in numbers:
        try:
            old = _signal.getsignal(number)
            if old is None or old in (_signal.SIG_IGN, _on_signal):
                continue
            _signal.signal(number, _on_signal)
            _previous[number] = old
        except (ValueError, OSError):  # not the main thread; the sidecar sees the end
            break


def _give_back_signals() -> None:
    """Restore the caller's signal handlers, unless somebody has replaced ours.

    A forked process calls this as well, because it has no run at first.
    """
    for number, old in list(_previous.items()):
        try:
            if _signal.getsignal(number) is _on_signal:
                _signal.signal(number, old)
        except (ValueError, OSError):
            pass
    _previous.clear()


def _watch_child() -> None:
    """Watch the end of a process of multiprocessing.

    Its program is one call, Process.run.
    """
    global _child
    process = sys.modules.get("multiprocessing.process")
    if process is None or process.parent_process() is None or _child == os.getpid():
        return
    from multiprocessing.util import Finalize

    _child = os.getpid()
    Finalize(None, _at_child_exit, exitpriority=0)
    frame: Any = sys._getframe()
    while frame is not None and not (frame.f_code.co_name == "run" and frame.f_code.co_filename == process.__file__):
        frame = frame.f_back
    _before["frame"] = frame


def _at_child_exit() -> None:
    global _error
    kind, error, trace = sys.exc_info()
    if kind is not None:
        _error = (kind, error, trace)
    elif _error is None and _exit_seen is None and _returned() is False:
        # Python 3.13 has already dropped the exception.
        for run in reversed(_own_runs()):
            end(run, "failed", 1, "", "")
    _at_exit()


def uninstall() -> None:
    """Restore the caller's hooks, unless somebody has replaced ours."""
    global _installed
    if not _installed:
        return
    _installed = False
    atexit.unregister(_at_exit)
    if sys.excepthook is _excepthook:
        sys.excepthook = _before["hook"]
    if sys.exit is _exit:
        sys.exit = _before["sys.exit"]
    if os._exit is _hard_exit:
        os._exit = _before["os._exit"]
    for name in ("exit", "quit"):
        if name in _before and isinstance(getattr(builtins, name, None), _Quitter):
            setattr(builtins, name, _before[name])
    _give_back_signals()
    _before.clear()


class _Quitter:
    """Wraps exit or quit, to note the exit."""

    def __init__(self, quitter: Any) -> None:
        self._quitter = quitter

    def __call__(self, code: Any = None) -> Any:
        try:
            return self._quitter(code)
        except SystemExit as e:
            _note_exit(e)
            raise

    def __repr__(self) -> str:
        return repr(self._quitter)


class _Exit:
    """A call of sys.exit.

    It ends the program only if its SystemExit is still alive when no more code runs.
    """

    def __init__(self, code: Any) -> None:
        self.code = code


class _Mark:
    """An attribute of a SystemExit that notes when the exception is dropped."""

    def __init__(self, exit: _Exit) -> None:
        self._exit = exit

    def __del__(self) -> None:
        global _exit_seen
        try:
            dropped_by = sys._getframe(1).f_code.co_name
        except ValueError:  # dropped by the interpreter itself: the program ends
            return
        ends_child = dropped_by == "_bootstrap" and _child == os.getpid()  # multiprocessing ends its process there
        if _exit_seen is self._exit and not ends_child:
            _exit_seen = None


def _note_exit(e: SystemExit) -> None:
    global _exit_seen
    if get_ident() == _main:
        _exit_seen = _Exit(e.code)
        e._gitruns = _Mark(_exit_seen)  # type: ignore[attr-defined]


def _exit(code: Any = None) -> Any:
    try:
        return _before.get("sys.exit", _raise_exit)(code)
    except SystemExit as e:
        _note_exit(e)
        raise


def _hard_exit(status: int) -> Any:
    """Note the status of os._exit, which ends the process without any further hook.

    The sidecar, or the next command of `runs`, finishes the runs with it.
    """
    leave = _before.get("os._exit")
    try:
        for run in _own_runs():
            if not run._joined and not run._state:
                code = _status_of(status)
                run._words.say(run._lost_rows, status="failed" if code else "finished", exit_code=code)
    finally:
        if leave is None:  # restored in the meantime, by another thread
            leave = os._exit
        leave(status)


def _raise_exit(code: Any = None) -> Any:
    raise SystemExit(code)


def _excepthook(kind: Any, error: Any, trace: Any) -> Any:
    global _error, _entered
    hook = _before.get("hook", sys.__excepthook__)
    if _entered:  # a hook that was set later called this one; calling it again would not end
        return sys.__excepthook__(kind, error, trace)
    if _own_runs():
        _error = (kind, error, trace)
    _entered = True
    try:
        return hook(kind, error, trace)
    finally:
        _entered = False


def _last() -> Any:
    """Return the exception that the interpreter reported last, whichever hook is set."""
    return getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)


def _uncaught(returned: bool | None) -> tuple[Any, ...] | None:
    """Return the exception that ended the program as (kind, error, trace), or None.

    It is found even if another hook has replaced ours.
    """
    if _error is not None:
        return _error
    from ._notebook import cell_error, in_notebook

    if in_notebook():
        return cell_error()  # type: ignore[no-any-return]
    last = _last()
    # Test runners and debuggers also set the last exception, while the program continues.
    if (
        returned
        or _exit_seen is not None
        or not isinstance(last, BaseException)
        or last is _before.get("last")
        or hasattr(sys, "ps1")
        or sys.flags.interactive
    ):
        return None
    return type(last), last, last.__traceback__


def _returned() -> bool | None:
    """Report whether the program's own code ran to its end.

    None means unknown.
    """
    frame = _before.get("frame")
    if frame is None or frame.f_lasti < 0:
        return None
    from opcode import opname

    return str(opname[frame.f_code.co_code[frame.f_lasti]]).startswith("RETURN_")


def _on_signal(number: int, frame: Any) -> Any:
    """Handle SIGTERM, and SIGUSR1 under Slurm.

    If the caller has a handler, it decides. Otherwise finish the runs and let the signal end the process.
    """
    global _preempted
    name = "SIGTERM" if number == _SIGTERM else "SIGUSR1"
    old = _previous.get(number, _signal.SIG_DFL)
    if _own_runs():
        _preempted = name
    if callable(old):
        return old(number, frame)
    for run in _own_runs():
        end(run, "killed", None, name, _taken_back())
    _signal.signal(number, _signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return None


def _taken_back() -> str:
    """Return the reason of an end by a signal: under a scheduler, "preempted"."""
    return (
        "preempted"
        if any(os.environ.get(name) for name in ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID"))
        else ""
    )


def _own_runs() -> list[Any]:
    return [run for run in list(_live.runs) if run._pid == os.getpid()]


def _at_exit() -> None:
    global _unknown, exiting
    exiting = True
    runs = _own_runs()
    returned = _returned()
    error, seen = _uncaught(returned), _exit_seen
    if returned:
        seen = None  # somebody caught it
    _unknown = seen is None and returned is False
    for run in reversed(runs):
        try:
            if error is not None:
                if run._joined and _kernel():  # the run's starter sees how nbconvert ends, not the kernel
                    run._write({"exit_code": 1})
                finish_with(run, *error)
            elif _preempted:
                end(run, "killed", _status_of(seen.code) if seen else None, _preempted, _taken_back())
            elif seen is not None:
                code = _status_of(seen.code)
                end(
                    run,
                    "finished" if code == 0 else "failed",
                    code,
                    "",
                    str(seen.code)[:200] if isinstance(seen.code, str) else "",
                )
            else:
                # The process itself cannot see `raise SystemExit(3)`, so the exit status stays unknown.
                end(run, "finished", None, "", "")
        except Exception as e:
            warn(f"finishing run {run.id}: {e}")


def _kernel() -> bool:
    from ._notebook import in_notebook

    return in_notebook()


def _status_of(code: Any) -> int:
    """Return the exit status of sys.exit(code), as the shell sees it."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    return 1


def finish_with(run: Any, kind: Any, error: Any, trace: Any) -> None:
    """Finish the run with the status of an exception.

    Without an exception the run is finished.
    """
    if kind is None:
        finish(run)
        return
    if issubclass(kind, SystemExit):
        code = _status_of(getattr(error, "code", None))
        end(run, "finished" if code == 0 else "failed", code, "", "")
        return
    if issubclass(kind, KeyboardInterrupt):
        end(run, "killed", 130, "SIGINT", "interrupted")
        return
    text = _keep_trace(run, kind, error, trace)
    if run._preempting or _preempted:
        end(run, "killed", 1, _preempted, "preempted" if run._preempting else _taken_back())
        return
    end(run, "failed", 1, "", text)


def _keep_trace(run: Any, kind: Any, error: Any, trace: Any) -> str:
    """Keep the traceback as an artifact, and return the exception in one line."""
    try:
        short = str(error).strip().splitlines()
    except Exception:
        short = []
    text = kind.__name__ + (": " + short[0] if short else "")
    text = "".join(c if c.isprintable() else " " for c in text)[:200].encode("utf-8", "replace").decode()
    try:
        import traceback

        lines = "".join(traceback.format_exception(kind, error, trace))
        path = os.path.join(run._folder, "traceback.txt")
        with room(), open(path, "w", encoding="utf-8", errors="backslashreplace") as f:
            f.write(lines if len(lines) < 1 << 20 else lines[: 1 << 19] + "\n…\n" + lines[-(1 << 19) :])
        run._write({"artifact": {"path": path, "name": "traceback.txt", "kind": "traceback", "caption": text}})
    except Exception as e:
        warn(f"the traceback was not kept: {e}")
    return text


def finish(run: Any, exit_code: Any = None, quiet: Any = None) -> None:
    """Finish the run, as failed if exit_code is not 0. A finished run stays as it is."""
    if run._state:
        return
    code = _exit_code(exit_code)
    if code and run._joined:  # the run's starter sees only the exit status of the program
        run._write({"exit_code": code})
    status, reason = ("finished", "") if not code else ("failed", "")
    if _preempted:
        end(run, "killed", code, _preempted, _taken_back(), quiet)
        return
    if run._preempting and code:
        status, reason = "killed", "preempted"
    end(run, status, code, "", reason, quiet)


def _exit_code(code: Any) -> int | None:
    """Check the exit status that finish() was given.

    Raises TypeError if it is not an integer, and ValueError if no process can have it.
    """
    if code is None:
        return None
    index = getattr(code, "__index__", None)
    if index is None:
        raise TypeError(f"finish: exit_code must be an integer, got {type(code).__name__}")
    number = int(index())
    most = 255 if os.name != "nt" else 0xFFFFFFFF
    if not -255 <= number <= most:
        raise ValueError(f"finish: exit_code must be 0 to {most}, or the negative number of a signal, got {number}")
    return number


def end(run: Any, status: str, code: int | None, signal: str, reason: str, quiet: Any = None) -> None:
    """Finish the run.

    It closes the journal, lets `runs` make the record, and restores the hooks.
    """
    with run._lock:
        if run._state:
            return
        if run._pid != os.getpid():  # a forked process closes its journal; its parent finishes the run
            _close(run)
            run._state = "left"
            if run in _live.runs:
                _live.runs.remove(run)
            return
        for callback in run._at_finish:
            try:
                with room():
                    callback(run)
            except Exception as e:
                warn(f"finishing run {run.id}: {type(e).__name__}: {e}")
        _close(run)
        run._state = status
    try:
        _call(run, status, code, signal, reason, quiet)
    finally:
        if run in _live.runs:
            _live.runs.remove(run)
        release(run)


def _close(run: Any) -> None:
    """End the journal of this process.

    If another process finishes the run, the last words count what this process lost, otherwise a line of the journal.
    """
    if os.path.isdir(run._folder):  # otherwise the run is finished without this process
        lost = run._lost_rows
        others = run._joined or run._pid != os.getpid()
        if (lost or run._words.said) and not run._words.say(lost) and lost and others:
            run._write({"tags": {"lost_rows": str(lost)}})
        if run._journal.written():
            try:
                run._journal.write(b'{"t": %.6f, "event": "end"}\n' % time.time())
            except OSError:  # a full disk; a finish sees that the process is gone
                pass
    run._journal.end()


def _call(run: Any, status: str, code: int | None, signal: str, reason: str, quiet: Any) -> None:
    from ._binary import client
    from ._errors import Error

    if run._joined:
        run._finished_dir = run._folder
        run._words.close()
        return  # the run's starter finishes it
    # Written first: if the finish fails or is killed, whoever repeats it knows how the program ended.
    run._words.say(run._lost_rows, status=status, exit_code=code, signal=signal, end_reason=reason)
    run._words.close()
    request: dict[str, Any] = {
        "dir": run._folder,
        "pid": os.getpid(),
        "sidecar": run._sidecar,
        "wait": 30,
        "status": status,
        "exit_code": code,
        "signal": signal,
        "end_reason": reason,
        "lost_rows": run._lost_rows,
    }
    if run._lost_rows:
        warn(f"run {run.id} lost {run._lost_rows:,} rows or values; its tag lost_rows counts them")
    if run._tensorboard is not None:
        request["tensorboard"] = {"on": True, "pid": os.getpid(), **run._tensorboard}
    try:
        answer = client("finish", request)
    except Error as e:
        warn(
            f"finishing run {run.id}: {e}; "
            + (
                f"its rows are safe in {run._folder}: run 'runs finish {run.run_id}{_as(status, code)}'"
                if os.path.isdir(run._folder)
                else f"its folder {run._folder} no longer exists"
            )
        )
        return
    run._finished_dir = answer.get("dir") or run._folder
    for line in answer.get("warnings") or ():
        progress(line)
    if not quiet:
        ended = answer.get("status", status) + (", exit status unknown" if _unknown and code is None else "")
        progress(f"recorded {run._title}, {ended}: 'runs show {run._short_id}'")


def _as(status: str, code: int | None) -> str:
    """Return the options with which `runs finish` gives a run this end."""
    return (f" --status {status}" if status != "finished" else "") + (f" --exit-code {code}" if code else "")


def release(run: Any) -> None:
    """Forget the run, and restore the hooks if it was the last one of this process."""
    _live.release(run)
    for cleanup in getattr(run, "_cleanups", ()):
        cleanup()
    if not _own_runs() and not _live.runs:
        uninstall()
