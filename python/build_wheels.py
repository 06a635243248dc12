"""Builds the wheels of all platforms: `python3 python/build_wheels.py [-o DIST] [PLATFORM…]`.

A platform is for example linux/amd64. It needs only Go. The same sources give the same bytes.
"""

from __future__ import annotations

import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "backend"))

import gitruns_build  # noqa: E402


def main() -> None:
    """Build the wheels that the command line names."""
    parser = argparse.ArgumentParser(description="Build wheels of gitruns that contain the program 'runs'.")
    parser.add_argument("-o", "--output", default="dist", help="put the wheels into this folder (default: dist)")
    parser.add_argument("platforms", nargs="*", metavar="PLATFORM", help="for example linux/amd64 (default: all)")
    args = parser.parse_args()
    os.environ.pop("RUNS_BINARY", None)  # build every program from these sources
    known = {"/".join(p): p for p in gitruns_build.PLATFORMS}
    for name in args.platforms or known:
        if name not in known:
            parser.error(f"PLATFORM must be one of {', '.join(known)}, got {name!r}")
        wheel = gitruns_build.wheel(args.output, known[name])
        size = os.path.getsize(os.path.join(args.output, wheel))
        print(f"{name}: {wheel}, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
