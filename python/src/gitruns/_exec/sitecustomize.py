"""What `runs exec` brings into every Python process of its program, and then the sitecustomize of the user."""

import sys

try:
    import gitruns_reads

    gitruns_reads.install()
except Exception:  # the program runs without it
    pass


def _next() -> None:
    """Run the sitecustomize that this one hides."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec
    from os.path import abspath, dirname

    own = dirname(abspath(__file__))
    spec = PathFinder.find_spec("sitecustomize", [p for p in sys.path if abspath(p) != own])
    if spec is None or spec.loader is None:
        return
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


_next()
