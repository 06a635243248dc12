"""Build the wheels of all platforms: `python3 python/build_wheels.py [-o DIST] [PLATFORM…]`, a platform being like linux/amd64.

Needs Go and nothing else. The same sources give the same bytes.
"""

from __future__ import annotations

import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "backend"))

import gitruns_build  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description="Build wheels of gitruns with the program 'runs' in them.")
    parser.add_argument("-o", "--output", default="dist", help="folder for the wheels (default: dist)")
    parser.add_argument("platforms", nargs="*", metavar="PLATFORM", help="like linux/amd64; default: all")
    args = parser.parse_args()
    os.environ.pop("RUNS_BINARY", None)  # all are built from these sources
    known = {"/".join(p): p for p in gitruns_build.PLATFORMS}
    for name in args.platforms or known:
        if name not in known:
            parser.error(f"platform {name!r} is none of {', '.join(known)}")
        wheel = gitruns_build.wheel(args.output, known[name])
        size = os.path.getsize(os.path.join(args.output, wheel))
        print(f"{name}: {wheel}, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
