"""docs/api.md is what build_api.py writes from the docstrings, which open with a short line, of every public name."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
import unittest

import project

gitruns = importlib.import_module("gitruns")  # from the folder that project puts on the path

PYTHON = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Public names without an entry of their own: values, modules, and names that only W&B's programs use.
WITHOUT_ENTRY = {
    "__version__",
    "api",
    "config",
    "data_types",
    "ensure_configured",
    "env",
    "errors",
    "plot",
    "run",
    "sdk",
    "sklearn",
    "summary",
    "tensorboard",
    "termerror",
    "termsetup",
    "termwarn",
    "util",
    "wandb_run",
}


class Api(unittest.TestCase):
    def setUp(self) -> None:
        path = os.path.join(PYTHON, "build_api.py")
        if not os.path.isfile(path):
            self.skipTest("build_api.py is not in this copy of the tests")
        spec = importlib.util.spec_from_file_location("build_api", path)
        self.build = importlib.util.module_from_spec(spec)
        sys.modules["build_api"] = self.build
        spec.loader.exec_module(self.build)

    def test_the_page_is_fresh(self) -> None:
        with open(self.build.PAGE, encoding="utf-8") as f:
            self.assertEqual(f.read(), self.build.page(), "run 'python3 python/build_api.py'")

    def test_every_public_name_is_on_the_page(self) -> None:
        entries = {name for _, section in self.build.SECTIONS for name, *_ in section}
        methods = {n for n in gitruns.__all__ if f"`{n}`" in self.build.INTRODUCTION and hasattr(gitruns.Run, n)}
        self.assertEqual(gitruns._OF_RUN - methods, set())
        self.assertEqual(set(gitruns.__all__) - entries - methods - WITHOUT_ENTRY, set())
        self.assertEqual(WITHOUT_ENTRY & entries, set())

    def test_a_docstring_opens_with_one_line_of_fewer_than_80_columns(self) -> None:
        seen = 0
        for folder, _, names in os.walk(project.SRC):
            for name in names:
                if not name.endswith(".py"):
                    continue
                with open(os.path.join(folder, name), encoding="utf-8") as f:
                    tree = ast.parse(f.read())
                for node in ast.walk(tree):
                    if not isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                        continue
                    first, _, rest = (ast.get_docstring(node) or "").partition("\n")
                    with self.subTest(file=name, name=node.name):
                        self.assertLess(len(first), 80)
                        self.assertFalse(rest and not rest.startswith("\n"), "a blank line must follow the first line")
                    seen += bool(first)
        self.assertGreater(seen, 500)


if __name__ == "__main__":
    unittest.main()
