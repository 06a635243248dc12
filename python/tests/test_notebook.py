"""In a notebook, cells are kept, a second init finishes the first run, and a run shows itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import unittest

from project import Project

# The parts of IPython that the client uses: get_ipython, the cells so far, the event before a cell.
FAKE = """
import sys, types
class Events:
    def __init__(self): self.before, self.after = [], []
    def of(self, name): return {"pre_run_cell": self.before, "post_run_cell": self.after}[name]
    def register(self, name, f): self.of(name).append(f)
    def unregister(self, name, f): self.of(name).remove(f)
class Shell:
    def __init__(self):
        self.events = Events()
        self.user_ns = {"In": [""]}
    def cell(self, source):
        self.user_ns["In"].append(source)
        for f in list(self.events.before): f(types.SimpleNamespace(raw_cell=source))
        result = types.SimpleNamespace(error_before_exec=None, error_in_exec=None)
        try: exec(source, self.user_ns)
        except BaseException as e: result.error_in_exec = e
        for f in list(self.events.after): f(result)
shell = Shell()
sys.modules["IPython"] = types.SimpleNamespace(get_ipython=lambda: shell)
"""


class Notebook(Project):
    def test_cells(self) -> None:
        self.python(
            FAKE
            + """
shell.cell("x = 1")
shell.cell("import gitruns\\nfirst = gitruns.init(name='first')")
shell.cell("first.log({'a': x})")
shell.cell("second = gitruns.init(name='second')")
assert shell.user_ns["first"]._state == "finished"
assert len(shell.events.before) == 1
shell.cell("second.log({'b': 2})")
assert "first" in shell.user_ns and "<" in shell.user_ns["second"]._repr_html_()
"""
        )
        runs = {r["name"]: r for r in self.list()}
        self.assertEqual(set(runs), {"first", "second"})
        for name, last in (
            ("first", "# %% [4]\nsecond = gitruns.init(name='second')\n\n"),
            ("second", "second.log({'b': 2})\n\n"),
        ):
            self.runs("artifacts", name, "notebook/cells.py", "-o", "cells.py")
            with open(os.path.join(self.dir, "cells.py"), encoding="utf-8") as f:
                text = f.read()
            os.remove(os.path.join(self.dir, "cells.py"))
            self.assertTrue(text.startswith("# %% [1]\nx = 1\n\n"), text)
            self.assertTrue(text.endswith(last) or name == "second" and last in text, text)

    def test_failed_cell(self) -> None:
        self.python(
            FAKE
            + """
shell.cell("import gitruns\\nrun = gitruns.init(name='raised')")
shell.cell("run.log({'a': 1})")
shell.cell("1 / 0")
"""
        )
        self.python(
            FAKE
            + """
shell.cell("import gitruns\\nrun = gitruns.init(name='mended')")
shell.cell("1 / 0")
shell.cell("run.log({'a': 1})")
"""
        )
        runs = {r["name"]: r for r in self.list()}
        self.assertEqual((runs["raised"]["status"], runs["mended"]["status"]), ("failed", "finished"))

    def test_path(self) -> None:
        os.makedirs(os.path.join(self.dir, "deep"), exist_ok=True)
        for name in ("a.ipynb", "deep/b.ipynb"):
            with open(os.path.join(self.dir, *name.split("/")), "w", encoding="utf-8") as f:
                f.write("{}")
        for cwd, env, told, want in (
            (".", {"JPY_SESSION_NAME": os.path.join(self.dir, "a.ipynb")}, "", "a.ipynb"),
            (".", {"JPY_SESSION_NAME": os.path.join(self.dir, "a.ipynb-jvsc-12ab")}, "", "a.ipynb"),
            ("deep", {"JPY_SESSION_NAME": "deep/b.ipynb"}, "", "deep/b.ipynb"),
            ("deep", {"JPY_SESSION_NAME": "elsewhere/b.ipynb"}, "", "deep/b.ipynb"),
            (".", {"JPY_SESSION_NAME": "12ab"}, "", ""),
            (".", {"RUNS_NOTEBOOK": "a.ipynb"}, "", "a.ipynb"),
            (".", {}, "__vsc_ipynb_file__", "a.ipynb"),
            (".", {}, "PAPERMILL_INPUT_PATH", "a.ipynb"),
        ):
            with self.subTest(cwd=cwd, env=env, told=told):
                full = os.path.join(self.dir, "a.ipynb")
                self.python(
                    FAKE
                    + f"""
import os
os.chdir({os.path.join(self.dir, cwd)!r})
os.environ.update({env!r})
if {told!r}: shell.user_ns[{told!r}] = {full!r}
from gitruns._notebook import notebook_path
want = {want and os.path.join(self.dir, *want.split("/"))!r}
assert os.path.realpath(notebook_path()) == (os.path.realpath(want) if want else os.getcwd()) or \
    notebook_path() == want, notebook_path()
"""
                )


TOOLS = {
    "nbconvert": ("jupyter-nbconvert", "--to", "notebook", "--execute", "--output", "out.ipynb", "train.ipynb"),
    "papermill": ("papermill", "train.ipynb", "out.ipynb"),
}


class ExecutedNotebook(Project):
    """Notebooks that programs execute, with the Python of RUNS_TEST_NOTEBOOK, which has ipykernel and them."""

    def setUp(self) -> None:
        self.tools = os.path.dirname(os.environ.get("RUNS_TEST_NOTEBOOK", ""))
        if not self.tools:
            self.skipTest("set RUNS_TEST_NOTEBOOK to a Python with nbconvert, papermill and ipykernel")
        super().setUp()
        self.home = self.dir + "-home"
        os.makedirs(self.home)
        self.addCleanup(shutil.rmtree, self.home)
        self.write(".gitignore", "out.ipynb\n")

    def execute(self, tool: str, *cells: str) -> dict:
        """Execute a notebook of the cells, and return the record."""
        code = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        text = {
            "cells": [{**code, "id": f"cell{i}", "source": [cell]} for i, cell in enumerate(cells)],
            "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5,
        }  # fmt: skip
        self.write("train.ipynb", json.dumps(text))
        program, *args = TOOLS[tool]
        subprocess.run(
            [os.path.join(self.tools, program), *args], cwd=self.dir, env=self.env(HOME=self.home), check=False,
            capture_output=True,
        )  # fmt: skip
        return self.show()

    def test_reproduce(self) -> None:
        """A run of an executed notebook names it, and reproduce executes it again."""
        path = self.tools + os.pathsep + os.environ["PATH"]
        for tool in TOOLS:
            with self.subTest(tool):
                run = self.execute(
                    tool,
                    "import gitruns\nrun = gitruns.init(name='nb')",
                    "for i in range(3): run.log({'loss': 1 / (i + 1)}, step=i)",
                    "run.finish()",
                )
                self.assertEqual((run["source"]["entry"], run["status"]), ("train.ipynb", "finished"))
                printed = self.runs("reproduce", run["id"], "--env", "none", PATH=path, HOME=self.home)
                self.assertIn("every point of every metric of nb is identical", printed)

    def test_failure(self) -> None:
        for tool in TOOLS:
            with self.subTest(tool):
                run = self.execute(tool, "import gitruns\nrun = gitruns.init()", "run.log({'a': 1})", "1 / 0")
                self.assertEqual(run["status"], "failed")


if __name__ == "__main__":
    unittest.main()
