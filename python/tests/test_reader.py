"""load, runs and diff read recorded runs, HTML is escaped, and missing names say what to use instead."""

from __future__ import annotations

import io
import math
import os
import unittest
from contextlib import redirect_stderr
from unittest import mock

from project import Project


class Reader(Project):
    def setUp(self) -> None:
        super().setUp()
        self.python("""
import gitruns, math
for i, lr in enumerate((0.1, 0.01)):
    with gitruns.init(project="p", name="n%d" % i, config={"lr": lr, "m": {"k": [1]}}, tags=["t%d" % i]) as run:
        for s, v in enumerate((1.0, 0.5, math.nan, math.inf, 0.25 * lr)):
            run.log({"loss": v, "acc": s})
        run.log({"word": "x"})
        run.summary["best"] = lr
        open(run.dir + "/model.txt", "w").write("weights%d" % i)
        if i:
            open("data.csv", "w").write("a,b\\n1,2\\n")
            gitruns.log_dataset("data.csv", name="train", role="training")
            gitruns.log_dataset("nowhere.csv")
""")
        patch = mock.patch.dict(os.environ, {**{k: v for k, v in self.env().items() if k in ("RUNS_BINARY", "HOME")}})
        patch.start()
        self.addCleanup(patch.stop)
        cwd = os.getcwd()
        os.chdir(self.dir)
        self.addCleanup(os.chdir, cwd)

    def test_load(self) -> None:
        import gitruns

        r = gitruns.load("n1")
        self.assertEqual(
            (r.name, r.status, r.experiment, r.params.lr, r.params["m"]["k"], r.tags.t1, r.summary.best),
            ("n1", "finished", "p", 0.01, [1], "yes", 0.01),
        )
        self.assertEqual(r.started.tzinfo.utcoffset(None).total_seconds(), 0)
        lists = r.metrics("loss", as_="lists")
        self.assertEqual(lists["step"], [0, 1, 2, 3, 4])
        self.assertEqual(lists["value"][:2] + lists["value"][3:], [1.0, 0.5, math.inf, 0.0025])
        self.assertTrue(math.isnan(lists["value"][2]))
        self.assertEqual(r.history("acc"), ([0, 1, 2, 3, 4], [0.0, 1.0, 2.0, 3.0, 4.0]))
        self.assertEqual([(v["key"], v["value"]) for v in r.values()], [("word", "x")])
        self.assertEqual(r.best["acc"]["max"], 4)
        with self.assertRaises(AttributeError):
            _ = r.nonsense
        with self.assertRaises(AttributeError):
            r.params.lr = 3
        with self.assertRaises(gitruns.NotFoundError):
            r.metrics("none", as_="lists")
        with self.assertRaises(gitruns.UsageError):
            r.metrics(as_="excel")

    def test_columns(self) -> None:
        """runs() makes one call; a record is fetched when it is asked for, with those of other runs."""
        import copy
        import pickle

        import gitruns
        from gitruns import _binary

        calls = []
        real = _binary.call

        def counted(args: list[str], *more: object) -> object:
            calls.append(args)
            return real(args, *more)  # type: ignore[arg-type]

        with mock.patch.object(_binary, "call", counted):
            found = gitruns.runs()
            self.assertEqual(
                [(r.name, r.status, len(r.id)) for r in found], [(n, "finished", 24) for n in ("n1", "n0")]
            )
            columns = found._columns()
            self.assertEqual(calls, [["client", "columns"]])
            self.assertEqual([r.params.lr for r in found], [0.01, 0.1])
            self.assertEqual(len(calls), 2)
        self.assertEqual(list(columns)[:6], ["id", "name", "status", "started", "experiment", "params.lr"])
        self.assertEqual((columns["name"], columns["params.lr"]), (["n1", "n0"], [0.01, 0.1]))
        self.assertEqual(columns["started"], [r.started for r in found])
        self.assertEqual((columns["params.m.k"], columns["tags.t1"]), ([[1], [1]], ["yes", None]))
        rows = found._rows()
        self.assertEqual(
            [{n: v for n, v in row.items() if v is not None and v == v} for row in rows],
            [{n: c[i] for n, c in columns.items() if c[i] is not None and c[i] == c[i]} for i in range(len(rows))],
        )
        found.reverse()
        self.assertEqual(found._columns()["name"], ["n0", "n1"])
        del found[0]
        self.assertEqual(found._columns()["name"], ["n1"])
        found.append(gitruns.load("n0"))
        self.assertEqual(found._columns()["params.lr"], [0.01, 0.1])
        fresh = gitruns.runs()[0]
        self.assertEqual(pickle.loads(pickle.dumps(fresh)).record, copy.deepcopy(fresh).record)
        self.runs("rm", "n0")
        gone = gitruns.runs()
        self.runs("rm", "n1")
        with self.assertRaises(gitruns.NotFoundError):
            _ = gone[0].params

    def test_hostile_columns(self) -> None:
        """An answer whose places are outside its bytes, or that is not an answer, is refused."""
        import json

        import gitruns
        from gitruns import _binary

        good = {"name": "id", "type": "text", "values": [0, 5]}
        for column in (
            {**good, "values": [0, 50]},
            {**good, "values": [-8, 5]},
            {**good, "values": [4, 4]},
            {**good, "type": "int"},
            {**good, "codes": [0, 8]},
            {**good, "has": [0, 5]},
            {**good, "values": None},
            {**good, "values": "xx"},
            {"name": "id"},
            7,
        ):
            head = {"rows": 1, "total": 1, "bytes": 8, "damaged": 0, "columns": [column], "warnings": []}
            out = json.dumps(head).encode() + b'\n["a"]   '
            with mock.patch.object(_binary, "call", lambda *_, out=out: (0, out, b"")), self.subTest(column):
                with self.assertRaises(gitruns.CommError):
                    gitruns.runs()
        for out in (b"", b"{}", b"[]\n", b'{"bytes": 1}\n', b"\xff\n"):
            with mock.patch.object(_binary, "call", lambda *_, out=out: (0, out, b"")), self.subTest(out):
                with self.assertRaises(gitruns.CommError):
                    gitruns.runs()

    def test_artifacts_and_data(self) -> None:
        import gitruns

        r = gitruns.load("n1")
        (a,) = r.artifacts
        self.assertEqual((a.path, a.bytes), ("model.txt", 8))
        with open(a.local(), encoding="utf-8") as f:
            self.assertEqual(f.read(), "weights1")
        with open(a.download("out"), encoding="utf-8") as f:
            self.assertEqual(f.read(), "weights1")
        a.path = "../x"
        with self.assertRaises(gitruns.CommError):
            a.download("out")
        self.assertEqual((r.dataset("train")["role"], r.dataset("train")["bytes"]), ("training", 8))
        with self.assertRaises(gitruns.NotFoundError):
            r.dataset("none")

    def test_params_come_back_as_they_were(self) -> None:
        import gitruns

        self.python("""
import gitruns
params = {"none": None, "deep": {"a.b": None, "k": 1}, "cap": float("inf"), "odd": float("nan")}
with gitruns.init(config=params) as run:
    run.log({"x": float("nan")})
""")
        r = gitruns.load("last")
        self.assertIsNone(r.params.none)
        self.assertEqual((r.params["cap"], r.params["deep"]["k"]), (math.inf, 1))
        self.assertIsNone(r.params["deep"]["a.b"])
        self.assertTrue(math.isnan(r.params.odd) and math.isnan(r.best["x"]["last"]))
        self.assertIsNone(gitruns.runs(n=1)._columns()["params.none"][0])

    def test_a_local_artifact_is_proved(self) -> None:
        import gitruns

        (a,) = gitruns.load("n1").artifacts
        path = a.local()
        os.chmod(path, 0o644)
        with open(path, "w", encoding="utf-8") as f:
            f.write("another1")
        self.assertIsNone(a.local())
        os.replace(path, path + ".was")
        os.symlink(path + ".was", path)
        self.assertIsNone(a.local())

    def test_runs_and_diff(self) -> None:
        import gitruns

        self.assertEqual([r.name for r in gitruns.runs()], ["n1", "n0"])
        self.assertEqual([r.name for r in gitruns.runs("params.lr > 0.05")], ["n0"])
        self.assertEqual([r.name for r in gitruns.runs(sort="lr", n=1)], ["n1"])
        d = gitruns.diff("n0", gitruns.load("n1"))
        self.assertEqual([(p["key"], p["a"], p["b"]) for p in d.params], [("lr", 0.1, 0.01)])
        self.assertIn("lr", str(d))
        self.assertIn("lr", d._repr_html_())
        for bad, kind in (
            (lambda: gitruns.load("none"), gitruns.NotFoundError),
            (lambda: gitruns.runs("params.lr >"), gitruns.UsageError),
            (lambda: gitruns.load("-x"), gitruns.UsageError),
            (lambda: gitruns.load("a\0b"), gitruns.UsageError),
        ):
            with self.assertRaises(kind):
                bad()
        with self.assertRaises(gitruns.Error):
            gitruns.load("last", path="/")

    def test_diff_says_what_it_is(self) -> None:
        import gitruns

        self.assertRegex(repr(gitruns.diff("n0", "n1")), "^<diff of n0 and n1: 1 param, .*metric.* differ>$")
        self.assertEqual(repr(gitruns.diff("n0", "n0")), "<diff of n0 and n0: nothing differs>")

    def test_a_damaged_run_hides_no_other(self) -> None:
        import gitruns

        path = os.path.join(gitruns.load("n0")._folder(), "run.toml")
        os.chmod(path, 0o644)
        with open(path, "a", encoding="utf-8") as f:
            f.write("garbage\n")
        said = io.StringIO()
        with redirect_stderr(said):
            for _ in range(2):
                self.assertEqual([r.name for r in gitruns.runs()], ["n1"])
        self.assertEqual((said.getvalue().count("skipped a damaged run"), len(said.getvalue().splitlines())), (1, 1))

    def test_what_is_no_expression(self) -> None:
        import gitruns

        self.assertEqual(
            (list(gitruns.runs(n=0)), len(gitruns.runs(n=1)), type(gitruns.runs(n=0))),
            ([], 1, gitruns.runs().__class__),
        )
        for bad in ("me/project", 5, ["p"], {"state": "finished"}):
            with self.subTest(bad), self.assertRaisesRegex(gitruns.UsageError, "experiment = 'project'"):
                gitruns.runs(bad)
        self.assertEqual(len(gitruns.runs("loss")), 2)
        for call in (
            lambda: gitruns.load("\ud800"),
            lambda: gitruns.runs("a\0"),
            lambda: gitruns.runs(sort="\0"),
            lambda: gitruns.load("n0").values("\0"),
            lambda: gitruns.runs(path="\ud800"),
        ):
            with self.assertRaises(gitruns.UsageError):
                call()

    def test_another_program(self) -> None:
        import gitruns

        r = gitruns.load("n0")
        calls = (
            lambda: gitruns.load("n0"),
            gitruns.runs,
            gitruns.diff,
            lambda: r.metrics(as_="lists"),
            r.values,
            lambda: gitruns.init(project="p"),
        )
        for printed in ("", "{}", '{"error":"text"}', "[{}]", "[1]", "null", "[" * 200000, '{"id":1,"status":2}'):
            fake = self.write(
                "fake", f"#!/bin/sh\nprintf '\\033[31mno\\033[0m\\rthing\\n' >&2\ncat '{self.dir}/printed'\n"
            )
            self.write("printed", printed)
            os.chmod(fake, 0o755)
            with mock.patch.dict(os.environ, {"RUNS_BINARY": fake}):
                for n, call in enumerate(calls):
                    if n == 2 and printed.startswith('{"') or n == 2 and printed == "{}":
                        continue  # a diff is any table
                    with self.subTest((printed[:20], n)), self.assertRaises(gitruns.CommError) as e:
                        call()
                    self.assertTrue(str(e.exception).isprintable() and "[31m" not in str(e.exception))

    def test_an_unreadable_file(self) -> None:
        import gitruns

        r = gitruns.load("n0")
        good = r._file("metrics.parquet")
        for name, module in (("arrow", "pyarrow"), ("pandas", "pandas"), ("polars", "polars")):
            try:
                __import__(module)
            except ImportError:
                continue
            self.assertEqual(len(r.metrics("loss", as_=name)), 5)
            for data in (b"no parquet", good[: len(good) // 2], good.replace(b"value", b"other")):
                with (
                    self.subTest(name),
                    mock.patch.object(type(r), "_file", return_value=data),
                    self.assertRaises(gitruns.CommError),
                ):
                    r.metrics(as_=name)
            import pyarrow
            import pyarrow.parquet

            out = io.BytesIO()
            table = pyarrow.table({"key": [1], "step": ["a"], "time": [1], "value": ["x"]})
            pyarrow.parquet.write_table(table, out, compression="zstd")
            with (
                self.subTest(name),
                mock.patch.object(type(r), "_file", return_value=out.getvalue()),
                self.assertRaisesRegex(gitruns.CommError, "key"),
            ):
                r.metrics(as_=name)

    def test_frames_without_their_library(self) -> None:
        import gitruns

        for name, library in (("to_pandas", "pandas"), ("to_polars", "polars"), ("to_arrow", "pyarrow")):
            with (
                self.subTest(name),
                mock.patch.dict("sys.modules", {library: None}),
                self.assertRaisesRegex(gitruns.CommError, f"^{name}: .*{library}.*; run 'pip install {library}'"),
            ):
                getattr(gitruns.runs(), name)()

    def test_no_download_through_a_link(self) -> None:
        import gitruns

        (a,) = gitruns.load("n1").artifacts
        a.path = "sub/" + a.path
        os.makedirs("out")
        os.symlink(self.dir, "out/sub")
        with self.assertRaisesRegex(gitruns.CommError, "link"):
            a.download("out")
        os.remove("out/sub")
        folder = gitruns.load("n1")._folder()
        os.rename(folder + "/artifacts", self.dir + "/elsewhere")
        os.symlink(self.dir + "/elsewhere", folder + "/artifacts")
        (a,) = gitruns.load("n1").artifacts
        with self.assertRaisesRegex(gitruns.CommError, "link"):
            a.download("out")
        self.assertIsNone(a.local())

    def test_values_with_numbers_inside(self) -> None:
        import gitruns

        self.python("""
import gitruns
with gitruns.init() as run:
    run.log({"top": "NaN", "list": [1, float("nan"), -float("inf")], "texts": ["a", "NaN"],
             "deep": [{"x": float("inf")}]})
""")
        got = {v["key"]: v["value"] for v in gitruns.load("last").values()}
        self.assertEqual(
            (got["top"], got["texts"], got["deep"], got["list"][2]), ("NaN", ["a", "NaN"], [{"x": math.inf}], -math.inf)
        )
        self.assertTrue(math.isnan(got["list"][1]))

    def test_changed_file(self) -> None:
        import gitruns

        r = gitruns.load("n0")
        path = os.path.join(r._folder(), "metrics.parquet")
        self.assertTrue(r._file("metrics.parquet").startswith(b"PAR1"))
        os.chmod(path, 0o644)
        with open(path, "ab") as f:
            f.write(b"x")
        self.assertIsNone(r._file("metrics.parquet"))  # `runs` decides by the rows, which it cannot read
        with self.assertRaises(gitruns.CommError):
            r.metrics(as_="lists")

    def test_html(self) -> None:
        import gitruns

        evil = "<script>alert(1)</script>\u202e\"'"
        self.python(
            "import gitruns\n"
            f"with gitruns.init(name={evil.replace(chr(0x202E), '')!r}, config={{'k': {evil!r}}}) as run:\n"
            f"    run.log({{'<b>m': 1e308}}); run.log({{'<b>m': -1e308}})\n"
        )
        for html in (gitruns.load("last")._repr_html_(), gitruns.runs()._repr_html_()):
            self.assertNotIn("<script", html)
            self.assertNotIn("<b>m", html)
            self.assertNotIn("\u202e", html)
        self.assertIn("<svg", gitruns.load("last")._repr_html_())
        self.assertNotIn("nan,", gitruns.load("last")._repr_html_())

    def test_curves(self) -> None:
        import gitruns
        from gitruns._html import _over

        self.python("""
import gitruns
with gitruns.init(name="axis") as run:
    run.define_metric("v/*", step_metric="epoch", goal="minimize")
    for s in range(6):
        run.log({"epoch": s // 2, "v/<loss>": 1.0 / (s + 1)})
""")
        html = gitruns.runs()._repr_html_()
        self.assertEqual((html.count("<svg"), html.count("<polyline"), html.count("<tr>")), (2, 2, 4))
        self.assertIn("<title>acc</title>", html)
        html = gitruns.runs(n=1)._repr_html_()
        self.assertIn("<title>v/&lt;loss&gt;</title>", html)
        points = html.split('<polyline points="')[1].split('"')[0].split()
        self.assertEqual(len({p.split(",")[0] for p in points}), 3)  # epochs, not steps
        self.assertIn("<title>v/&lt;loss&gt; by epoch</title>", gitruns.load("axis")._repr_html_())
        self.assertEqual(_over([(0, 1), (1, 2), (5, 3)], [(1, 9), (4, math.nan), (5, 2)]), [(2, 3), (9, 2)])
        with mock.patch("gitruns._html._SPARK_POINTS", 4):  # every second one of five points is read
            html = gitruns.runs("acc")._repr_html_()
        self.assertEqual(len(html.split('<polyline points="')[1].split('"')[0].split()), 3)
        with mock.patch("gitruns._html._ROWS", 1):
            html = gitruns.runs()._repr_html_()
        self.assertEqual(html.count("<svg"), 1)
        self.assertIn("2 more", html)

    def test_thin_keeps_extremes(self) -> None:
        from gitruns._html import thin

        values = [math.sin(i / 100) for i in range(100000)]
        values[54321] = 9.0
        steps, kept = thin(list(range(100000)), values)
        self.assertLessEqual(len(kept), 400)
        self.assertIn(9.0, kept)
        self.assertEqual(steps, sorted(steps))


class Refused(unittest.TestCase):
    def test_names(self) -> None:
        import gitruns

        for name in ("sweep", "agent", "Api", "link_artifact", "Bokeh"):
            with self.assertRaisesRegex(gitruns.UsageError, "; use "):
                getattr(gitruns, name)()
        for name, word in (("apis", "gitruns.runs"), ("trigger", "names of gitruns")):
            with self.assertRaisesRegex(AttributeError, word):
                getattr(gitruns, name)
        with self.assertRaisesRegex(AttributeError, "finish"):
            _ = gitruns.finsh
        self.assertFalse(hasattr(gitruns, "no_such_name"))


if __name__ == "__main__":
    unittest.main()
