"""What a notebook shows of runs: tables and curves as HTML and SVG, without a script. All that was recorded is escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ._reader import Diff, RecordedRun, RunList, best, flatten, text

BUCKETS = 150  # of a curve; each shows its smallest and its largest value
CURVES = 12  # of a run
ROWS = 200  # of a table
LINES = 8  # runs of a list whose curves are drawn
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 320, 160, 52, 20, 22, 8
# Readable on white and on black.
_COLOURS = ("#3b82d6", "#d9782d", "#2f9e6e", "#c2488f", "#8a6fd1", "#a58a1f", "#2a9db0", "#c9504a")
_TABLE = "border-collapse:collapse;font-size:12px;margin:4px 12px 4px 0"
_CELL = "text-align:left;padding:1px 10px 1px 0;border:0;background:none;color:inherit;vertical-align:top"


def escape(value: object) -> str:
    """The text of value as HTML shows it, in an attribute too. Control characters, and marks that turn text, are replaced."""
    shown = "".join(c if c.isprintable() or c == " " else "\ufffd" for c in str(value))
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;").replace("'", "&#39;")


def downsample(points: list[tuple[float, float]], buckets: int = BUCKETS) -> list[tuple[float, float]]:
    """At most 2 * buckets + 2 of the points (x, y), in order of x: the first and the last, and of each bucket its lowest and highest."""
    if len(points) <= 2 * buckets:
        return points
    low, high = points[0][0], points[-1][0]
    width = (high - low) / buckets or 1.0
    kept: dict[int, tuple[int, int]] = {}
    for i, (x, y) in enumerate(points):
        at = min(int((x - low) / width), buckets - 1)
        if at not in kept:
            kept[at] = (i, i)
            continue
        least, most = kept[at]
        kept[at] = (i if y < points[least][1] else least, i if y > points[most][1] else most)
    chosen = {0, len(points) - 1}
    for pair in kept.values():
        chosen.update(pair)
    return [points[i] for i in sorted(chosen)]


def svg(title: str, curves: list[tuple[str, list[tuple[float, float]]]]) -> str:
    """One chart of curves: (name, [(x, y)]). What is not finite is left out and counted in the title."""
    drawn, odd = [], 0
    for name, points in curves:
        finite = [(float(x), float(y)) for x, y in points if _fits(x) and _fits(y)]
        odd += len(points) - len(finite)
        finite.sort(key=lambda p: p[0])
        drawn.append((name, downsample(finite)))
    every = [p for _, points in drawn for p in points]
    label = title + (f" ({odd} not finite)" if odd else "")
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" style="color:inherit;margin:2px">'
        f'<title>{escape(label)}</title><g fill="currentColor" font-size="10" font-family="sans-serif">'
        f'<text x="{_LEFT}" y="13" font-size="12">{escape(label if len(label) <= 46 else label[:45] + "…")}</text>'
    )
    if not every:
        return head + f'<text x="{_LEFT}" y="{_HEIGHT // 2}">no finite points</text></g></svg>'
    x0, x1 = min(p[0] for p in every), max(p[0] for p in every)
    y0, y1 = min(p[1] for p in every), max(p[1] for p in every)
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def place(point: tuple[float, float]) -> tuple[float, float]:
        # Halves: the difference of two large floats may be infinite.
        fx = (point[0] / 2 - x0 / 2) / (x1 / 2 - x0 / 2) if x1 / 2 > x0 / 2 else 0.5
        fy = (point[1] / 2 - y0 / 2) / (y1 / 2 - y0 / 2) if y1 / 2 > y0 / 2 else 0.5
        return _LEFT + fx * (right - _LEFT), bottom - fy * (bottom - _TOP)

    marks = [
        f'<text x="{_LEFT - 4}" y="{_TOP + 6}" text-anchor="end">{y1:.4g}</text>', f'<text x="{_LEFT - 4}" y="{bottom}" text-anchor="end">{y0:.4g}</text>',
        f'<text x="{_LEFT}" y="{_HEIGHT - 7}">{x0:.6g}</text>', f'<text x="{right}" y="{_HEIGHT - 7}" text-anchor="end">{x1:.6g}</text></g>',
        f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="currentColor" stroke-opacity="0.4"/>',
    ]  # fmt: skip
    for i, (name, points) in enumerate(drawn):
        colour = _COLOURS[i % len(_COLOURS)]
        at = [place(p) for p in points]
        tip = f"<title>{escape(name)}</title>"
        if len(at) == 1:
            marks.append(f'<circle cx="{at[0][0]:.1f}" cy="{at[0][1]:.1f}" r="3" fill="{colour}">{tip}</circle>')
        elif at:
            line = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
            marks.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5">{tip}</polyline>')
    return head + "".join(marks) + "</svg>"


def _fits(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except (TypeError, OverflowError):
        return False


def table(head: Iterable[str], rows: list[list[Any]]) -> str:
    """A table of escaped texts, cut at ROWS rows."""
    titles = "".join(f'<th style="{_CELL};font-weight:600">{escape(h)}</th>' for h in head)
    body = "".join("<tr>" + "".join(f'<td style="{_CELL}">{escape(c)}</td>' for c in row) + "</tr>" for row in rows[:ROWS])
    more = f"<div>{len(rows) - ROWS} more rows</div>" if len(rows) > ROWS else ""
    return f'<table style="{_TABLE}"><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>{more}'


def _box(*parts: str) -> str:
    return '<div style="color:inherit;font-family:sans-serif;font-size:13px">' + "".join(parts) + "</div>"


def _row(*parts: str) -> str:
    return '<div style="display:flex;flex-wrap:wrap">' + "".join(parts) + "</div>"


def recorded_html(run: RecordedRun) -> str:
    """A recorded run, or one in progress: what it is, its params and metrics, and the curves of its first metrics."""
    facts = [run.status, run.experiment, run.group, f"started {run.started:%Y-%m-%d %H:%M:%S} UTC" if run.started else ""]
    if run.duration is not None:
        facts.append(f"{run.duration:.6g} s")
    head = f"<div><b>{escape(run.name or run.id)}</b> <code>{escape(run.id)}</code><br>{escape(' · '.join(f for f in facts if f))}</div>"
    note = f"<div>{escape(run.note[:500])}</div>" if run.note else ""
    tables = []
    if params := flatten(run.params):
        tables.append(table(("param", "value"), [[k, text(v)] for k, v in params.items()]))
    if run.metrics_summary:
        rows = [[k, text(m.get("last")), text(best(m)) if m.get("goal") else "", m.get("count", "")] for k, m in run.metrics_summary.items()]
        tables.append(table(("metric", "last", "best", "points"), rows))
    if run.tags:
        tables.append(table(("tag", "value"), [[k, v] for k, v in run.tags.items()]))
    keys = [k for k, m in run.metrics_summary.items() if m.get("count", 0) > 1]
    axes = {k: axis for k in keys if (axis := _axis(run, k)) in run.metrics_summary}
    curves = _curves(run, [*keys[:CURVES], *axes.values()])
    charts = [svg(f"{k} by {axes[k]}" if k in axes else k, [(k, _by(curves, k, axes.get(k)))]) for k in keys[:CURVES]]
    more = f"<div>{len(keys) - CURVES} more curves: run.metrics()</div>" if len(keys) > CURVES else ""
    return _box(head, note, _row(*tables), _row(*charts), more)


def _axis(run: RecordedRun, key: str) -> str | None:
    """The metric that the run has named as the x axis of a metric."""
    found = None
    for defined in run.record.get("defined") or ():
        name = str(defined.get("name", ""))
        if name == key:
            return defined.get("step_metric")
        if name.endswith("*") and key.startswith(name[:-1]):
            found = defined.get("step_metric")
    return found if found != key else None


def _curves(run: RecordedRun, keys: list[str]) -> dict[str, list[tuple[float, float]]]:
    curves: dict[str, list[tuple[float, float]]] = {k: [] for k in keys}
    if keys:
        points = run.metrics(*dict.fromkeys(keys), as_="dict")
        for key, step, value in zip(points["key"], points["step"], points["value"]):
            curves[key].append((step, value))
    return curves


def _by(curves: dict, key: str, axis: str | None) -> list[tuple[float, float]]:
    """The points of a metric over its steps, or over another metric's value at the same step, or the last one before it."""
    if axis is None:
        return curves[key]
    xs, at, x, points = curves[axis], 0, None, []
    for step, value in curves[key]:
        while at < len(xs) and xs[at][0] <= step:
            x, at = xs[at][1], at + 1
        if x is not None:
            points.append((x, value))
    return points


def run_html(run: Any) -> str:
    """The HTML of a run that this process records, or has finished: as recorded up to now. Never raises."""
    title = escape(getattr(run, "name", "") or "run")
    if run.disabled:
        return _box(f"<b>{title}</b>: disabled, nothing is recorded")
    import os

    from ._errors import Error
    from ._reader import load

    try:
        return recorded_html(load(run.run_id, os.path.dirname(run._runs) or None))
    except (Error, OSError) as e:
        return _box(f"<b>{title}</b>: {escape(e)}")


def list_html(runs: RunList) -> str:
    """A list of runs: one row each, with the params that differ and the metrics, and the curves of the first runs over one another."""
    if not runs:
        return _box("no runs")
    params = [flatten(r.params) for r in runs]
    names = dict.fromkeys(k for p in params for k in p)
    differ = [k for k in names if len(runs) == 1 or len({text(p.get(k, "")) for p in params}) > 1][:8]
    count: dict[str, int] = {}
    for r in runs:
        for k in r.metrics_summary:
            count[k] = count.get(k, 0) + 1
    has_goal = {k for r in runs for k, m in r.metrics_summary.items() if m.get("goal")}
    keys = sorted(count, key=lambda k: (k not in has_goal, -count[k], k))[:6]
    rows = []
    for r, p in zip(runs, params):
        started = f"{r.started:%Y-%m-%d %H:%M}" if r.started else ""
        rows.append([
            r.name or r.id.rsplit("-", 1)[-1], started, r.status, *(text(p[k]) if k in p else "" for k in differ),
            *(text(best(r.metrics_summary[k])) if k in r.metrics_summary else "" for k in keys),
        ])  # fmt: skip
    from ._errors import Error

    drawn: dict[str, list] = {k: [] for k in keys[:4]}
    problem = ""
    for r in runs[:LINES]:
        wanted = [k for k in drawn if r.metrics_summary.get(k, {}).get("count", 0) > 1]
        try:
            for k, points in _curves(r, wanted).items():
                drawn[k].append((r.name or r.id, points))
        except Error as e:
            problem = f"<div>{escape(e)}</div>"
    charts = [svg(k, curves) for k, curves in drawn.items() if curves]
    return _box(table(["run", "started", "status", *differ, *keys], rows), _row(*charts), problem)


def diff_html(diff: Diff) -> str:
    """What differs, as one table."""
    a, b = diff.names()
    problems = "".join(f"<div>{escape(p)}</div>" for p in diff.json.get("problems") or ())
    return _box(table(("", "", a, b, ""), [list(line) for line in diff.lines()]), problems)
