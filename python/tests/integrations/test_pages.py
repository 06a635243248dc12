"""The programs of docs/integrations.md run unchanged, if their library is installed."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import unittest

import library  # noqa: F401  puts the other tests on the path
from project import Project

PAGE = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "docs", "integrations.md"
)
MODULES = {"scikit-learn": "sklearn", "scikit-learn 1.9": "sklearn"}
BLOCK = re.compile(r"^```python skip needs ([^\n]*)\n(.*?)^```$", re.M | re.S)


class Pages(Project):
    def test_each_program(self) -> None:
        if not os.path.isfile(PAGE):
            self.skipTest("docs/integrations.md is not in this copy of the tests")
        with open(PAGE, encoding="utf-8") as f:
            blocks = BLOCK.findall(f.read())
        complete = [(needs.split(" and "), text) for needs, text in blocks if "data" not in needs]
        self.assertEqual(len(complete), 8)
        ran = 0
        for needs, text in complete:
            modules = [MODULES.get(name, name) for name in needs]
            missing = [m for m in modules if importlib.util.find_spec(m) is None]
            if "keras" in modules and not any(map(importlib.util.find_spec, ("torch", "jax", "tensorflow"))):
                missing.append("a backend of Keras")
            if missing:
                print(f"skipped: {', '.join(missing)} is not installed for {sys.executable}", file=sys.stderr)
                continue
            before = len(self.list()) if ran else 0
            with self.subTest(needs):
                self.python(text)
                self.assertGreater(len(self.list()), before)
                self.assertEqual({r["status"] for r in self.list()}, {"finished"})
            ran += 1
        if not ran:
            self.skipTest("no library of the page is installed")


if __name__ == "__main__":
    unittest.main()
