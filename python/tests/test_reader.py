"""load, runs, diff and log_dataset: what was recorded comes back as it was."""

from __future__ import annotations

import importlib.util
import math
import os
import unittest

from project import Project

import gitruns

TRAIN = """
import gitruns
for name, lr in (("wide", 0.1), ("narrow", 0.2)):
    run = gitruns.init(project="demo", name=name, group="g", notes="a note", tags=["t"], config={"lr": lr, "m": {"k": [1, 2], "no": None}, "cap": float("inf")}, reinit=True)
    for i in range(10):
        gitruns.log({"loss": lr / (i + 1), "odd": [float("nan"), float("inf"), float("-inf")][i % 3]})
    gitruns.log({"text": "<b>", "loss": 5.0}, step=3)
    run.summary["best_epoch"] = 7
    gitruns.finish()
"""


class Reader(Project):
    def setUp(self) -> None:
        super().setUp()
        old = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(old)))
        env = self.env()
        os.environ.clear()
        os.environ.update(env)

    def test_a_run_comes_back(self) -> None:
        self.python(TRAIN)
        r = gitruns.load("wide", path=self.dir)
        self.assertEqual((r.name, r.experiment, r.status, r.group, r.note, r.exit_code), ("wide", "demo", "finished", "g", "a note", r.record.get("exit_code")))
        self.assertEqual(r.params, {"lr": 0.1, "m": {"k": [1, 2], "no": None}, "cap": math.inf})
        self.assertEqual(r.tags, {"t": "yes"})
        self.assertEqual(r.summary["best_epoch"], 7)
        self.assertEqual(r.metrics_summary["loss"]["count"], 11)
        self.assertEqual(r.source["entry"], "train.py")
        self.assertEqual(r.started.utcoffset().total_seconds(), 0)
        self.assertLess(r.duration, 3600)
        self.assertEqual([(v["key"], v["step"], v["value"]) for v in r.values()], [("text", 3, "<b>")])
        self.assertEqual(dict(r.history("loss"))[3], 5.0)
        odd = r.metrics("odd", as_="dict")
        self.assertEqual(odd["step"], list(range(10)))
        self.assertTrue(math.isnan(odd["value"][0]))
        self.assertEqual(odd["value"][1:3], [math.inf, -math.inf])
        self.assertEqual(r.metrics("odd", as_="list")[1]["value"], math.inf)
        self.assertEqual(len(r.metrics(as_="dict")["key"]), 21)

    def test_frames_are_the_same_as_lists(self) -> None:
        self.python(TRAIN)
        r = gitruns.load("wide", path=self.dir)
        want = r.metrics("loss", as_="dict")
        tried = 0
        for kind, module in (("arrow", "pyarrow"), ("pandas", "pandas"), ("polars", "polars")):
            if importlib.util.find_spec(module) is None:
                continue
            tried += 1
            with self.subTest(kind):
                frame = r.metrics("loss", as_=kind)
                for column in ("key", "step", "value"):
                    got = frame[column].to_pylist() if kind == "arrow" else list(frame[column])
                    self.assertEqual(got, want[column])
                runs = gitruns.runs(path=self.dir)
                table = getattr(runs, f"to_{kind}")()
                self.assertEqual(len(table), 2)
        if not tried:
            with self.assertRaisesRegex(gitruns.UsageError, "needs pyarrow"):
                r.metrics(as_="arrow")
            self.assertEqual(r.metrics("loss"), want)

    def test_a_damaged_file_is_refused(self) -> None:
        if importlib.util.find_spec("pyarrow") is None:
            self.skipTest("pyarrow is not installed")
        self.python(TRAIN)
        r = gitruns.load("wide", path=self.dir)
        with open(r._file("metrics.parquet"), "r+b") as f:
            f.seek(20)
            f.write(b"x")
        with self.assertRaisesRegex(gitruns.Error, "runs verify"):
            r.metrics(as_="arrow")

    def test_a_run_in_progress(self) -> None:
        done = self.python("""
import gitruns
run = gitruns.init(config={"a": 1})
run.log({"loss": 2.0})
r = gitruns.load(run)
print(r.status, r.params, r.history("loss"), r.ended, r.duration)
open(run.dir + "/model.bin", "w").write("weights")
run.finish()
a, = gitruns.load("last").artifacts
print(a.path, a.bytes, open(a.local()).read(), open(a.download("out")).read())
try:
    a.download("out")
except gitruns.Error as e:
    print("error", e)
""")
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0], "running {'a': 1} [(0, 2.0)] None None")
        self.assertEqual(lines[1], "model.bin 7 weights weights")
        self.assertIn("it exists", lines[2])

    def test_lists(self) -> None:
        self.python(TRAIN)
        found = gitruns.runs(sort="loss", path=self.dir)
        self.assertEqual([r.name for r in found], ["wide", "narrow"])
        self.assertEqual([r.name for r in gitruns.runs("params.lr > 0.15", path=self.dir)], ["narrow"])
        self.assertEqual(len(gitruns.runs(n=1, path=self.dir)), 1)
        self.assertEqual(len(gitruns.runs(n=0, path=self.dir)), 0)
        self.assertEqual(len(gitruns.runs(experiment="other", path=self.dir)), 0)
        self.assertEqual(found.columns()["params.m.k"], [[1, 2], [1, 2]])
        self.assertEqual(found.columns()["metrics.loss"], [0.01, 0.02])
        self.assertIsInstance(found[:1], type(found))

    def test_a_diff(self) -> None:
        self.python(TRAIN)
        d = gitruns.diff("wide", "narrow", path=self.dir)
        self.assertEqual(d.params, [{"key": "lr", "a": 0.1, "b": 0.2}])
        self.assertIn("lr: 0.1 -> 0.2", str(d))
        self.assertIn("loss: 0.01 -> 0.02 worse", str(d))
        a, b = gitruns.load("wide", path=self.dir), gitruns.load("narrow", path=self.dir)
        self.assertEqual(gitruns.diff(a, b).json, d.json)

    def test_bad_input(self) -> None:
        self.python(TRAIN)
        r = gitruns.load("wide", path=self.dir)
        for kind, pattern, call in (
            (gitruns.NotFoundError, "no run has this name", lambda: gitruns.load("nosuch", path=self.dir)),
            (gitruns.NotFoundError, "a prefix of an id", lambda: gitruns.load("-x", path=self.dir)),
            (gitruns.NotFoundError, "no folder", lambda: gitruns.load(path=os.path.join(self.dir, "none"))),
            (gitruns.NotFoundError, "it has loss, odd", lambda: r.metrics("zz")),
            (gitruns.NotFoundError, "no dataset", lambda: r.dataset("zz")),
            (gitruns.NotFoundError, "no artifact", lambda: r.artifact("zz")),
            (gitruns.UsageError, "a key expected", lambda: gitruns.runs("((", path=self.dir)),
            (gitruns.UsageError, "as_ is one of", lambda: r.metrics(as_="csv")),
            (gitruns.UsageError, "named by a text", lambda: gitruns.load(3)),
            (gitruns.UsageError, "n is a number", lambda: gitruns.runs(n=-1, path=self.dir)),
        ):
            with self.subTest(pattern), self.assertRaisesRegex(kind, pattern):
                call()

    def test_datasets(self) -> None:
        self.write("data/train.csv", "a,b\n1,2\n")
        done = self.python("""
import os, gitruns
gitruns.init()
os.mkdir("sub"); os.chdir("sub")
gitruns.log_dataset("../data/train.csv", role="training")
gitruns.log_dataset("../data", name="all")
gitruns.log_dataset("nope.csv")
gitruns.finish()
gitruns.init(mode="disabled")
gitruns.log_dataset("nope.csv")
""")
        r = gitruns.load(path=self.dir)
        self.assertEqual([(d.name, d.path, d.role) for d in sorted(r.datasets, key=lambda d: d.name)], [("all", "data", None), ("train", "data/train.csv", "training")])
        self.assertEqual((r.dataset("train").bytes, r.dataset("train").rows), (8, 1))
        self.assertEqual(done.stderr.count("nope.csv"), 1)
        self.assertIn("no such file or folder", done.stderr)


if __name__ == "__main__":
    unittest.main()
