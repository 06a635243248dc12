"""What the client may need while the program trains and when it ends, imported by init().

An import in the training, in a signal handler or at the end of the interpreter can fail: the table of open files may be
full, the module may be half imported below the handler, the interpreter may have dropped its importers. So whatever a
call of the API can reach is imported while `runs` starts the run, which takes longer. `import gitruns` alone imports
none of it. A function-level import of a module that is not in this list needs a reason in test_imports.py.
"""

from __future__ import annotations

_MODULES = (
    # the standard library
    "_json", "_signal", "array", "copyreg", "difflib", "fcntl", "glob", "hashlib", "io", "json", "opcode", "re",
    "reprlib", "select", "shutil", "tempfile", "traceback", "urllib.parse", "wave", "weakref",
    # the package
    "gitruns._artifact", "gitruns._binary", "gitruns._bounds", "gitruns._compat", "gitruns._dataset",
    "gitruns._disabled", "gitruns._end", "gitruns._figures", "gitruns._files", "gitruns._image", "gitruns._inherit",
    "gitruns._join", "gitruns._labels", "gitruns._media", "gitruns._model", "gitruns._notebook", "gitruns._parquet",
    "gitruns._plot", "gitruns._png", "gitruns._refused", "gitruns._row", "gitruns._run", "gitruns._save",
    "gitruns._summary", "gitruns._table", "gitruns._token", "gitruns._video", "gitruns._watch",
)  # fmt: skip
_done = False


def preload() -> None:
    """Import what a later call may need, as far as this Python has it."""
    global _done
    if _done:
        return
    _done = True
    for name in _MODULES:
        try:
            __import__(name)
        except ImportError:
            pass
