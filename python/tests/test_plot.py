"""gitruns.plot."""

from __future__ import annotations

import json
import unittest

from recorder import Recorded

from gitruns import _plot
from gitruns._media import log_media
from gitruns._table import Table


class Plot(Recorded):
    def spec(self, chart: _plot.Chart) -> dict:
        log_media(self.run_, "c", chart, 0)
        return json.loads(self.file("media/c_0_0.vl.json"))

    def test_line(self) -> None:
        s = self.spec(_plot.line(Table(columns=["x", "y.z"], data=[[1, 2.0], [2, float("nan")]]), "x", "y.z", title="T"))
        self.assertEqual(s["encoding"]["y"]["field"], "y\\.z")
        self.assertEqual(s["data"]["values"], [{"x": 1, "y.z": 2.0}, {"x": 2, "y.z": None}])
        self.assertEqual({a["kind"] for a in self.artifacts().values()}, {"table", "plot"})
        with self.assertRaises(ValueError):
            _plot.bar(Table(columns=["x"], data=[]), "x", "no")

    def test_curves(self) -> None:
        true, scores = [0, 0, 1, 1], [[0.9, 0.1], [0.4, 0.6], [0.65, 0.35], [0.2, 0.8]]
        roc = [r[1:] for r in _plot.roc_curve(true, scores).table.data if r[0] == "1"]
        self.assertEqual(roc, [[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 1], [1, 1]])
        pr = [r[2] for r in _plot.pr_curve(true, scores, interp_size=3).table.data if r[0] == "1"]
        self.assertEqual(pr, [1.0, 1.0, 2 / 3])

    def test_confusion(self) -> None:
        m = _plot.confusion_matrix(y_true=[0, 1, 1], preds=[0, 0, 1], class_names=["a", "b"])
        self.assertEqual(m.table.data, [["a", "a", 1], ["a", "b", 0], ["b", "a", 1], ["b", "b", 1]])

    def test_bound(self) -> None:
        s = self.spec(_plot.scatter(Table(columns=["x", "y"], data=[[i, i] for i in range(_plot.MAX_INLINE + 5)]), "x", "y"))
        self.assertEqual(len(s["data"]["values"]), _plot.MAX_INLINE)


if __name__ == "__main__":
    unittest.main()
