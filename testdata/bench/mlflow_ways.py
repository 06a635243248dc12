"""Costs of MLflow's calls under `runs exec` and through the plugin, each beside a fresh SQLite store.

    go build -o /tmp/runs ./cmd/runs && RUNS_BINARY=/tmp/runs PYTHON testdata/bench/mlflow_ways.py

PYTHON is one that has mlflow. Each round runs a program with SQLite, under exec, and with the plugin. A figure is the
median of its calls, and of the rounds; a ratio is to SQLite in the same round.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = os.path.join(HERE, "..", "..", "python")
RUNS = os.path.abspath(os.environ.get("RUNS_BINARY", "runs"))
ROUNDS, CALLS = int(os.environ.get("ROUNDS", "5")), 300

PROGRAM = """
import http.client, json, os, statistics, sys, time
import mlflow
from mlflow.utils.credentials import get_default_host_creds

def median(do, calls):
    took = []
    for i in range(calls):
        a = time.perf_counter()
        do(i)
        took.append(time.perf_counter() - a)
    return statistics.median(took)

calls, uri = int(sys.argv[1]), sys.argv[2]
if uri:
    mlflow.set_tracking_uri(uri)
a = time.perf_counter()
mlflow.set_experiment("bench")
run = mlflow.start_run()
out = {"start": time.perf_counter() - a}
ten = {f"metric_{i}": i / 3 for i in range(10)}
mlflow.log_metrics(ten, step=0)
out["log_metric"] = median(lambda i: mlflow.log_metric("loss", i / 7, step=i), calls)
out["log_metrics"] = median(lambda i: mlflow.log_metrics(ten, step=i), calls)
if not uri:  # what the listener takes, without MLflow's own part
    address, token = os.environ["MLFLOW_TRACKING_URI"], os.environ["MLFLOW_TRACKING_TOKEN"]
    c = http.client.HTTPConnection(address.partition("//")[2])
    points = [{"key": k, "value": v, "timestamp": 1764000000000, "step": 1} for k, v in ten.items()]
    body = json.dumps({"run_id": run.info.run_id, "metrics": points})
    def batch(i):
        c.request("POST", "/api/2.0/mlflow/runs/log-batch", body, {"Authorization": "Bearer " + token})
        assert c.getresponse().read() == b"{}"
    out["log-batch"] = median(batch, calls)
mlflow.end_run()
print("FIGURES", json.dumps(out))
"""


def measure(way: str, folder: str) -> dict:
    """Run the program in a new project, and return its times in seconds."""
    subprocess.run(["git", "init", "-q", folder], check=True)
    program = os.path.join(folder, "bench.py")
    with open(program, "w", encoding="utf-8") as f:
        f.write(PROGRAM)
    site = os.path.join(folder, ".git", "site")
    info = os.path.join(site, "gitruns-0.dist-info")
    os.makedirs(info)
    sys.path.insert(0, os.path.join(PYTHON, "backend"))
    import gitruns_build

    with open(os.path.join(info, "entry_points.txt"), "wb") as f:
        f.write(gitruns_build.ENTRY_POINTS)
    with open(os.path.join(info, "METADATA"), "w", encoding="utf-8") as f:
        f.write("Metadata-Version: 2.1\nName: gitruns\nVersion: 0\n")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "RUNS_"))}
    env.update(MLFLOW_DISABLE_TELEMETRY="true", RUNS_BINARY=RUNS)
    if way == "plugin":
        env["PYTHONPATH"] = os.pathsep.join([site, os.path.join(PYTHON, "src")])
    uri = {"sqlite": "sqlite:///mlflow.db", "exec": "", "plugin": "gitruns:"}[way]
    command = [sys.executable, program, str(CALLS), uri]
    if way == "exec":
        command = [RUNS, "exec", "--", *command]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if line.startswith("FIGURES "):
            return json.loads(line[8:])
    raise SystemExit(f"{way}: {done.stdout}{done.stderr}")


def stop(folder: str) -> None:
    """End the service of a project, and wait until it has finished its runs."""
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        if name.startswith("mlflow-") and name.endswith(".json"):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                pid = json.load(f)["pid"]
            os.kill(pid, signal.SIGTERM)
            while os.path.exists(f"/proc/{pid}"):
                time.sleep(0.01)


def main() -> None:
    """Print the figures."""
    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(ROUNDS):
        for way in ("sqlite", "exec", "plugin"):
            with tempfile.TemporaryDirectory() as folder:
                for name, seconds in measure(way, folder).items():
                    found.setdefault(way, {}).setdefault(name, []).append(seconds)
                stop(os.path.join(folder, ".git", "runs"))
    for way in ("exec", "plugin"):
        for name in ("start", "log_metric", "log_metrics"):
            ours, theirs = found[way][name], found["sqlite"][name]
            ratio = statistics.median(a / b for a, b in zip(ours, theirs))
            times = f"{statistics.median(ours) * 1e3:.3f} ms against {statistics.median(theirs) * 1e3:.3f} ms"
            print(f"{way} {name}: {ratio:.3f} x SQLite ({times})")
    print(f"exec log-batch of 10 over HTTP: {statistics.median(found['exec']['log-batch']) * 1e3:.3f} ms")


if __name__ == "__main__":
    main()
