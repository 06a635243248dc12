"""Builds the wheels of all platforms, or of those that are named: python3 build_wheels.py [-o DIST] [linux/amd64 …]"""

from __future__ import annotations

import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "backend"))

import gitruns_build as build  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description="Build wheels of gitruns; it needs Go.")
    parser.add_argument("-o", "--output", default="dist", metavar="DIST", help="folder for the wheels (default: dist)")
    parser.add_argument("platform", nargs="*", help="such as linux/amd64 (default: all)")
    args = parser.parse_args()
    known = {"/".join(p): p for p in build.PLATFORMS}
    for name in args.platform or known:
        if name not in known:
            parser.error(f"no platform {name!r}; there are {', '.join(known)}")
    os.environ.pop("RUNS_BINARY", None)  # all are compiled from these sources
    try:
        for name in args.platform or known:
            wheel = build.wheel_for(args.output, *known[name])
            path = os.path.join(args.output, wheel)
            print(f"{path}  {os.path.getsize(path) / 1e6:.1f} MB", flush=True)
    except (build.BuildError, OSError) as e:
        print(f"build_wheels: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
