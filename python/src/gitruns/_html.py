"""The HTML that notebooks show: tables of runs, and curves of metrics as SVG.

All text goes through escape, and nothing is a script.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_WIDTH, _HEIGHT = 220, 70
_CURVES = 12
_POINTS = 200
_ROWS = 50
_SPARK_POINTS = 10_000  # approximate number of points read for a curve in a list; a longer one is thinned
_STYLE = "border-collapse:collapse;font:12px/1.4 system-ui,sans-serif"
_CELL = "padding:2px 8px;text-align:left;border-bottom:1px solid #8884"


def escape(value: Any) -> str:
    """Return text for HTML, escaped and cut to 300 characters.

    Unprintable characters are replaced.
    """
    text = str(value)
    text = "".join(c if c.isprintable() else "\ufffd" for c in (text if len(text) <= 300 else text[:299] + "…"))
    for c, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        text = text.replace(c, entity)
    return text


def number(value: Any) -> str:
    """Return a number in six digits, as HTML."""
    if isinstance(value, str) or value is None:
        return escape("" if value is None else value)
    return escape(f"{value:.6g}" if isinstance(value, float) else value)


def table(rows: list[Any], head: list[Any] | None = None) -> str:
    """Return a table of cells that are already HTML."""
    out = [f'<table style="{_STYLE}">']
    if head:
        out.append("<tr>" + "".join(f'<th style="{_CELL}">{h}</th>' for h in head) + "</tr>")
    out += ["<tr>" + "".join(f'<td style="{_CELL}">{c}</td>' for c in row) + "</tr>" for row in rows]
    return "".join(out) + "</table>"


def thin(steps: list[Any], values: list[Any], n: int = _POINTS) -> tuple[list[Any], list[Any]]:
    """Reduce points to at most 2n.

    The remaining points are the smallest and the largest of each of n intervals.
    """
    finite = [(s, v) for s, v in zip(steps, values) if math.isfinite(v) and math.isfinite(s)]
    if len(finite) <= 2 * n:
        return [s for s, _ in finite], [v for _, v in finite]
    out = []
    for i in range(n):
        part = finite[i * len(finite) // n : (i + 1) * len(finite) // n]
        low = min(range(len(part)), key=lambda k: part[k][1])
        high = max(range(len(part)), key=lambda k: part[k][1])
        out += [part[k] for k in sorted({low, high})]
    return [s for s, _ in out], [v for _, v in out]


def _line(xs: list[Any], ys: list[Any], width: int, height: int, above: int) -> str:
    """Return points as a line in SVG, or as a dot. above is the height of the title."""
    if len(xs) == 1:
        return f'<circle cx="{width / 2}" cy="{(height + above) / 2}" r="2.5" fill="#3b82f6"/>'
    if not xs:
        return ""
    x0, x1 = min(xs), max(xs)
    y0, y1 = min(ys), max(ys)
    # The difference of the largest floats is finite only if they are halved first.
    dx = (x1 / 2 - x0 / 2) or 1
    dy = (y1 / 2 - y0 / 2) or 1
    points = " ".join(
        f"{4 + (x / 2 - x0 / 2) / dx * (width - 8):.1f},{height - 4 - (y / 2 - y0 / 2) / dy * (height - above - 8):.1f}"
        for x, y in zip(xs, ys)
    )
    return f'<polyline points="{points}" fill="none" stroke="#3b82f6" stroke-width="1.5"/>'


def _svg(width: int, height: int, title: str, inner: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" style="margin:4px"><title>{escape(title)}</title>{inner}</svg>'
    )


def curve(key: str, steps: list[Any], values: list[Any], axis: str | None = None) -> str:
    """Return one metric as an SVG of 220 x 70 pixels.

    The title has its last value. axis is the name of the metric on the x axis, if that is not the step.
    """
    last = values[-1] if values else float("nan")
    text = f"{escape(key if len(key) < 24 else '…' + key[-22:])}: {number(float(last))}"
    label = f'<text x="4" y="12" font-size="11" fill="currentColor">{text}</text>'
    return _svg(
        _WIDTH, _HEIGHT, key + (f" by {axis}" if axis else ""), label + _line(*thin(steps, values), _WIDTH, _HEIGHT, 16)
    )


def spark(key: str, steps: list[Any], values: list[Any]) -> str:
    """Return one metric as an SVG of 90 x 22 pixels."""
    return _svg(90, 22, key, _line(*thin(steps, values, 40), 90, 22, 0))


def axis_of(run: Any, key: str) -> str | None:
    """Return the metric on the x axis of key, or None for the step.

    It is the metric that define_metric set for key, if the run has recorded that metric.
    """
    from re import DOTALL, fullmatch
    from re import escape as escape_re

    found = None
    for defined in run.record.get("defined") or ():
        name = str(defined.get("name", ""))
        if name == key:
            found = defined.get("step_metric")
            break
        if "*" in name and fullmatch(".*".join(map(escape_re, name.split("*"))), key, DOTALL):
            found = defined.get("step_metric")
    return found if found != key and found in (run.record.get("metrics") or {}) else None


def _curves(run: Any, keys: list[Any], every: int = 1) -> dict[str, tuple[list[Any], list[Any]]]:
    """Return the x and y of each metric that has points.

    x is the step, or the last value of the metric's axis up to that step. Of the points of a metric with different
    labels, these are those of the labels that most points have. Only every n-th point is read, where n is
    every. Raises the same errors as metrics().
    """
    axes = {k: a for k in keys if (a := axis_of(run, k))}
    lists = run._lists(list(dict.fromkeys([*keys, *axes.values()])), every)
    series: dict[str, dict[Any, list[Any]]] = {}
    labels = lists.get("labels") or [None] * len(lists["key"])
    for key, step, value, context in zip(lists["key"], lists["step"], lists["value"], labels):
        series.setdefault(key, {}).setdefault(context, []).append((step, value))
    points: dict[str, Any] = {key: max(of.values(), key=len) for key, of in series.items()}
    out = {}
    for key in keys:
        pairs = points.get(key) or []
        if key in axes:
            pairs = _over(pairs, points.get(axes[key]) or [])
        if pairs:
            out[key] = ([x for x, _ in pairs], [y for _, y in pairs])
    return out


def _over(pairs: list[Any], axis: list[Any]) -> list[Any]:
    """Replace the steps of points with another metric's values, and sort by them.

    Both lists are (step, value), sorted by step.
    """
    at, x, out = 0, None, []
    for step, value in pairs:
        while at < len(axis) and axis[at][0] <= step:
            x, at = axis[at][1], at + 1
        if x is not None and math.isfinite(x):
            out.append((x, value))
    return sorted(out, key=lambda p: p[0])


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[Any]:
    out = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            out += _flat(value, f"{prefix}{key}.")
        else:
            out.append((f"{prefix}{key}", value))
    return out


def run_html(run: Any) -> str:
    """Return a recorded run as HTML.

    It shows the name, status, params and summary, and the curves of up to twelve metrics.
    """
    r = run.record
    rows = [
        ["run", f"<b>{escape(run.name)}</b> ({escape(run.id)})"],
        ["status", escape(r["status"] + (f", {r['end_reason']}" if r.get("end_reason") else ""))],
    ]
    rows += [[k, escape(r[k])] for k in ("experiment", "group", "note") if r.get(k)]
    for what in ("params", "summary", "tags"):
        flat = _flat(r.get(what) or {})
        rows += [[escape(f"{what}.{k}"), number(v)] for k, v in flat[:_ROWS]]
        if len(flat) > _ROWS:
            rows.append([what, f"… {len(flat) - _ROWS} more"])
    metrics = list(r.get("metrics") or {})
    curves = []
    if metrics:
        try:
            drawn = _curves(run, metrics[:_CURVES])
        except Exception as e:
            rows.append(["metrics", escape(e)])
            drawn = {}
        curves = [curve(key, *points, axis_of(run, key)) for key, points in drawn.items()]
        if len(metrics) > _CURVES:
            curves.append(f"<p>… {len(metrics) - _CURVES} more metrics</p>")
    return "<div>" + table(rows) + "<div>" + "".join(curves) + "</div></div>"


def runs_html(runs: Any) -> str:
    """Return the first 50 runs of a list as HTML.

    A row has the params that differ, up to six metrics, and the curve of the primary metric.
    """
    shown = list(runs)[:_ROWS]
    params: dict[str, Any] = {}
    for r in shown:
        for k, v in _flat(r.record.get("params") or {}):
            params.setdefault(k, set()).add(repr(v))
    keys = [k for k, seen in params.items() if len(seen) > 1 or len(shown) == 1][:8]
    metrics = list(dict.fromkeys(k for r in shown for k in r.record.get("metrics") or {}))[:6]
    drawn = _primary(shown)
    rows = []
    for r in shown:
        flat = dict(_flat(r.record.get("params") or {}))
        stats = r.record.get("metrics") or {}
        rows.append(
            [
                escape(r.name),
                escape(r.record["status"]),
                escape(str(r.record.get("started", ""))[:19]),
                *[number(flat.get(k)) for k in keys],
                *[number(stats[k]["last"]) if k in stats else "" for k in metrics],
                *([_spark(r, drawn)] if drawn else []),
            ]
        )
    text = table(
        rows,
        ["run", "status", "started", *map(escape, keys), *map(escape, metrics), *([escape(drawn)] if drawn else [])],
    )
    left = len(runs) - len(shown)
    return text + (f"<p>… {left} more</p>" if left > 0 else "")


def _primary(runs: list[Any]) -> str:
    """Return the primary metric, as `runs ls` chooses it.

    It is the metric that most runs have, or '' if no metric has several points. If several are equal, one with a goal
    comes first, then a validation metric, then the first by name.
    """
    score: dict[str, int] = {}
    several = set()
    for r in runs:
        for key, stats in (r.record.get("metrics") or {}).items():
            lower = key.lower()
            rank = 4 * bool(stats.get("goal")) + 2 * ("val" in lower or "test" in lower)
            score[key] = max(score.get(key, 0) % 8, rank) + 8 * (score.get(key, 0) // 8 + 1)
            if stats.get("count", 0) > 1:
                several.add(key)
    return min(several, key=lambda k: (-score[k], k), default="")


def _spark(run: Any, key: str) -> str:
    metrics = run.record.get("metrics") or {}
    if key not in metrics:
        return ""
    points = sum(metrics[k].get("count", 0) for k in (key, axis_of(run, key)) if k)
    try:
        return spark(key, *_curves(run, [key], points // _SPARK_POINTS + 1)[key])
    except Exception:  # if the points cannot be read, the row still has the run's numbers
        return ""


def diff_html(diff: Any) -> str:
    """Return the differences of two runs as HTML."""
    rows = []
    for what in ("params", "metrics", "summary", "tags", "datasets", "artifacts", "environment"):
        for d in (diff.record.get(what) or [])[:_ROWS]:
            cells = [_side(d.get(side)) for side in ("a", "b")]
            rows.append([escape(what), escape(d.get("key", d.get("name", ""))), *cells, escape(d.get("verdict", ""))])
    source = diff.record.get("source") or {}
    rows += [
        [
            "source",
            escape(f.get("path", "")),
            "",
            escape(f.get("change", "")),
            f"+{number(f.get('added', 0))} -{number(f.get('removed', 0))}",
        ]
        for f in (source.get("files") or [])[:_ROWS]
    ]
    names = [escape(diff._name(s)) for s in ("a", "b")]
    return table(rows, ["", "", *names, ""])


def _side(value: Any) -> str:
    if isinstance(value, Mapping) and "values" in value:  # a param that varies within a group
        return ", ".join(_side(item) for item in value["values"])
    if isinstance(value, Mapping):  # a metric: the value that was compared
        value = value.get("value", value.get("last"))
    return number(value) if not isinstance(value, list) else escape(value)
