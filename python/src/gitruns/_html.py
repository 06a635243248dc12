"""What notebooks show: a table of a run and SVG curves of its metrics. All text is escaped, nothing is a script."""

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
_STYLE = "border-collapse:collapse;font:12px/1.4 system-ui,sans-serif"
_CELL = "padding:2px 8px;text-align:left;border-bottom:1px solid #8884"


def escape(value: Any) -> str:
    """Text for HTML: markup escaped, control and direction-changing characters taken out, cut to 300 characters."""
    text = str(value)
    text = "".join(c if c.isprintable() else "\ufffd" for c in (text if len(text) <= 300 else text[:299] + "…"))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;").replace("'", "&#39;")


def number(value: Any) -> str:
    """A number in six digits."""
    if isinstance(value, str) or value is None:
        return escape("" if value is None else value)
    return escape(f"{value:.6g}" if isinstance(value, float) else value)


def table(rows: list[Any], head: list[Any] | None = None) -> str:
    """A table of cells that are HTML already."""
    out = [f'<table style="{_STYLE}">']
    if head:
        out.append("<tr>" + "".join(f'<th style="{_CELL}">{h}</th>' for h in head) + "</tr>")
    out += ["<tr>" + "".join(f'<td style="{_CELL}">{c}</td>' for c in row) + "</tr>" for row in rows]
    return "".join(out) + "</table>"


def thin(steps: list[Any], values: list[Any], n: int = _POINTS) -> tuple[list[Any], list[Any]]:
    """At most 2n points: the smallest and the largest of each of n stretches, in order."""
    finite = [(s, v) for s, v in zip(steps, values) if math.isfinite(v)]
    if len(finite) <= 2 * n:
        return [s for s, _ in finite], [v for _, v in finite]
    out = []
    for i in range(n):
        part = finite[i * len(finite) // n : (i + 1) * len(finite) // n]
        low = min(range(len(part)), key=lambda k: part[k][1])
        high = max(range(len(part)), key=lambda k: part[k][1])
        out += [part[k] for k in sorted({low, high})]
    return [s for s, _ in out], [v for _, v in out]


def curve(key: str, steps: list[Any], values: list[Any]) -> str:
    """One metric over its steps as an SVG of 220 x 70 pixels, with its last value in the title line."""
    last = values[-1] if values else float("nan")
    xs, ys = thin(steps, values)
    title = f"<title>{escape(key)}</title>"
    label = f'<text x="4" y="12" font-size="11" fill="currentColor">{escape(key if len(key) < 24 else "…" + key[-22:])}: {number(float(last))}</text>'
    line = ""
    if len(xs) == 1:
        line = f'<circle cx="{_WIDTH / 2}" cy="{_HEIGHT / 2 + 8}" r="2.5" fill="#3b82f6"/>'
    elif xs:
        x0, x1 = min(xs), max(xs)
        y0, y1 = min(ys), max(ys)
        dx = (x1 - x0) or 1
        # Halves keep the difference of the largest floats finite.
        dy = (y1 / 2 - y0 / 2) or 1
        points = " ".join(f"{4 + (x - x0) / dx * (_WIDTH - 8):.1f},{_HEIGHT - 4 - (y / 2 - y0 / 2) / dy * (_HEIGHT - 24):.1f}" for x, y in zip(xs, ys))
        line = f'<polyline points="{points}" fill="none" stroke="#3b82f6" stroke-width="1.5"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" style="margin:4px">{title}{label}{line}</svg>'


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[Any]:
    out = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            out += _flat(value, f"{prefix}{key}.")
        else:
            out.append((f"{prefix}{key}", value))
    return out


def run_html(run: Any) -> str:
    """A recorded run: what it is, params, summary, and curves of up to twelve metrics."""
    r = run.record
    rows = [["run", f"<b>{escape(run.name)}</b> ({escape(run.id)})"], ["status", escape(r["status"] + (f", {r['end_reason']}" if r.get("end_reason") else ""))]]
    rows += [[k, escape(r[k])] for k in ("experiment", "group", "note") if r.get(k)]
    for what in ("params", "summary", "tags"):
        flat = _flat(r.get(what) or {})
        rows += [[escape(f"{what}.{k}"), number(v)] for k, v in flat[:_ROWS]]
        if len(flat) > _ROWS:
            rows.append([what, f"… {len(flat) - _ROWS} more"])
    metrics = list(r.get("metrics") or {})
    curves = []
    if metrics:
        points: dict[str, Any] = {}
        try:
            lists = run.metrics(*metrics[:_CURVES], as_="lists")
        except Exception as e:
            rows.append(["metrics", escape(e)])
            lists = {"key": [], "step": [], "value": []}
        for key, step, value in zip(lists["key"], lists["step"], lists["value"]):
            steps, values = points.setdefault(key, ([], []))
            steps.append(step)
            values.append(value)
        curves = [curve(key, *points[key]) for key in metrics[:_CURVES] if key in points]
        if len(metrics) > _CURVES:
            curves.append(f"<p>… {len(metrics) - _CURVES} more metrics</p>")
    return "<div>" + table(rows) + "<div>" + "".join(curves) + "</div></div>"


def runs_html(runs: Any) -> str:
    """A list of runs: one row each, with the params that differ and up to six metrics."""
    shown = list(runs)[:_ROWS]
    params: dict[str, Any] = {}
    for r in shown:
        for k, v in _flat(r.record.get("params") or {}):
            params.setdefault(k, set()).add(repr(v))
    keys = [k for k, seen in params.items() if len(seen) > 1 or len(shown) == 1][:8]
    metrics = list(dict.fromkeys(k for r in shown for k in r.record.get("metrics") or {}))[:6]
    rows = []
    for r in shown:
        flat = dict(_flat(r.record.get("params") or {}))
        stats = r.record.get("metrics") or {}
        rows.append([escape(r.name), escape(r.record["status"]), escape(str(r.record.get("started", ""))[:19]), *[number(flat.get(k)) for k in keys], *[number(stats[k]["last"]) if k in stats else "" for k in metrics]])
    text = table(rows, ["run", "status", "started", *map(escape, keys), *map(escape, metrics)])
    left = len(runs) - len(shown)
    return text + (f"<p>… {left} more</p>" if left > 0 else "")


def diff_html(diff: Any) -> str:
    """Two runs beside each other: what differs."""
    rows = []
    for what in ("params", "metrics", "summary", "tags", "datasets", "artifacts", "environment"):
        for d in (diff.record.get(what) or [])[:_ROWS]:
            cells = [_side(d.get(side)) for side in ("a", "b")]
            rows.append([escape(what), escape(d.get("key", d.get("name", ""))), *cells, escape(d.get("verdict", ""))])
    source = diff.record.get("source") or {}
    rows += [["source", escape(f.get("path", "")), "", escape(f.get("change", "")), f"+{number(f.get('added', 0))} -{number(f.get('removed', 0))}"] for f in (source.get("files") or [])[:_ROWS]]
    names = [escape(diff._name(s)) for s in ("a", "b")]
    return table(rows, ["", "", *names, ""])


def _side(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get("best", value.get("last"))
    return number(value) if not isinstance(value, list) else escape(value)
