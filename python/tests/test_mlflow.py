"""MLflow's own client against `runs`: set RUNS_TEST_MLFLOW to the Pythons that have it, a list like PATH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unittest

from project import Project

PYTHONS = [p for p in os.environ.get("RUNS_TEST_MLFLOW", "").split(os.pathsep) if p]


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
            cwd=self.dir, env=self.mlflow_env(**env), capture_output=True, text=True, timeout=600, check=False,
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


if __name__ == "__main__":
    unittest.main()
