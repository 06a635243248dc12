"""Costs of noticing what a Python program reads, each beside the same program without.

    python3 testdata/bench/reads.py
    RUNS_BINARY=... python3 testdata/bench/reads.py syscalls [PAIRS]

Pairs run one after the other, each in a process of its own. Times are processor times of the process: they do not
count waiting for others. The ratio is the median of those of the pairs.

With `syscalls`, the pairs are `runs exec` with --trace syscalls and with --trace off, on Linux. The time on the clock
is compared too: the program waits while `runs exec` looks at what it opens. A busy machine makes that longer.
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


def called(source: str, on: bool, folder: str) -> tuple[float, float]:
    """Run a program by `runs exec`, and return its processor time and the time on the clock."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("RUNS_")}
    road = "syscalls" if on else "off"
    source = f"import time as clock\nstarted = clock.perf_counter()\n{source}print(clock.perf_counter() - started)\n"
    call = [os.environ["RUNS_BINARY"], "exec", "--trace", road, "--"]
    args = [sys.executable, "-c", source, "off"]
    done = subprocess.run(call + args, cwd=folder, env=env, capture_output=True, text=True, check=True)
    if "not watched" in done.stderr:
        raise SystemExit(done.stderr)
    cpu, wall = done.stdout.split()
    return float(cpu), float(wall)


def compare_called(what: str, source: str, folder: str, pairs: int) -> None:
    ratios: tuple[list[float], list[float]] = ([], [])
    for i in range(pairs):
        order = (False, True) if i % 2 else (True, False)
        took = {on: called(source, on, folder) for on in order}
        for of, ratio in enumerate(ratios):
            ratio.append(took[True][of] / took[False][of])
    print(f"{what}: {statistics.median(ratios[0]):.2f} x of the processor time, "
          f"{statistics.median(ratios[1]):.2f} x on the clock, {pairs} pairs")  # fmt: skip


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
        if sys.argv[1:2] == ["syscalls"]:
            pairs = int(sys.argv[2]) if len(sys.argv) > 2 else PAIRS
            subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
            with open(os.path.join(folder, ".gitignore"), "w") as f:
                f.write("data/\n")
            compare_called(f"opening {FILES:,} files", OPEN, folder, pairs)
            compare_called(f"training for {STEPS:,} steps", TRAIN, folder, pairs)
            return
        compare(f"opening {FILES:,} files", OPEN, folder, 9)
        compare(f"training for {STEPS:,} steps", TRAIN, folder, PAIRS)
        compare("starting and importing the client", NOTHING, folder, PAIRS)


if __name__ == "__main__":
    main()
