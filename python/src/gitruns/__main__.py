"""`python -m gitruns`: prints the versions and the paths of the client and of the program `runs`."""

from __future__ import annotations

import os
import sys

from . import _binary
from ._errors import CommError
from ._version import __version__


def main() -> int:
    """Print the versions.

    Returns the exit status, which is 1 if the program is missing.
    """
    print(f"gitruns {__version__} in {os.path.dirname(os.path.abspath(__file__))}")
    try:
        path = _binary.find()
        code, out, err = _binary.call(["version"])
    except CommError as e:
        print(f"gitruns: {e}", file=sys.stderr)
        return 1
    print((out or err).decode("utf-8", "replace").strip(), "in", path)
    return min(abs(code), 1)


if __name__ == "__main__":
    raise SystemExit(main())
