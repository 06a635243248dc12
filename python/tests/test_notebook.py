"""In a notebook, cells are kept, a second init finishes the first run, and a run shows itself."""

from __future__ import annotations

import os
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


if __name__ == "__main__":
    unittest.main()
