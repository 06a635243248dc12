"""MLflow's own client against `runs`: set RUNS_TEST_MLFLOW and RUNS_TEST_MLFLOW2 to Pythons that have it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import unittest

from project import SRC, Project

PYTHONS = [p for p in (os.environ.get("RUNS_TEST_MLFLOW"), os.environ.get("RUNS_TEST_MLFLOW2")) if p]


@unittest.skipUnless(PYTHONS, "set RUNS_TEST_MLFLOW to a Python that has mlflow")
class WithMLflow(Project):
    """A test in a project whose programs run in each Python that has MLflow."""

    def setUp(self) -> None:
        super().setUp()
        self.runs("init")

    def mlflow_env(self, **env: str) -> dict:
        return self.env(**{"PYTHONPATH": "", "MLFLOW_DISABLE_TELEMETRY": "true", **env})

    def exec(self, python: str, source: str, *args: str, status: int = 0, flags: tuple = (), **env: str) -> str:
        """Run a program under `runs exec --mlflow`, and return what it and `runs` print to stderr."""
        path = self.write("train.py", source)
        done = subprocess.run(
            [self.binary, "exec", "--mlflow", "--", python, *flags, path, *args],
            cwd=self.dir, env=self.mlflow_env(**env), capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stderr

    def all_runs(self) -> list:
        return json.loads(self.runs("ls", "--json"))

    def stores(self) -> list:
        return [name for name in ("mlflow.db", "mlruns") if os.path.exists(os.path.join(self.dir, name))]


HARD_CODED = """
import pathlib, subprocess, sys
import mlflow

uri, registry, inner = sys.argv[1:]
mlflow.set_tracking_uri(pathlib.Path(uri) if "/" not in uri else uri)
if registry:
    mlflow.set_registry_uri(registry)
mlflow.set_experiment("hard")
with mlflow.start_run() as run:
    mlflow.log_metric("loss", 0.5, step=1)
    mlflow.log_text("hello", "a.txt")
client = mlflow.MlflowClient(tracking_uri=uri)
assert [p.value for p in client.get_metric_history(run.info.run_id, "loss")] == [0.5]
if inner:
    subprocess.run([sys.executable, __file__, uri, "", ""], check=True)
"""


FRACTIONAL = """
import warnings
import mlflow

with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    with mlflow.start_run():
        for step in (0.5, 1, 1.5, 2.5):
            mlflow.log_metric("a", step, step=step)
            mlflow.log_metrics({"b": step, "c": step}, step=step)
texts = sorted(str(w.message) for w in seen if "is recorded as" in str(w.message))
assert [t.split(":")[0] for t in texts] == [f"step 0.5 of metric '{k}' is recorded as 0" for k in "abc"], texts
"""


class TestFractionalSteps(WithMLflow):
    """A step that is not an integer becomes one, with one warning for each metric."""

    def test_once(self):
        for python in PYTHONS:
            self.exec(python, FRACTIONAL)
            points = json.loads(self.runs("metrics", "last", "a", "--json"))
            self.assertEqual([p["step"] for p in points], [0, 1, 1, 2])


class TestHardCoded(WithMLflow):
    """Stores in files of the project are replaced under `runs exec`."""

    def test_uris(self):
        self.write("site/sitecustomize.py", "import builtins\nbuiltins.ours = 1\n")
        for python in PYTHONS:
            for uri, registry, inner in [
                ("sqlite:///mlflow.db", "sqlite:///mlflow.db", "inner"),
                ("file:./mlruns", "file:./mlruns", ""),
                ("./mlruns", "./mlruns", ""),
                ("mlruns", "", ""),
            ]:
                with self.subTest(python=python, uri=uri):
                    before = len(self.all_runs())
                    source = "assert ours == 1\n" + HARD_CODED
                    printed = self.exec(python, source, uri, registry, inner, PYTHONPATH=os.path.join(self.dir, "site"))
                    self.assertEqual(self.stores(), [])
                    self.assertEqual(printed.count("recorded here instead of in"), 1, printed)
                    self.assertEqual(len(self.all_runs()), before + (2 if inner else 1))
        for run in self.all_runs():
            self.assertEqual((run["experiment"], run["metrics"]["loss"]["last"]), ("hard", 0.5))
        self.runs("verify")

    def test_outside_and_isolated(self):
        python = PYTHONS[0]
        outside = self.dir + "-outside"
        self.addCleanup(lambda: subprocess.run(["rm", "-rf", outside], check=True))
        os.mkdir(outside)
        printed = self.exec(python, HARD_CODED, f"sqlite:///{outside}/a.db", "", "", MLFLOW_ALLOW_FILE_STORE="true")
        self.assertIn(f"MLflow wrote to {outside}/a.db", printed)
        self.assertIn(f"run 'runs import mlflow {outside}/a.db' to import them", printed)
        printed = self.exec(python, HARD_CODED, "sqlite:///mlflow.db", "", "", flags=("-I",))
        self.assertIn("MLflow wrote to mlflow.db", printed)
        self.assertIn("run 'runs import mlflow mlflow.db' to import them", printed)
        self.runs("import", "mlflow", "mlflow.db")
        self.assertIn("hard", {run.get("experiment") for run in self.all_runs()})

    def test_pytest_and_notebook(self):
        python = PYTHONS[0]
        have = [
            subprocess.run([python, "-c", f"import {name}"], capture_output=True, check=False).returncode == 0
            for name in ("pytest", "nbclient, ipykernel")
        ]
        if have[0]:
            test = "import mlflow\ndef test_it():\n    mlflow.set_tracking_uri('sqlite:///mlflow.db')\n"
            self.write("test_it.py", test + "    mlflow.log_metric('loss', 0.5)\n")
            self.exec(python, "import pytest, sys\nsys.exit(pytest.main(['-q', 'test_it.py']))\n")
            self.assertEqual(self.stores(), [])
            self.assertEqual(self.all_runs()[0]["metrics"]["loss"]["last"], 0.5)
        else:
            print("not tested with pytest, which is not installed beside mlflow", file=sys.stderr)
        if not have[1]:
            print("not tested in a notebook, since nbclient or ipykernel is not installed", file=sys.stderr)
            return
        code = "import mlflow\nmlflow.set_tracking_uri('sqlite:///mlflow.db')\nmlflow.log_metric('acc', 0.75)\n"
        cell = {"cell_type": "code", "source": code, "metadata": {}, "outputs": [], "execution_count": None}
        kernel = {"kernelspec": {"name": "python3", "display_name": "x", "language": "python"}}
        notebook = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 4}
        self.write("a.ipynb", json.dumps(notebook))
        run = "import nbformat, nbclient\nnbclient.NotebookClient(nbformat.read('a.ipynb', 4)).execute()\n"
        printed = self.exec(python, run)
        self.assertIn("recorded here instead of in sqlite:///mlflow.db", printed)
        self.assertEqual(self.stores(), [])
        self.assertEqual(self.all_runs()[0]["metrics"]["acc"]["last"], 0.75)


PLUGIN = """
import sys, threading
import mlflow

mlflow.set_tracking_uri("gitruns:")
mlflow.set_experiment("plugin")
with mlflow.start_run(run_name="one") as run:
    mlflow.log_params({"lr": 0.1, "name": "x y", "n.m": 3, "big": "1e5", "ok": True})
    for step in range(10):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_metrics({"x": 1.0, "bad": float("nan")}, step=1)
    mlflow.set_tags({"color": "red", "mlflow.note.content": "hi", "gone": "x"})
    mlflow.set_tag("color", "blue")
    mlflow.delete_tag("gone")
    mlflow.log_text("hello", "a.txt")
    found = mlflow.search_runs(filter_string="metrics.loss < 0.2 and params.lr = '0.1' and tags.color = 'blue'")
    assert run.info.run_id in list(found.run_id)
    try:
        mlflow.log_param("lr", 0.2)
    except mlflow.exceptions.MlflowException as e:
        assert "Changing param values" in str(e)
    else:
        raise AssertionError("a param was changed")
    threads = [threading.Thread(target=mlflow.log_metric, args=("t", i), kwargs={"run_id": run.info.run_id, "step": i})
               for i in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    data = mlflow.get_run(run.info.run_id).data
    assert data.metrics["loss"] == 0.1 and data.params["n.m"] == "3" and "gone" not in data.tags, data
    assert len(mlflow.MlflowClient().get_metric_history(run.info.run_id, "t")) == 20
"""


class TestPlugin(WithMLflow):
    """mlflow.set_tracking_uri("gitruns:") in a program without `runs exec`."""

    def setUp(self) -> None:
        super().setUp()
        backend = os.path.join(os.path.dirname(SRC), "backend")
        code = "import gitruns_build as b, sys; sys.stdout.buffer.write(b.ENTRY_POINTS)"
        found = subprocess.run([sys.executable, "-c", code], cwd=backend, capture_output=True, text=True, check=True)
        self.write("site/gitruns-0.dist-info/entry_points.txt", found.stdout)
        self.write("site/gitruns-0.dist-info/METADATA", "Metadata-Version: 2.1\nName: gitruns\nVersion: 0\n")
        self.write(".gitignore", "site/\n__pycache__/\n.cache/\n")
        self.addCleanup(self.stop)

    def stop(self) -> None:
        """End the service, which would otherwise outlive the test for some minutes."""
        folder = os.path.join(self.dir, ".git", "runs")
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            if name.startswith("mlflow-") and name.endswith(".json"):
                with open(os.path.join(folder, name), encoding="utf-8") as f:
                    os.kill(json.load(f)["pid"], signal.SIGTERM)

    def plugin(self, python: str, source: str, *args: str, **env: str) -> subprocess.Popen:
        path = self.write("train.py", source)
        site = os.pathsep.join([os.path.join(self.dir, "site"), SRC])
        return subprocess.Popen(
            [python, path, *args], cwd=self.dir, env=self.mlflow_env(PYTHONPATH=site, **env),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ended(self, name: str) -> dict:
        """Return a run by its name, once it has ended."""
        until = time.time() + 60
        while True:
            found = [run for run in self.all_runs() if run.get("name") == name]
            if found and found[0]["status"] != "running" or time.time() > until:
                return found[0]
            time.sleep(0.1)

    def test_program(self):
        for python in PYTHONS:
            with self.subTest(python=python):
                done = self.plugin(python, PLUGIN.replace('"one"', repr(python)))
                printed = done.communicate()[1]
                self.assertEqual(done.returncode, 0, printed)
                run = self.ended(python)
                self.assertEqual(run["status"], "finished")
                self.assertEqual(run["params"], {"lr": 0.1, "name": "x y", "n.m": 3, "big": "1e5", "ok": True})
                self.assertEqual((run["tags"], run["note"]), ({"color": "blue"}, "hi"))
                self.assertEqual((run["metrics"]["loss"]["count"], run["metrics"]["t"]["count"]), (10, 20))
                self.assertEqual(run["source"]["entry"], "train.py")
                self.assertEqual([a["path"] for a in run["artifacts"]], ["a.txt"])
        self.assertEqual(self.stores(), [])
        self.runs("verify")

    def test_ends(self):
        python = PYTHONS[0]
        start = "import mlflow, os, sys\nmlflow.set_tracking_uri('gitruns:')\n"
        start += "mlflow.start_run(run_name=sys.argv[1])\n"
        for name, source, status in [
            ("exception", "raise ValueError('x')\n", "failed"),
            ("killed", "os.kill(os.getpid(), 9)\n", "crashed"),
            ("well", "", "finished"),
        ]:
            with self.subTest(name=name):
                log = "for i in range(500):\n    mlflow.log_metric('loss', i, step=i)\n"
                done = self.plugin(python, start + log + source, name)
                done.communicate()
                run = self.ended(name)
                self.assertEqual((run["status"], run["metrics"]["loss"]["count"]), (status, 500))

    def test_service_dies(self):
        """A program goes on when the service was killed, with the run that it writes to."""
        source = """
import glob, json, os, signal, socket, time
import mlflow

def listens(address):
    host, port = address.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port))).close()
    except OSError:
        return False
    return True

mlflow.set_tracking_uri("gitruns:")
with mlflow.start_run(run_name="on") as run:
    mlflow.log_metric("loss", 1.0, step=0)
    served = json.load(open(glob.glob(".git/runs/mlflow-*.json")[0]))
    os.kill(served["pid"], signal.SIGKILL)
    while listens(served["address"]):
        time.sleep(0.01)
    mlflow.log_metric("loss", 0.5, step=1)
    mlflow.set_tag("mlflow.runName", "on")
    assert mlflow.get_run(run.info.run_id).data.metrics == {"loss": 0.5}
"""
        done = self.plugin(PYTHONS[0], source)
        printed = done.communicate()[1]
        self.assertEqual(done.returncode, 0, printed)
        run = self.ended("on")
        self.assertEqual((run["status"], run["metrics"]["loss"]["count"]), ("finished", 2))

    def test_artifacts_after_the_end(self):
        """An artifact for a run that has ended is kept, and the finished run is as it was."""
        source = """
import os, time
import mlflow
mlflow.set_tracking_uri("gitruns:")
with mlflow.start_run(run_name="late") as run:
    mlflow.log_text("one", "one.txt")
client, id = mlflow.MlflowClient(), run.info.run_id
while os.path.exists(os.path.join(".runs", "active", id)):
    time.sleep(0.1)
assert [a.path for a in client.list_artifacts(id)] == ["one.txt"]
client.log_text(id, "two", "two.txt")
"""
        for python in PYTHONS:
            with self.subTest(python=python):
                done = self.plugin(python, source)
                printed = done.communicate()[1]
                self.assertEqual(done.returncode, 0, printed)
                run = self.ended("late")
                self.assertEqual(run["status"], "finished")
                parts = json.loads(self.runs("ls", "--json", "--parts"))
                paths = [sorted(a["path"] for a in part.get("artifacts", [])) for part in parts]
                self.assertIn(["two.txt"], paths)
                self.assertIn(["one.txt"], paths)
        self.runs("verify")

    def test_resumed(self):
        """Programs that write to one run see one run, also if one of them is killed."""
        path = os.path.join(os.path.dirname(os.path.dirname(SRC)), "testdata", "mlflow", "programs", "resumed.py")
        with open(path, encoding="utf-8") as file:
            source = file.read()
        for n, python in enumerate(PYTHONS):
            with self.subTest(python=python):
                env = {"RUNS_TEST_URI": "gitruns:", "RUNS_TEST_SETTLE": "4", "RUNS_TEST_EXPERIMENT": f"chains{n}"}
                place = os.path.join(self.dir, ".git", "id-of-the-run")
                for part in ("1", "2", "3", "4", "check", "delete"):
                    done = self.plugin(python, source, part, place, **env)
                    printed = done.communicate()[1]
                    self.assertEqual(done.returncode, -9 if part == "3" else 0, f"part {part}: {printed}")
                    self.settled()
                self.runs("rm", "-w", f"experiment = 'chains{n}'")
        self.runs("verify")

    def settled(self) -> None:
        """Wait until no run is in progress."""
        until = time.time() + 60
        while any(run["status"] == "running" for run in self.all_runs()) and time.time() < until:
            time.sleep(0.1)

    def test_import_costs_nothing(self):
        code = "import sys, mlflow\nprint([m for m in sys.modules if m.startswith('gitruns._mlflow_')])\n"
        done = self.plugin(PYTHONS[0], code)
        self.assertEqual(done.communicate()[0].strip(), "[]")


if __name__ == "__main__":
    unittest.main()
