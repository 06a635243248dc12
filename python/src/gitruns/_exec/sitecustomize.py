"""What `runs exec` brings into every Python process of its program, and then the sitecustomize of the user.

It must be valid for Python 2 too.
"""

import os
import sys

try:
    if os.environ.get("RUNS_READS"):  # otherwise nothing is to be noticed, or `runs exec` sees the system calls
        import gitruns_reads

        gitruns_reads.install()
except Exception:  # the program runs without it
    pass


def _next():  # type: () -> None
    """Run the sitecustomize that this one hides."""
    from os.path import abspath, dirname

    own = dirname(abspath(__file__))
    path = [p for p in sys.path if abspath(p) != own]
    if sys.version_info < (3,):  # noqa: UP036
        import imp

        try:
            found = imp.find_module("sitecustomize", path)
        except ImportError:
            return
        imp.load_module("sitecustomize", *found)
        return
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec("sitecustomize", path)
    if spec is None or spec.loader is None:
        return
    from importlib.util import module_from_spec  # it imports much, and most users have no sitecustomize

    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


_next()
