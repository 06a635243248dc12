"""Costs of noticing what a Python program reads, each beside the same program without.

    python3 testdata/bench/reads.py

Pairs run one after the other, each in a process of its own. Times are processor times of the process: they do not
count waiting for others. The ratio is the median of those of the pairs.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

SRC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "python", "src")
FILES, STEPS, PAIRS = 100_000, 10_000, 30

START = "import sys, time\nif sys.argv[1] == 'on':\n    import gitruns\n"
OPEN = (
    START
    + f"""
paths = [f"data/{{i // 1000}}/{{i}}.txt" for i in range({FILES})]
began = time.process_time()
for path in paths:
    with open(path, "rb") as f:
        f.read()
print(time.process_time() - began)
"""
)
TRAIN = (
    START
    + f"""
import random
w, rows = [0.0] * 20, [[random.random() for _ in range(20)] for _ in range(100)]
began = time.process_time()
for step in range({STEPS}):
    row = rows[step % 100]
    error = sum(a * b for a, b in zip(w, row)) - 1
    w = [a - 0.01 * error * b for a, b in zip(w, row)]
    if step % 1000 == 0:
        open("checkpoint", "w").write(repr(w))
print(time.process_time() - began)
"""
)
NOTHING = START + "print(time.process_time())"


def seconds(source: str, on: bool, folder: str) -> float:
    """Run a program in a folder, and return the time that it measures."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("RUNS_")}
    env["PYTHONPATH"] = os.path.abspath(SRC)
    if on:
        reads = os.path.join(folder, "reads")
        os.makedirs(reads, exist_ok=True)
        env["RUNS_READS"], env["RUNS_READS_ROOT"] = reads, folder
    args = [sys.executable, "-c", source, "on" if on else "off"]
    done = subprocess.run(args, cwd=folder, env=env, capture_output=True, text=True, check=True)
    return float(done.stdout)


def compare(what: str, source: str, folder: str, pairs: int) -> None:
    without, ratios = [], []
    for i in range(pairs):
        order = (False, True) if i % 2 else (True, False)
        took = {on: seconds(source, on, folder) for on in order}
        without.append(took[False])
        ratios.append(took[True] / took[False])
    spread = statistics.quantiles(ratios, n=4)
    print(f"{what}: {statistics.median(ratios):.2f} x ({spread[0]:.2f} to {spread[2]:.2f}) "
          f"of {statistics.median(without):.3f} s")  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        folder = os.path.realpath(folder)
        for i in range(FILES):
            if i % 1000 == 0:
                os.makedirs(os.path.join(folder, "data", str(i // 1000)))
            with open(os.path.join(folder, "data", str(i // 1000), f"{i}.txt"), "w") as f:
                f.write("x" * 100)
        compare(f"opening {FILES:,} files", OPEN, folder, 9)
        compare(f"training for {STEPS:,} steps", TRAIN, folder, PAIRS)
        compare("starting and importing the client", NOTHING, folder, PAIRS)


if __name__ == "__main__":
    main()
