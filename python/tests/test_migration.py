"""Each row of the table of calls in python/README.md does what it says."""

from __future__ import annotations

import os
import re
import unittest

from project import Project

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# The start of each row's third column -> a line that runs it, and what must hold afterwards.
ROWS = {
    "gitruns.init(project=": (
        'run = gitruns.init(project="p", name="n", config={"lr": 0.1})',
        'run.config["lr"] == 0.1 and run.name == "n"',
    ),
    'gitruns.log({"loss"': ('gitruns.log({"loss": 0.5}, step=3)', 'run.summary["loss"] == 0.5'),
    "gitruns.config.update": ('gitruns.config.update({"k": 2})', "gitruns.config.k == 2"),
    "run.summary[": ('run.summary["best"] = 0.25', 'run.summary["best"] == 0.25'),
    'gitruns.log({"img"': ('gitruns.log({"img": gitruns.Image("a.png")})', "True"),
    'gitruns.log({"t"': ('gitruns.log({"t": gitruns.Table(columns=["a"], data=[[1]])})', "True"),
    "gitruns.save(": ('gitruns.save("model.pt"); open(run.dir + "/other.pt", "w").write("o")', "True"),
    "run.tags +=": ('run.tags += ("a",)', '"a" in run.tags'),
    "gitruns.init(id=": (
        'gitruns.finish(); a = gitruns.init(id="x"); a.finish(1); run = gitruns.init(id="x", resume="allow")',
        "run.resumed and run.run_id != a.run_id",
    ),
    "gitruns.init(group=": (
        'child = gitruns.init(parent=run, reinit="create_new", group="g"); child.finish()',
        "gitruns.load(child.run_id).parent == run.run_id",
    ),
    "gitruns.watch(": ("callable(run.watch)", "True"),
    "gitruns.runs(": ("found = gitruns.runs('metrics.loss > 0.3')", "[r.name for r in found] == ['n']"),
    "Optuna": (
        "try:\n    gitruns.sweep({})\nexcept gitruns.UsageError as e:\n    said = str(e)",
        "all(w in said for w in ('Optuna', 'Hydra', 'Slurm'))",
    ),
    "git push": (
        "import os, subprocess\n"
        f"args = ['import', 'wandb', {os.path.join(ROOT, 'testdata', 'wandb')!r}]\n"
        "done = subprocess.run([os.environ['RUNS_BINARY'], *args], capture_output=True, text=True)",
        "'imported 3 runs' in done.stdout",
    ),
    "gitruns.finish()": ("gitruns.finish()", "gitruns.run is None"),
}


class Migration(Project):
    def test_each_row(self) -> None:
        path = os.path.join(ROOT, "python", "README.md")
        if not os.path.isfile(path):
            self.skipTest("python/README.md is not in this copy of the tests")
        with open(path, encoding="utf-8") as f:
            lines = f.read().splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("| W&B, Trackio | MLflow"))
        rows = []
        for line in lines[start + 2 :]:
            if not line.startswith("|"):
                break
            rows.append(re.split(r"(?<!\\)\|", line)[3].strip().replace("`", ""))
        self.assertGreater(len(rows), 10)
        script = "import gitruns\n"
        for row in rows:
            match = [v for k, v in ROWS.items() if row.startswith(k)]
            self.assertEqual(len(match), 1, f"no line of this test runs the row {row!r}")
            code, holds = match[0]
            script += f"{code}\nassert {holds}, {row!r}\n"
        with open(os.path.join(self.dir, "a.png"), "wb") as f:
            f.write(
                bytes.fromhex(
                    "89504e470d0a1a0a0000000d4948445200000001000000010800000000 3a7e9b55 "
                    "0000000a49444154789c636000000002000148afa471 0000000049454e44ae426082"
                )
            )
        self.write("model.pt", "weights")
        self.python(script)
        r = self.show("name=n")
        self.assertEqual(
            {a["path"].split("/")[-1] for a in r["artifacts"] if a.get("kind") not in ("image", "table")}
            & {"model.pt", "other.pt"},
            {"model.pt", "other.pt"},
        )
        self.assertEqual({a.get("kind") for a in r["artifacts"]} & {"image", "table"}, {"image", "table"})
        self.assertEqual((r["tags"]["a"], r["params"]["k"]), ("yes", 2))


if __name__ == "__main__":
    unittest.main()
