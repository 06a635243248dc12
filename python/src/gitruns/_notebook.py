"""Notebooks: detects one, and keeps the source of its cells with the run as they are executed."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    get = getattr(ipython, "get_ipython", None)
    try:
        return get() if get is not None else None
    except Exception:
        return None


def in_notebook() -> bool:
    """Report whether this process executes cells: IPython, Jupyter, Colab or Kaggle."""
    return _shell() is not None


def notebook_path() -> str:
    """Return the absolute path of the notebook's file, or '' if it is unknown.

    VS Code and papermill tell the kernel, Jupyter tells its environment, and nbconvert names the file in its command.
    """
    names = getattr(_shell(), "user_ns", {})
    told = [
        names.get("__vsc_ipynb_file__"),
        names.get("PAPERMILL_INPUT_PATH"),
        os.environ.get("JPY_SESSION_NAME"),
        os.environ.get("RUNS_NOTEBOOK"),
        os.environ.get("WANDB_NOTEBOOK_NAME"),
    ]
    for name in told:
        if path := _existing(str(name or "")):
            return path
    return _executed()


def _existing(name: str) -> str:
    """Return the path of the notebook that a session has this name for, or ''.

    A server names it relative to its own folder, which may be above that of the kernel. Some names go on after it.
    """
    end = name.find(".ipynb")
    if end < 0:
        return ""
    name = name[: end + len(".ipynb")]
    folder = os.getcwd()
    while True:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return os.path.abspath(path)
        above = os.path.dirname(folder)
        if above == folder or os.path.isabs(name):
            break
        folder = above
    path = os.path.abspath(os.path.basename(name))
    return path if os.path.isfile(path) else ""


_EXECUTORS = ("nbconvert", "papermill", "jupyter-execute", "execute", "nbclient")


def _executed() -> str:
    """Return the notebook that a parent process was told to execute, or ''.

    It is found on Linux only.
    """
    pid = os.getppid()
    for _ in range(4):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = os.fsdecode(f.read(1 << 16)).split("\0")
            if any(os.path.basename(word).partition(".py")[0].endswith(_EXECUTORS) for word in words[:6]):
                folder = os.readlink(f"/proc/{pid}/cwd")
                for word in words:
                    path = os.path.join(folder, word)
                    if word.endswith(".ipynb") and os.path.isfile(path):
                        return os.path.abspath(path)
            with open(f"/proc/{pid}/stat", "rb") as f:
                pid = int(f.read(4096).rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            break
        if pid <= 1:
            break
    return ""


_cell_error: Any = None  # what the last executed cell raised, as (kind, error, trace)


def cell_error() -> Any:
    """Return what the last executed cell raised, as (kind, error, trace), or None.

    A kernel that ends after such a cell has failed: this is how nbconvert and papermill end.
    """
    return _cell_error


def _after(result: Any = None) -> None:
    global _cell_error
    error = getattr(result, "error_before_exec", None) or getattr(result, "error_in_exec", None)
    _cell_error = (type(error), error, error.__traceback__) if isinstance(error, BaseException) else None


def attach_notebook(run: Any) -> None:
    """Keep the source of past and future cells in the run's notebook/cells.py.

    A cell is written before it is executed, so that it is kept even if the kernel dies.
    """
    shell = _shell()
    events = getattr(shell, "events", None)
    if events is None or run.disabled:
        return
    path = os.path.join(run.dir, "notebook", "cells.py")
    count = [0]

    def write(source: str) -> None:
        count[0] += 1
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "a", encoding="utf-8", errors="backslashreplace") as f:
                f.write(f"# %% [{count[0]}]\n{source.rstrip()}\n\n")
        except OSError as e:
            from ._messages import warn_once

            warn_once(("cells", run.run_id), f"the source of the cells was not kept: {e.strerror}")

    for source in list(getattr(shell, "user_ns", {}).get("In", ()))[1:]:
        if source:
            write(source)

    def before(info: Any = None) -> None:
        source = getattr(info, "raw_cell", None)
        if source and not run._state:
            write(source)

    events.register("pre_run_cell", before)
    events.register("post_run_cell", _after)

    def unregister() -> None:
        for name, function in (("pre_run_cell", before), ("post_run_cell", _after)):
            try:
                events.unregister(name, function)
            except ValueError:
                pass

    run._cleanups.append(unregister)
