"""HTML of runs: well-formed, bounded, and nothing that was recorded breaks out of its place."""

from __future__ import annotations

import math
import re
import unittest
from xml.dom import minidom

import project  # noqa: F401  puts the client on the path

from gitruns import _html
from gitruns._reader import Diff, RecordedRun, RunList

HOSTILE = "</td><script>alert(1)</script><img src=x onerror='alert(2)'>\"&\x1b[31m\u202e"


class Fake(RecordedRun):
    """A run whose points are at hand."""

    points: dict = {}

    def metrics(self, *keys: str, as_: str | None = None) -> dict:
        rows = [(k, s, v) for k in keys for s, v in self.points.get(k, [])]
        return {"key": [r[0] for r in rows], "step": [r[1] for r in rows], "value": [r[2] for r in rows]}


def fake(name: str = "a", points: dict | None = None, **more: object) -> Fake:
    points = points or {}
    metrics = {k: {"last": p[-1][1], "count": len(p)} for k, p in points.items()}
    run = Fake({"id": "20260101-000000-abcdefgh", "name": name, "status": "finished", "started": "2026-01-01T00:00:00Z", "metrics": metrics, **more})
    run.points = points
    return run


class Html(unittest.TestCase):
    def check(self, html: str) -> None:
        minidom.parseString(html.replace("<br>", "<br/>"))
        self.assertNotRegex(html, r"<\s*(script|img|iframe|foreignObject|a )")
        self.assertEqual({t for t in re.findall(r"<([a-z]+)", html)} - {"div", "b", "code", "br", "table", "thead", "tbody", "tr", "th", "td", "svg", "title", "g", "text", "path", "polyline", "circle"}, set())
        self.assertNotIn("\x1b", html)
        self.assertNotIn("\u202e", html)

    def test_hostile_texts(self) -> None:
        run = fake(HOSTILE, {HOSTILE: [(i, i) for i in range(9)]}, params={HOSTILE: HOSTILE}, tags={HOSTILE: HOSTILE}, note=HOSTILE, experiment=HOSTILE, group=HOSTILE)
        for html in (run._repr_html_(), RunList([run, fake()])._repr_html_()):
            self.check(html)
            self.assertIn("&lt;script&gt;", html)
        self.check(Diff({"a": {"name": HOSTILE}, "b": {"id": "x"}, "params": [{"key": HOSTILE, "a": HOSTILE}], "problems": [HOSTILE]})._repr_html_())

    def test_curves_are_bounded_and_keep_extremes(self) -> None:
        points = [(float(i), 0.0) for i in range(100_000)]
        points[54_321] = (54_321.0, 9.0)
        points[77_777] = (77_777.0, -9.0)
        kept = _html.downsample(points)
        self.assertLessEqual(len(kept), 2 * _html.BUCKETS + 2)
        self.assertIn((54_321.0, 9.0), kept)
        self.assertIn((77_777.0, -9.0), kept)
        self.assertEqual((kept[0], kept[-1]), (points[0], points[-1]))
        self.assertEqual(kept, sorted(kept))

    def test_odd_numbers(self) -> None:
        for points in ([], [(0, math.nan)], [(0, math.inf), (1, -math.inf)], [(0, 1.7e308), (1, -1.7e308)], [(5, 2.0)], [(0, 1.0), (0, 1.0)], [(0, 10**400)]):
            with self.subTest(points=points):
                html = _html.svg("k", [("a", points)])
                self.check(html)
                for numbers in re.findall(r'points="([^"]*)"', html):
                    self.assertNotRegex(numbers, "nan|inf")
        self.assertIn("(1 not finite)", _html.svg("k", [("a", [(0, math.nan), (1, 1.0)])]))

    def test_the_x_axis_that_a_run_names(self) -> None:
        run = fake("a", {"val/acc": [(1, 0.5), (3, 0.7)], "epoch": [(0, 10.0), (2, 20.0)]}, defined=[{"name": "val/*", "step_metric": "epoch"}])
        self.assertEqual(_html._axis(run, "val/acc"), "epoch")
        self.assertEqual(_html._by(dict(run.points), "val/acc", "epoch"), [(10.0, 0.5), (20.0, 0.7)])
        self.assertIn("val/acc by epoch", run._repr_html_())

    def test_many_metrics_and_rows(self) -> None:
        run = fake("a", {f"m{i}": [(0, 1.0), (1, 2.0)] for i in range(300)})
        html = run._repr_html_()
        self.assertEqual(html.count("<svg"), _html.CURVES)
        self.assertIn("100 more rows", html)
        self.assertIn("288 more curves", html)
        self.assertLess(len(html), 200_000)


class Live(project.Project):
    def test_a_run_that_is_recorded(self) -> None:
        done = self.python("""
import gitruns
run = gitruns.init(name="<i>live", config={"lr": 0.1})
for i in range(5):
    run.log({"loss": i})
print(run._repr_html_())
run.finish()
print(run._repr_html_())
print(gitruns.runs()._repr_html_())
""")
        pages = done.stdout.strip().splitlines()
        self.assertEqual(len(pages), 3)
        for page, status in zip(pages, ("running", "finished", "finished")):
            self.assertIn("&lt;i&gt;live", page)
            self.assertIn(status, page)
            self.assertIn("<polyline", page)


if __name__ == "__main__":
    unittest.main()
