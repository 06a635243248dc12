"""programs.py finds the uses of W&B in a program, and says what is missing."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import unittest
import zipfile

import programs

COVERED = """
import os
try:
    import wandb
except ImportError:
    wandb = None

class Trainer:
    def __init__(self, args):
        self.run = wandb.init(project="p", config=args) if args else None
        self._wandb = wandb

    def fit(self):
        self.run.config.epochs, self.run.config.update({"a": 1}, allow_val_change=True)
        self.run.summary["best"] = 1
        self.run.name = "x"
        self._wandb.log({"loss": 1.0}, step=0, commit=False)
        if hasattr(wandb, "_attach"):
            wandb._attach("id")

def begin():
    global wb
    import wandb as wb

def main(other):
    wb.Html("<p>", inject=False)
    run = other()
    run.anything(colour=1)
    artifact = wandb.Artifact("model", type="model")
    artifact.add_file("model.pt")
    wandb.run.log_artifact(artifact, aliases=["best"])
    table = wandb.Table(columns=["a"])
    table.add_data(1), table.columns
    wandb.plot.line(table, "a", "b", title="t")
"""

KEYWORD = """
import wandb as w
run = w.init(project="p", colour=1)
run.log({}, color="red")
run.nothing, w.plot.pie(1), w.config.no_method()
w.run.url = "u"
w.Api().runs("a/b"), run.link_model("a")
w.init(resume_from="x?_step=1")
w.finish(0, True, 3)
"""

BELOW = """
from __future__ import annotations
import wandb
import wandb.apis.public
from wandb import Image, sweep
from wandb.sdk.wandb_run import Run
from wandb.sdk.lib import nothing

class Logger:
    @property
    def experiment(self) -> "wandb.Run | None":
        return self.made

    def log(self, kept: Optional["Run"]):
        self.experiment.no_call(), kept.no_value

def note(run: wandb.sdk.nothing.Run, other: Run):
    other.log({}, sync=True)
    other.link_nothing()
"""


def missing(source: str, way: str) -> list[str]:
    return [lack for use in programs.Program(source).uses if (lack := programs.lacks(use, way))]


class Programs(unittest.TestCase):
    def test_covered(self) -> None:
        for way in programs.WAYS:
            self.assertEqual(missing(COVERED, way), [])
        program = programs.Program(COVERED)
        self.assertTrue(program.records)
        self.assertIn((("wandb", "Html"), ("inject",), 1, "read"), program.uses)
        owners = {kind[0] for kind, _, _, _ in program.uses}
        self.assertEqual(owners, {"wandb", "Run", "Config", "Artifact", "Table"})

    def test_keyword(self) -> None:
        for way in programs.WAYS:
            self.assertEqual(
                missing(KEYWORD, way),
                [
                    "init(colour=)",
                    "Run.log(color=)",
                    "Run.nothing",
                    "plot.pie",
                    "Config.no_method",
                    "Run.url = …",
                    "Api: refused",
                    "Run.link_model: refused",
                    "init(resume_from=): refused",
                    "finish of 3 arguments",
                ],
            )

    def test_below(self) -> None:
        gitruns, shim = programs.WAYS
        common = [
            "sweep: refused",
            "from wandb.sdk.lib import nothing",
            "Run.no_call",
            "Run.no_value",
            "Run.link_nothing",
        ]
        self.assertEqual(missing(BELOW, shim), common)
        self.assertEqual(
            missing(BELOW, gitruns),
            ["import wandb.apis.public", common[0], "from wandb.sdk.wandb_run import Run", *common[1:]],
        )

    def test_own_scripts(self) -> None:
        found = list(programs.programs([os.path.join(os.path.dirname(os.path.abspath(__file__)), "scripts")]))
        self.assertGreater(len(found), 3)
        for way in programs.WAYS:
            self.assertEqual(
                [(path, lack) for _, path, p in found for use in p.uses if (lack := programs.lacks(use, way))], []
            )

    def test_main(self) -> None:
        with tempfile.TemporaryDirectory() as top:
            with zipfile.ZipFile(os.path.join(top, "one-1.0-py3-none-any.whl"), "w") as z:
                z.writestr("one/train.py", COVERED)
                z.writestr("one/again.py", COVERED)  # counted once
                z.writestr("one/old.py", "import wandb\nprint 'of Python 2'\n")
                z.writestr("one/tests/train.py", KEYWORD)
            os.makedirs(os.path.join(top, "two"))
            for name, source in (
                ("train.py", KEYWORD),
                ("below.py", BELOW),
                ("media.py", "import wandb\nwandb.Image(1)\n"),
            ):
                with open(os.path.join(top, "two", name), "w") as f:
                    f.write(source)
            with contextlib.redirect_stdout(io.StringIO()) as out:
                programs.main([top], True)
        lines = out.getvalue().splitlines()
        self.assertEqual(lines[0], "3 files of 2 packages record with wandb, of 4 that import it")
        self.assertEqual(
            lines[2],
            "import gitruns as wandb: 33.3% of the files are covered (1 of 3; 50.0% if each package counts the same)",
        )
        self.assertIn("; 50.0% of all files that import it", lines[3])
        self.assertIn("      1      1      0  Api: refused", lines)


if __name__ == "__main__":
    unittest.main()
