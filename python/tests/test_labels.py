"""Points have labels: rows with them are logged and read, and each set of labels counts its own steps."""

from __future__ import annotations

import importlib.util
import math
import os
import unittest
from unittest import mock

from project import Project


class Labels(Project):
    def read(self) -> None:
        patch = mock.patch.dict(os.environ, {k: v for k, v in self.env().items() if k in ("RUNS_BINARY", "HOME")})
        patch.start()
        self.addCleanup(patch.stop)
        cwd = os.getcwd()
        os.chdir(self.dir)
        self.addCleanup(os.chdir, cwd)

    def test_rows_with_labels(self) -> None:
        done = self.python("""
import gitruns
with gitruns.init(name="n") as run:
    for v in range(3):
        run.log({"loss": v}, labels={"dataset": "train", "fold": 1})
        run.log({"loss": v + 0.5, "acc": v, "word": "x"}, labels={"dataset": "val"})
    run.log({"loss": 9})
    gitruns.log({"loss": 7.0}, step=40, labels={"dataset": "val"})
    gitruns.log({"loss": 8.0}, labels={"dataset": "val"})
    for wrong in ("x", {1: 2}, {"a": True}, {"a": None}, {"": 1}, {"a": "x" * 1000}):
        try:
            run.log({"loss": 1}, labels=wrong)
        except (TypeError, ValueError) as e:
            print("refused:", e)
    assert run.summary["loss"] == 8.0
""")
        self.assertEqual(done.stdout.count("refused: "), 6, done.stdout + done.stderr)
        self.assertEqual(done.stderr.count("only numbers have labels; recorded without: word"), 1)
        self.read()
        import gitruns

        run = gitruns.load("n")
        lists = run.metrics("loss", as_="lists")
        train, val = '{"dataset":"train","fold":1}', '{"dataset":"val"}'
        self.assertEqual(
            list(zip(lists["labels"], lists["step"], lists["value"]))[:4],
            [(train, 0, 0.0), (val, 0, 0.5), (None, 0, 9.0), (train, 1, 1.0)],
        )
        self.assertEqual(run.history("loss", labels={"dataset": "val"}), ([0, 1, 2, 40, 40], [0.5, 1.5, 2.5, 7.0, 8.0]))
        self.assertEqual(run.history("loss", labels={"fold": 1}), ([0, 1, 2], [0.0, 1.0, 2.0]))
        self.assertEqual([(v["key"], v["step"]) for v in run.values()], [("word", 0), ("word", 1), ("word", 2)])
        with self.assertRaises(gitruns.UsageError):
            run.metrics("loss", labels={"a": True})
        for name, module in (("arrow", "pyarrow"), ("pandas", "pandas"), ("polars", "polars")):
            if importlib.util.find_spec(module):
                table = run.metrics("loss", as_=name)
                got = table["labels"].to_pylist() if name == "arrow" else list(table["labels"])
                self.assertEqual([v if isinstance(v, str) else None for v in got], lists["labels"])
                self.assertEqual(len(run.metrics("loss", as_=name, labels={"fold": 1})), 3)

    def test_no_labels(self) -> None:
        self.python('import gitruns\nwith gitruns.init(name="n") as run: run.log({"loss": 1}, labels={})')
        self.read()
        import gitruns

        self.assertEqual(list(gitruns.load("n").metrics(as_="lists")), ["key", "step", "time", "value"])

    def test_canonical(self) -> None:
        from gitruns._labels import canonical

        for labels, want in (
            (None, ""),
            ({}, ""),
            ({"b": 1, "a": "x"}, '{"a":"x","b":1}'),
            ({"a": 1.0, "b": 1e-05, "c": 1e20, "d": 0.1}, '{"a":1.0,"b":1e-05,"c":1e+20,"d":0.1}'),
            ({"a": math.nan, "b": -math.inf, "c": 1 << 70}, '{"a":"NaN","b":"-Infinity","c":"1180591620717411303424"}'),
            ({"a": 'é"\\\n\x1f\u2028'}, '{"a":"é\\"\\\\\\n\\u001F\\u2028"}'),
        ):
            self.assertEqual(canonical(labels), want)


if __name__ == "__main__":
    unittest.main()
