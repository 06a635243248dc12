"""The charts of gitruns.plot."""

from __future__ import annotations

import json
import unittest
import unittest.mock

from gitruns import _plot
from gitruns._row import log_media
from gitruns._table import Table
from recorder import Recorded


class Plot(Recorded):
    def spec(self, chart: _plot.Chart) -> dict:
        log_media(self.run_, "c", chart, 0)
        return json.loads(self.file("media/c_0_0.vl.json"))

    def test_line(self) -> None:
        s = self.spec(
            _plot.line(Table(columns=["x", "y.z"], data=[[1, 2.0], [2, float("nan")]]), "x", "y.z", title="T")
        )
        self.assertEqual(s["encoding"]["y"]["field"], "y\\.z")
        self.assertEqual(s["data"]["values"], [{"x": 1, "y.z": 2.0}, {"x": 2, "y.z": None}])
        self.assertEqual({a["kind"] for a in self.artifacts().values()}, {"table", "plot"})
        with self.assertRaises(ValueError):
            _plot.bar(Table(columns=["x"], data=[]), "x", "no")

    def test_names_of_columns(self) -> None:
        names = ["it's", 'a "b"', "back\\slash", "line\nfeed", "__proto__", "5 %", "a[0].b"]
        s = self.spec(_plot.bar(Table(columns=["v", *names], data=[[1, *names]]), "line\nfeed", "v"))
        self.assertEqual(
            list(s["data"]["values"][0]),
            ["v", "it%27s", "a %22b%22", "back%5cslash", "line%0afeed", "%5f_proto__", "5 %25", "a[0].b"],
        )
        self.assertEqual((s["encoding"]["y"]["field"], s["encoding"]["y"]["title"]), ("line%0afeed", "line feed"))
        self.assertEqual(_plot._field("a[0].b", "nominal")["field"], "a\\[0\\]\\.b")
        self.spec(_plot.bar(Table(columns=["n", "v"], data=[["\ud800", 1]]), "n", "v"))

    def test_dates(self) -> None:
        import datetime

        s = self.spec(
            _plot.line(Table(columns=["t", "y"], data=[[datetime.date(2026, 1, d), d] for d in (1, 2)]), "t", "y")
        )
        self.assertEqual((s["encoding"]["x"]["type"], s["data"]["values"][0]["t"]), ("temporal", "2026-01-01"))

    def test_a_specification(self) -> None:
        table = Table(columns=["loss.a", "it's"], data=[[1, 2]])
        given = {
            "$schema": "https://vega.github.io/schema/vega-lite/v4.json",
            "data": {"name": "wandb"},
            "title": "${string:title}",
            "hconcat": [{"mark": "point", "encoding": {"x": {"field": "${field:x}", "type": "quantitative"}}}],
        }
        s = self.spec(_plot.plot_table(given, table, {"x": "loss.a"}, {"title": "T"}))
        self.assertEqual(
            (s["title"], s["hconcat"][0]["encoding"]["x"]["field"], s["data"]["values"]),
            ("T", "loss\\.a", [{"loss.a": 1, "it's": 2}]),
        )
        self.assertEqual((s["$schema"], "width" in s), (_plot.SCHEMA, False))
        with self.assertRaises(ValueError):
            _plot.plot_table(given, table, {"x": "no"})
        with self.assertRaises(ValueError):
            _plot.plot_table({"$schema": "https://vega.github.io/schema/vega/v5.json"}, table)

    def test_curves(self) -> None:
        true, scores = [0, 0, 1, 1], [[0.9, 0.1], [0.4, 0.6], [0.65, 0.35], [0.2, 0.8]]
        roc = [r[1:] for r in _plot.roc_curve(true, scores).table.data if r[0] == "1"]
        self.assertEqual(roc, [[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 1], [1, 1]])
        pr = [r[2] for r in _plot.pr_curve(true, scores, interp_size=3).table.data if r[0] == "1"]
        self.assertEqual(pr, [1.0, 1.0, 2 / 3])

    def test_confusion(self) -> None:
        m = _plot.confusion_matrix(y_true=[0, 1, 1], preds=[0, 0, 1], class_names=["a", "b"])
        self.assertEqual(m.table.data, [["a", "a", 1], ["a", "b", 0], ["b", "a", 1], ["b", "b", 1]])

    def test_sklearn(self) -> None:
        import gitruns

        with self.assertRaisesRegex(gitruns.Error, "call gitruns.init"):
            gitruns.sklearn.plot_roc([0], [[1.0]])
        run = unittest.mock.Mock()
        with unittest.mock.patch("gitruns._live.active", return_value=run):
            gitruns.sklearn.plot_confusion_matrix(
                ["O", "B", "B"], ["O", "O", "B"], labels=["O", "A", "B"], normalize=False
            )
            gitruns.sklearn.plot_roc(
                [0, 0, 1, 1], [[0.9, 0.1], [0.4, 0.6], [0.65, 0.35], [0.2, 0.8]], classes_to_plot=[1]
            )
            gitruns.sklearn.plot_precision_recall([0, 1], [[1.0, 0.0], [0.0, 1.0]], ["a", "b"])
            gitruns.sklearn.plot_confusion_matrix([0, 1], [0])  # a warning, and training continues
        logged = {}
        for call in run.log.call_args_list:
            logged.update(call.args[0])
        self.assertEqual(run.log.call_count, 3)
        self.assertEqual(
            [r for r in logged["confusion_matrix"].table.data if r[2]], [["O", "O", 1], ["B", "O", 1], ["B", "B", 1]]
        )
        self.assertEqual({r[0] for r in logged["roc"].table.data}, {"1"})
        self.assertEqual({r[0] for r in logged["precision_recall"].table.data}, {"a", "b"})

    def test_wrong_calls(self) -> None:
        for call, kind, word in (
            (lambda: _plot.roc_curve([0, 1], [0.1, 0.2]), ValueError, "shape"),
            (lambda: _plot.pr_curve([0, 1], "ab"), TypeError, "y_probas"),
            (lambda: _plot.roc_curve(), TypeError, "y_true"),
            (lambda: _plot.confusion_matrix(probs=[0.1, 0.2], y_true=[0, 1]), ValueError, "shape"),
            (lambda: _plot.confusion_matrix(preds=1, y_true=[0, 1]), TypeError, "preds"),
            (lambda: _plot.roc_curve([0, "a"], [[1, 0], [0, 1]]), ValueError, "one type"),
            (lambda: _plot.roc_curve([[0], [1]], [[1, 0], [0, 1]]), ValueError, "shape"),
            (lambda: _plot.pr_curve([0, 1], [["x", 0], [0, 1]]), ValueError, "'x'"),
            (lambda: _plot.line_series(1, 2), TypeError, "ys"),
            (lambda: _plot.line_series([1], [2]), TypeError, "line of ys"),
            (lambda: _plot.line(5, "a", "b"), TypeError, "rows"),
            (lambda: _plot.bar(None, "a", "b"), TypeError, "missing"),
            (lambda: Table(data="abc"), TypeError, "rows"),
            (lambda: Table(data=[[1], 2]), TypeError, "row 1"),
            (lambda: Table(data={"a": [1]}), TypeError, "dict"),
            (lambda: Table(columns=5), TypeError, "names"),
        ):
            with self.subTest(word), self.assertRaisesRegex(kind, word):
                call()

    def test_bound(self) -> None:
        s = self.spec(
            _plot.scatter(Table(columns=["x", "y"], data=[[i, i] for i in range(_plot.MAX_INLINE + 5)]), "x", "y")
        )
        self.assertEqual(len(s["data"]["values"]), _plot.MAX_INLINE)


if __name__ == "__main__":
    unittest.main()
