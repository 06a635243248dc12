"""`python -m gitruns` says which client and which program `runs` are used, and where they lie. Any arguments go to the program."""

from __future__ import annotations

import os
import sys


def main(args: list[str]) -> int:
    """Print the versions, or run `runs args…`; the exit status."""
    from . import _binary, _errors, _version

    try:
        program = _binary.find()
        if args:
            import subprocess

            return subprocess.call([program, *args])
        code, out, err = _binary.call(["version"])
    except _errors.Error as e:
        print(f"gitruns: {e}", file=sys.stderr)
        return 1
    print(f"gitruns {_version.__version__} (protocol {_version.PROTOCOL}, format {_version.FORMAT}): {os.path.dirname(os.path.abspath(__file__))}")
    print(f"{out.decode('utf-8', 'replace').strip() or err.decode('utf-8', 'replace').strip()}: {program}")
    return 1 if code else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
