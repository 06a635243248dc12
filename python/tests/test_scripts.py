"""Scripts in the styles of public training code run with gitruns as wandb, and unchanged with `import wandb`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unittest

from project import SRC, Project

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "scripts")
SHIM = os.path.join(SRC, "gitruns", "_shim")

# Runs the cells of a notebook in one namespace, with the parts of IPython that the client uses.
KERNEL = """
import json, sys, types
class Events:
    def __init__(self): self.calls = []
    def register(self, name, call): self.calls.append((name, call))
    def unregister(self, name, call): self.calls.remove((name, call))
class Shell:
    events, user_ns = Events(), {"In": [""]}
shell = Shell()
module = types.ModuleType("IPython")
module.get_ipython = lambda: shell
module.display = types.SimpleNamespace(display=lambda *a, **k: None)
sys.modules["IPython"] = module
shell.user_ns["__name__"] = "__main__"
import ast
for cell in json.load(open("roots.ipynb"))["cells"]:
    if cell["cell_type"] != "code":
        continue
    source = "".join(cell["source"])
    for name, call in list(shell.events.calls):
        if name == "pre_run_cell":
            call(types.SimpleNamespace(raw_cell=source))
    shell.user_ns["In"].append(source)
    tree = ast.parse(source)
    last = ast.Expression(tree.body.pop().value) if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<cell>", "exec"), shell.user_ns)
    value = eval(compile(last, "<cell>", "eval"), shell.user_ns) if last else None
    if hasattr(value, "_repr_html_"):
        print("HTML", value._repr_html_())
"""


class Scripts(Project):
    """The scripts with their import of wandb changed to gitruns."""

    changed = True

    def setUp(self) -> None:
        super().setUp()
        for name in os.listdir(SCRIPTS):
            path = os.path.join(SCRIPTS, name)
            if not os.path.isfile(path):
                continue
            with open(path, encoding="utf-8") as f:
                text = f.read()
            if self.changed:
                text = text.replace("import wandb", "import gitruns as wandb")
            self.write(name, text)
        self.write("kernel.py", KERNEL)

    def script(self, name: str, *args: str, **env: str) -> subprocess.CompletedProcess:
        command = [sys.executable, name, *args]
        done = subprocess.run(
            command, cwd=self.dir, env=self.env(**env), capture_output=True, text=True, timeout=300, check=False
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def record(self, name: str) -> dict:
        """Return the record of the run with a name."""
        (run,) = [r for r in self.list() if r.get("name") == name]
        return run

    def test_globals_and_master_process(self) -> None:
        self.script("char_model.py", "max_iters=41", RANK="0", WORLD_SIZE="2")
        r = self.record("pairs")
        self.assertEqual(
            (r["status"], r["params"]["max_iters"], r["params"]["learning_rate"], r["params"]["wandb_log"]),
            ("finished", 41, 0.5, True),
        )
        self.assertEqual(self.points("iter"), [(0, 0.0), (1, 20.0), (2, 40.0)])
        self.assertLess(r["metrics"]["train/loss"]["last"], r["metrics"]["train/loss"]["max"])
        self.assertEqual(set(r["metrics"]), {"iter", "train/loss", "val/loss", "lr", "mfu"})
        # Another rank of the same job starts no run.
        self.script("char_model.py", "max_iters=1", RANK="1", WORLD_SIZE="2")
        self.assertEqual(len(self.list()), 1)

    def test_rows_of_an_ordered_dict(self) -> None:
        self.script("image_trainer.py", "--log-wandb", "--wandb-tags", "small", "cosine")
        r = self.record("blobs")
        self.assertEqual(
            (r["params"]["epochs"], r["params"]["experiment"], r["tags"]["small"], r["tags"]["cosine"]),
            (5, "blobs", "yes", "yes"),
        )
        self.assertEqual([s for s, _ in self.points("eval_top1")], [0, 1, 2, 3, 4])
        self.assertEqual([v for _, v in self.points("epoch")], [0.0, 1.0, 2.0, 3.0, 4.0])
        self.assertEqual(r["summary"]["best_metric"], r["metrics"]["eval_top1"]["max"])
        # Without the flag nothing is recorded.
        self.script("image_trainer.py")
        self.assertEqual(len(self.list()), 1)

    def test_a_summary_writer(self) -> None:
        help = subprocess.run(
            [self.binary, "import", "tensorboard", "--help"], capture_output=True, text=True, check=False
        )
        if "event files" not in help.stdout:
            print("skipped: this 'runs' reads no event files", file=sys.stderr)
            self.skipTest("this 'runs' reads no event files")
        done = self.script("bandit.py", "--seed", "3")
        (r,) = self.list()
        self.assertEqual((r["params"]["seed"], r["params"]["capture_video"], r["experiment"]), (3, False, "arms"))
        returns = self.points("charts/episodic_return")
        self.assertEqual([s for s, _ in returns], list(range(19, 400, 20)))
        self.assertTrue(all(0 <= v <= 20 for _, v in returns))
        self.assertIn("losses/td_error", r["metrics"])
        # monitor_gym is not used: a warning and the record say so.
        self.assertIn("monitor_gym", done.stderr)
        self.assertEqual(r["tags"]["ignored"], "monitor_gym")

    def test_lists_of_images_and_a_table(self) -> None:
        self.script("diffusion.py")
        r = self.record("small")
        self.assertEqual((r["experiment"], r["group"], r["params"]["max_train_steps"]), ("denoise", "g", 30))
        self.assertEqual([s for s, _ in self.points("train_loss")], list(range(1, 31)))
        self.assertIn("grads.norm", r["metrics"])
        images = [a for a in r["artifacts"] if a.get("kind") == "image"]
        self.assertEqual(
            sorted((a["key"], a["step"], a["caption"]) for a in images),
            [("validation", s, f"{i}: {p}") for s in (15, 30) for i, p in enumerate(("stripes", "stripes, moved"))],
        )
        tables = [a for a in r["artifacts"] if a.get("kind") == "table"]
        self.assertEqual(sorted((a["key"], a["step"]) for a in tables), [("samples", 15), ("samples", 30)])
        for a in images:
            with open(os.path.join(self.folder(r), "artifacts", *a["path"].split("/")), "rb") as f:
                self.assertEqual(f.read(8), b"\x89PNG\r\n\x1a\n")

    def folder(self, record: dict) -> str:
        day = record["id"][:8]
        return os.path.join(self.dir, ".runs", f"{day[:4]}-{day[4:6]}-{day[6:]}", record["id"])

    def test_a_notebook(self) -> None:
        with open(os.path.join(self.dir, "roots.ipynb"), encoding="utf-8") as f:
            self.assertEqual(json.load(f)["nbformat"], 4)
        done = self.script("kernel.py", RUNS_NOTEBOOK=os.path.join(self.dir, "roots.ipynb"))
        far, first = self.list()
        self.assertEqual(
            (first["status"], first["params"]["start"], first["note"], first["tags"]["notebook"]),
            ("finished", 3.0, "from a notebook", "yes"),
        )
        self.assertAlmostEqual(first["summary"]["root"], 2**0.5)
        self.assertEqual(first["metrics"]["newton/error"]["count"], 6)
        self.assertEqual(
            (far["name"], far["params"]["start"], far["metrics"]["newton/error"]["count"]), ("far", 100.0, 12)
        )
        self.assertIn("HTML <div", done.stdout)
        self.assertIn("<svg", done.stdout)
        cells = [a for a in first["artifacts"] if a["path"] == "notebook/cells.py"]
        self.assertEqual(len(cells), 1)
        with open(os.path.join(self.folder(first), "artifacts", "notebook", "cells.py"), encoding="utf-8") as f:
            self.assertIn("wandb.config.start", f.read())


class Unchanged(Scripts):
    """The same scripts unchanged: `runs exec --wandb` replaces wandb by the shim."""

    changed = False

    def setUp(self) -> None:
        if not os.path.isdir(SHIM):
            print("skipped: the stand-in for wandb is not here", file=sys.stderr)
            self.skipTest("the stand-in for wandb is not here")
        super().setUp()

    def script(self, name: str, *args: str, **env: str) -> subprocess.CompletedProcess:
        # `exec --wandb` puts the folder of the shim on the path. Without exec the runs are not nested.
        paths = os.pathsep.join([SHIM, SRC])
        return super().script(name, *args, PYTHONPATH=paths, **env)

    def test_under_exec(self) -> None:
        done = subprocess.run(
            [self.binary, "exec", "--wandb", "--", sys.executable, "image_trainer.py", "--log-wandb"],
            cwd=self.dir,
            env=self.env(PYTHONPATH=""),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        (r,) = self.list()
        self.assertEqual((r["name"], r["metrics"]["eval_top1"]["count"], r["params"]["lr"]), ("blobs", 5, 0.5))
        self.assertEqual(r["command"][1:], ["image_trainer.py", "--log-wandb"])


if __name__ == "__main__":
    unittest.main()
