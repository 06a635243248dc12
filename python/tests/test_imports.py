"""Nothing that a training calls imports a module when it is called, and `import gitruns` imports next to nothing."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import unittest

from project import SRC

sys.path.insert(0, SRC)

from gitruns import _preload  # noqa: E402

# Imports inside functions of modules that init() does not import, and why they are allowed. A module that is not named
# here, and not in _preload, would be imported in the middle of a training, in a signal handler or at the end of the
# interpreter, where an import can fail.
ALLOWED = {
    # called before a run starts, or by init itself
    "gitruns._init": "loaded by init",
    "gitruns._preload": "imports the others; init calls it",
    "gitruns._errors": "loaded with the package",
    "gitruns._values": "loaded by init",
    "gitruns._version": "loaded with the package",
    "gitruns._messages": "loaded by init",
    "gitruns._reads": "loaded with the package",
    "atexit": "built into the interpreter",
    "importlib": "built into the interpreter",
    "os": "loaded before any program",
    "sys": "loaded before any program",
    "time": "loaded by init",
    "_functools": "built into the interpreter",
    "multiprocessing.util": "loaded in every process of multiprocessing",
    # asked for by name, and a failure is an answer
    "gitruns._console": "Settings(console=), during init",
    "gitruns._reader": "reads runs; not part of a training",
    "gitruns._columns": "reads runs",
    "gitruns._footer": "reads runs",
    "gitruns._html": "draws runs in a notebook",
    "gitruns._restore": "copies a file back; raises OSError anyway",
    "IPython.display": "only in a notebook that has it",
    "datetime": "reads runs",
    "gitruns._mlflow_store": "MLflow asks its plugin for a store",
    "importlib.util": "reads runs",
    "subprocess": "Windows only, and loaded by a first call of `runs`, which init makes",
    "yaml": "only for a config file in YAML, which init and config.update read",
    "urllib.request": "only for an artifact that refers to a file: URL",
    "importlib.metadata": "versions of packages beside a logged model",
    "pickle": "of a logged model whose library loads it, and of load_model, which raises",
    # third parties, imported only if the program gave one of their objects
    "PIL": "of a logged object",
    "cloudpickle": "of a logged model; pickle where it is missing",
    "cv2": "of a video",
    "imageio.v2": "of a video",
    "lightgbm": "loads a model of it",
    "mlflow.pyfunc": "loads a model that only MLflow can",
    "moviepy": "of a video",
    "moviepy.editor": "of a video",
    "numpy": "of a table or a video",
    "pandas": "of a table",
    "polars": "reads runs",
    "pyarrow": "reads runs",
    "pyarrow.compute": "reads runs",
    "pyarrow.parquet": "reads a table of an artifact",
    "xgboost": "of a logged object, or loads a model of it",
}

# What is built into the interpreter, or what `site` has loaded before any program.
BEFORE = {"__future__", "_collections_abc", "_stat", "atexit", "genericpath", "os", "os.path", "posixpath", "stat"}


def late_imports() -> list:
    """Return (file:line, module) of every import inside a function of the package."""
    found = []
    package = os.path.join(SRC, "gitruns")
    for name in sorted(os.listdir(package)):
        if not name.endswith(".py"):
            continue
        with open(os.path.join(package, name), encoding="utf-8") as f:
            tree = ast.parse(f.read())
        for function in ast.walk(tree):
            if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                continue
            for node in ast.walk(function):
                where = f"{name}:{getattr(node, 'lineno', 0)}"
                if isinstance(node, ast.Import):
                    found += [(where, alias.name) for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    found.append((where, str(node.module)))
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found.append((where, "gitruns." + node.module))
                elif isinstance(node, ast.ImportFrom):
                    found += [(where, "gitruns." + alias.name) for alias in node.names]
    return found


class Imports(unittest.TestCase):
    def test_every_late_import_is_loaded_by_init_or_has_a_reason(self) -> None:
        imports = late_imports()
        self.assertGreater(len(imports), 50)
        known = {*_preload._MODULES, *ALLOWED}
        self.assertEqual([f"{where} imports {module}" for where, module in imports if module not in known], [])

    def test_no_reason_without_an_import(self) -> None:
        self.assertEqual(sorted(set(ALLOWED) - {module for _, module in late_imports()}), [])

    def test_the_package_alone_imports_nothing_that_is_slow(self) -> None:
        names = subprocess.run(
            [
                sys.executable,
                "-S",
                "-c",
                "import sys\nbefore = set(sys.modules)\n"
                f"sys.path.insert(0, {SRC!r})\nimport gitruns\nprint(*sorted(set(sys.modules) - before))",
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        others = [n for n in names if n not in BEFORE and n != "gitruns" and not n.startswith("gitruns._")]
        self.assertEqual(others, [])
        self.assertEqual([n for n in names if n in _preload._MODULES], [])


if __name__ == "__main__":
    unittest.main()
