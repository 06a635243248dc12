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
    """Return the path of the notebook's file, or '' if it is unknown."""
    shell = _shell()
    names = [
        getattr(shell, "user_ns", {}).get("__vsc_ipynb_file__"),
        os.environ.get("JPY_SESSION_NAME"),
        os.environ.get("RUNS_NOTEBOOK"),
        os.environ.get("WANDB_NOTEBOOK_NAME"),
    ]
    for name in names:
        if name and str(name).endswith(".ipynb") and os.path.isfile(str(name)):
            return os.path.abspath(str(name))
    return ""


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

    def unregister() -> None:
        try:
            events.unregister("pre_run_cell", before)
        except ValueError:
            pass

    run._cleanups.append(unregister)
