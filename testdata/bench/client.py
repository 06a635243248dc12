"""Costs of the Python client, each beside a floor measured in the same call.

    go build -o /tmp/runs ./cmd/runs && RUNS_BINARY=/tmp/runs python3 testdata/bench/client.py

Times are medians. The floor of log is json.dumps and one os.write; of import, a Python that imports nothing.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

SRC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "python", "src")
ENV = {
    **{k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "RUNS_ID", "RUNS_DIR"))},
    "PYTHONPATH": os.path.abspath(SRC),
    "RUNS_SILENT": "1",
    "PYTHONPYCACHEPREFIX": os.path.join(tempfile.gettempdir(), "gitruns-bench-pycache"),
}
ENV.pop("PYTHONDONTWRITEBYTECODE", None)
ENV["RUNS_BINARY"] = os.path.abspath(os.environ.get("RUNS_BINARY", "runs"))

LOG = """
import gitruns, json, os, statistics, time
run = gitruns.init()
fd = os.open("floor.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
out = {}
for n in (1, 10):
    row = {"train/metric_%d" % k: 0.1 * k + 1 / 3 for k in range(n)}
    floor, ours = [], []
    for _ in range(60):
        a = time.perf_counter()
        for i in range(500):
            os.write(fd, (json.dumps({"t": time.time(), "step": i, "m": row}) + "\\n").encode())
        b = time.perf_counter()
        for i in range(500):
            run.log(row)
        c = time.perf_counter()
        floor.append((b - a) / 500)
        ours.append((c - b) / 500)
    out[n] = (statistics.median(floor) * 1e6, statistics.median(ours) * 1e6)
run.finish()
off = gitruns.init(mode="disabled")
class Empty:
    def log(self, data): pass
def calls(run):
    a = time.perf_counter()
    for i in range(2000):
        run.log(row)
    return (time.perf_counter() - a) / 2000 * 1e6
both = [(calls(Empty()), calls(off)) for _ in range(60)]
out["disabled"] = [statistics.median(x) for x in zip(*both)]
print(json.dumps(out))
"""

FINISH = """
import gitruns, json, time
run = gitruns.init()
for i in range(10000):
    run.log({"m%d" % k: i / (k + 3) for k in range(10)})
a = time.perf_counter()
run.finish()
print((time.perf_counter() - a) * 1e3)
"""

MEMORY = """
import os
def rss():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
before = rss()
import gitruns
run = gitruns.init(config={"lr": 0.1})
for i in range(20000):
    run.log({"loss": 1 / (i + 1), "acc": i / 20000})
print((rss() - before) / 1e6)
"""

INIT = """
import time
a = time.perf_counter()
import gitruns
gitruns.init(config={"lr": 0.1})
print((time.perf_counter() - a) * 1e3)
"""


def python(code: str, cwd: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=ENV, check=True, capture_output=True, text=True
    ).stdout


def wall(args: list[str], cwd: str) -> float:
    a = time.perf_counter()
    subprocess.run(args, cwd=cwd, env=ENV, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - a) * 1e3


def main() -> None:
    with tempfile.TemporaryDirectory() as cwd:
        git = ["git", "-C", cwd, "-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run([*git, "init", "-q"], check=True)
        for i in range(50):
            with open(os.path.join(cwd, f"f{i}.py"), "w", encoding="utf-8") as f:
                f.write(f"x = {i}\n" * 100)
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-qm", "x"], check=True)
        python("import gitruns; gitruns.init()", cwd)  # sets .runs up, and the caches

        log = json.loads(python(LOG, cwd))
        for n in ("1", "10"):
            floor, ours = log[n]
            print(
                f"log of {n:>2} floats        {ours:7.2f} us   json.dumps and a write {floor:7.2f} us   "
                f"ratio {ours / floor:.2f}"
            )
        floor, ours = log["disabled"]
        print(
            f"log, disabled           {ours:7.2f} us   an empty method        {floor:7.2f} us   "
            f"ratio {ours / floor:.2f}"
        )

        bare, light, all_of_it = [], [], []
        for _ in range(31):
            bare.append(wall([sys.executable, "-c", "pass"], cwd))
            light.append(wall([sys.executable, "-c", "import gitruns"], cwd))
            all_of_it.append(wall([sys.executable, "-c", "import gitruns; gitruns.init"], cwd))
        base = statistics.median(bare)
        with_client = statistics.median(light)
        print(
            f"import gitruns         {with_client - base:+7.1f} ms   bare Python            {base:7.1f} ms   "
            f"ratio {with_client / base:.2f}"
        )
        print(f"  and all that init is {statistics.median(all_of_it) - base:+7.1f} ms")

        init, status = [], []
        for _ in range(21):
            init.append(float(python(INIT, cwd)))
            status.append(wall(["git", "status", "--porcelain"], cwd))
        started, s = statistics.median(init), statistics.median(status)
        print(
            f"import + init           {started:7.1f} ms   git status             {s:7.1f} ms   ratio {started / s:.1f}"
        )

        finish = statistics.median(float(python(FINISH, cwd)) for _ in range(7))
        print(f"finish, 100,000 points  {finish:7.1f} ms   git status             {s:7.1f} ms   ratio {finish / s:.1f}")
        print(f"memory added            {statistics.median(float(python(MEMORY, cwd)) for _ in range(5)):7.1f} MB")


if __name__ == "__main__":
    main()
