"""mypy --strict accepts programs that use gitruns, and gitruns itself. It does not check other libraries."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import unittest

import gitruns
from library import TESTS, need

PYTHON = os.path.dirname(TESTS)
# The comment after a reveal_type is the expected type.
PROGRAM = """
from gitruns.integrations.lightning import GitrunsLogger
from gitruns.integrations.transformers import GitrunsCallback

import gitruns
from gitruns import Artifact, Image, init

reveal_type(init(project="penguins", config={"lr": 0.1}, tags=["a"]))  # Run
gitruns.log({"loss": 0.5}, step=1)
reveal_type(gitruns.run)  # Run | None
if gitruns.run is not None:
    reveal_type(gitruns.run.name)  # str
    gitruns.run.name = "adelie"
    gitruns.run.tags += ("b",)
    gitruns.run.config = {"more": 1}
reveal_type(gitruns.config)  # Config
reveal_type(gitruns.config.lr)  # Any
gitruns.config.lr = gitruns.config["lr"]
gitruns.config.update({"lr": 1}, allow_val_change=True)
reveal_type(gitruns.summary)  # Summary
gitruns.summary["best"] = gitruns.summary.loss
reveal_type(gitruns.define_metric("loss", summary="min", goal="minimize"))  # Metric
reveal_type(gitruns.save("*.txt"))  # list[str] | bool
reveal_type(gitruns.log_artifact("a.txt", name="a", type="data", aliases=["x"]))  # Artifact
reveal_type(gitruns.use_artifact("a:latest").download())  # str
reveal_type(gitruns.use_model("m:latest"))  # str
gitruns.log_dataset("data", role="train")
gitruns.alert("late", "it is", level=gitruns.AlertLevel.WARN)
gitruns.watch(object(), log="all", log_freq=10)
rows = gitruns.Table(columns=["x", "y"], data=[[1, 2]])
gitruns.log({"p": gitruns.plot.line(rows, "x", "y", title="t")})
gitruns.finish()


def train() -> int:
    with gitruns.init(name="two", mode="offline", settings=gitruns.Settings(silent=True)) as run:
        reveal_type(run)  # Run
        reveal_type(run.config)  # Config
        reveal_type(run.summary)  # Summary
        run.log({"image": Image([[0, 1]], caption="c"), "h": gitruns.Histogram([1, 2])}, commit=False)
        run.log({"audio": gitruns.Audio("a.wav"), "v": gitruns.Video("a.mp4"), "h": gitruns.Html("<p>"), "rows": rows})
        a = Artifact("rows", type="dataset", metadata={"n": 1})
        reveal_type(a.add_file("rows.csv"))  # Entry
        reveal_type(a.files())  # list[Entry]
        with a.new_file("n.txt") as f:
            f.write("x")
        reveal_type(run.log_artifact(a))  # Artifact
        return run.step


r = gitruns.load("last")
reveal_type(r)  # RecordedRun
reveal_type(r.params)  # Table
reveal_type(r.params.lr)  # Any
reveal_type(r.started)  # datetime
reveal_type(r.metrics("loss"))  # Any
reveal_type(r.history("loss"))  # tuple[list[int], list[float]]
reveal_type(r.artifacts)  # list[RecordedArtifact]
for each in gitruns.runs("metrics.loss < 0.3", n=3):
    reveal_type(each)  # RecordedRun
reveal_type(gitruns.runs().to_pandas())  # Any
reveal_type(gitruns.diff(r, "best=loss"))  # Diff
try:
    gitruns.load("none")
except gitruns.NotFoundError as e:
    reveal_type(e)  # NotFoundError
gitruns.integrations.transformers.GitrunsCallback()
reveal_type(GitrunsCallback(project="penguins", watch="all"))  # GitrunsCallback
reveal_type(GitrunsLogger(project="penguins", log_model=True))  # _Logger
reveal_type(gitruns.integrations.keras)  # Any
"""
MISTAKES = """
import gitruns
gitruns.init(projekt="penguins")
gitruns.log([0.5])
gitruns.run.finish()
gitruns.loog({"loss": 0.5})
gitruns.init().lgo({})
gitruns.Artifact("rows")
gitruns.use_model(3)
"""


def setUpModule() -> None:
    need("mypy")


class Types(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="gitruns-types-")
        cls.addClassCleanup(folder.cleanup)
        cls.dir = folder.name

    def mypy(self, *args: str, cwd: str) -> list[str]:
        """Return what mypy prints, without the last line."""
        command = [
            sys.executable,
            "-m",
            "mypy",
            "--python-version",
            "3.10",
            "--cache-dir",
            os.path.join(self.dir, "cache"),
            *args,
        ]
        env = {**os.environ, "MYPYPATH": os.path.join(PYTHON, "src")}
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
        self.assertIn(done.returncode, (0, 1), done.stdout + done.stderr)
        return done.stdout.splitlines()[:-1]

    def program(self, source: str) -> list[tuple[int, str]]:
        """Return the line and the text of each message of mypy about a program."""
        with open(os.path.join(self.dir, "train.py"), "w", encoding="utf-8") as f:
            f.write(source)
        said = self.mypy(
            "--strict", "--no-site-packages", "--follow-imports=silent", "--config-file=", "train.py", cwd=self.dir
        )
        return [(int(line.split(":")[1]), line.split(": ", 1)[1]) for line in said]

    def test_a_program(self) -> None:
        said = [(n, re.sub(r"\b(?:gitruns\.[\w.]*|datetime)\.(?=\w)", "", text)) for n, text in self.program(PROGRAM)]
        wanted = [
            (n, f'note: Revealed type is "{line.split("  # ")[1]}"')
            for n, line in enumerate(PROGRAM.splitlines(), 1)
            if "reveal_type" in line
        ]
        self.assertEqual(said, wanted)

    def test_every_name(self) -> None:
        names = sorted(gitruns.__all__)
        source = (
            "".join(f"from gitruns import {name} as a{i}\n" for i, name in enumerate(names))
            + "import gitruns\n"
            + "".join(f"gitruns.{name}\n" for name in names)
        )
        self.assertEqual(self.program(source), [])

    def test_mistakes(self) -> None:
        self.assertEqual([n for n, text in self.program(MISTAKES) if text.startswith("error")], list(range(3, 10)))

    def test_the_package(self) -> None:
        self.assertEqual(self.mypy("--config-file", "pyproject.toml", cwd=PYTHON), [])


if __name__ == "__main__":
    unittest.main()
