"""A project in which a test trains with a library in its own process, because importing a library takes seconds."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if TESTS not in sys.path:
    sys.path.insert(0, TESTS)

from project import Project  # noqa: E402

EXAMPLES = os.path.join(os.path.dirname(TESTS), "examples")


def need(*modules: str) -> None:
    """Skip the tests of the calling file, with the reason, if a module cannot be imported."""
    missing = [m for m in modules if importlib.util.find_spec(m) is None]
    if missing:
        raise unittest.SkipTest(f"{', '.join(missing)} not installed")


class Training(Project):
    """A Project in which the test's own process works. No run stays open after a test."""

    def setUp(self) -> None:
        super().setUp()
        import gitruns

        before, folder = dict(os.environ), os.getcwd()
        env = self.env()
        os.environ.clear()
        os.environ.update(env, RUNS_SILENT="1")
        os.chdir(self.dir)

        def back() -> None:
            gitruns.finish()
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(before)

        self.addCleanup(back)

    def table(self, key: str) -> dict:
        """Return the columns of the only table of the newest run under key, as pyarrow reads them."""
        import pyarrow.parquet

        (record,) = (a for a in self.show()["artifacts"] if a.get("key") == key and a["kind"] == "table")
        path = os.path.join(tempfile.mkdtemp(dir=self.dir), "table.parquet")
        self.runs("artifacts", "last", record["path"], "-o", path)
        return pyarrow.parquet.read_table(path).to_pydict()

    def example(self, name: str) -> None:
        """Run one of the examples as a program of the project."""
        with open(os.path.join(EXAMPLES, name), encoding="utf-8") as f:
            self.python(f.read(), name=name)
