"""In a notebook, cells are kept, a second init finishes the first run, and a run shows itself."""

from __future__ import annotations

import os
import unittest

from project import Project

# The parts of IPython that the client uses: get_ipython, the cells so far, the event before a cell.
FAKE = """
import sys, types
class Events:
    def __init__(self): self.before = []
    def register(self, name, f): self.before.append(f)
    def unregister(self, name, f): self.before.remove(f)
class Shell:
    def __init__(self):
        self.events = Events()
        self.user_ns = {"In": [""]}
    def cell(self, source):
        self.user_ns["In"].append(source)
        for f in list(self.events.before): f(types.SimpleNamespace(raw_cell=source))
        exec(source, self.user_ns)
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


if __name__ == "__main__":
    unittest.main()
