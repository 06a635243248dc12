"""A project in a temporary folder for tests: a Git repository, with the client on the path and the program `runs`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

SRC = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "src")
if SRC not in sys.path:
    sys.path.insert(0, SRC)

SETTINGS = ("RUNS_", "WANDB_", "SLURM_", "RANK", "WORLD_SIZE", "LOCAL_RANK")


def binary() -> str:
    """Return the program under test: RUNS_BINARY, or `runs` on the PATH. Without either, skip the test."""
    path = os.environ.get("RUNS_BINARY") or shutil.which("runs")
    if not path:
        raise unittest.SkipTest("set RUNS_BINARY to a built 'runs'")
    return os.path.abspath(path)


class Project(unittest.TestCase):
    """A test with a new Git repository in self.dir."""

    git = True

    def setUp(self) -> None:
        self.binary = binary()
        self.dir = os.path.realpath(tempfile.mkdtemp(prefix="gitruns-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        if self.git:
            subprocess.run(["git", "init", "-q", "-b", "main", self.dir], check=True)

    def env(self, **more: str) -> dict:
        env = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS)}
        env.update(
            PYTHONPATH=os.pathsep.join([SRC, env.get("PYTHONPATH", "")]).rstrip(os.pathsep),
            RUNS_BINARY=self.binary,
            HOME=self.dir,
            GIT_CONFIG_NOSYSTEM="1",
            GIT_AUTHOR_NAME="Ada",
            GIT_AUTHOR_EMAIL="ada@example.org",
            GIT_COMMITTER_NAME="Ada",
            GIT_COMMITTER_EMAIL="ada@example.org",
            RUNS_SIDECAR="0",
        )
        env.update(more)
        return env

    def write(self, name: str, text: str) -> str:
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def python(
        self, source: str, *args: str, status: int | None = 0, name: str = "train.py", **env: str
    ) -> subprocess.CompletedProcess:
        """Run source as a program in the project. It must end with status, unless that is None."""
        path = self.write(name, source)
        done = subprocess.run(
            [sys.executable, path, *args],
            cwd=self.dir,
            env=self.env(**env),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        if status is not None:
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def runs(self, *args: str, status: int | None = 0, **env: str) -> str:
        done = subprocess.run(
            [self.binary, *args],
            cwd=self.dir,
            env=self.env(**env),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        if status is not None:
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def show(self, selector: str = "last") -> dict:
        """Return the record of a run from `runs show --json`."""
        return json.loads(self.runs("show", selector, "--json"))

    def list(self) -> list:
        return json.loads(self.runs("ls", "--json"))

    def points(self, key: str, selector: str = "last") -> list:
        """Return (step, value) of each point of a metric, in order."""
        return [(p["step"], float(p["value"])) for p in json.loads(self.runs("metrics", selector, key, "--json"))]
