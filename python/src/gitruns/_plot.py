"""gitruns.plot: charts. A chart is a Table, kept as Parquet, and a Vega-Lite specification (version 5) with its data.

A new chart is a function that returns a Chart.
"""

from __future__ import annotations

from ._media import Media, Place, to_list
from ._messages import warn_once
from ._table import Table, items_of

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
MAX_INLINE = 10_000  # rows in the specification; the Parquet file has all rows
MAX_POINTS = 1000  # points of a curve
_COMPOSED = {"hconcat", "vconcat", "concat", "facet", "repeat"}


class Chart(Media):
    """A table and the specification that draws it.

    log() keeps it as <key>.parquet and <key>.vl.json. If the table has more than 10,000 rows, the specification has
    only evenly spaced rows of it.
    """

    def __init__(self, table: Table, spec: dict[str, Any], title: str | None = None, given: bool = False) -> None:
        self.table = table
        self.spec = spec
        self._given = given  # the specification is the caller's, and its fields are the names of the columns
        self.title = title or ""
        self.caption = self.title

    def _put(self, place: Place) -> str:
        import json

        self.table._put(place)
        columns, _ = self.table._cells(None)
        names = [str(c) if self._given else _name(str(c)) for c in self.table.columns]
        rows = [dict(zip(names, (_finite(v) for v in row))) for row in zip(*columns)]
        title: Any = self.title
        if len(rows) > MAX_INLINE:
            title = {"text": self.title, "subtitle": f"{MAX_INLINE:,} of {len(rows):,} rows"}
            rows = [rows[i * len(rows) // MAX_INLINE] for i in range(MAX_INLINE)]
        # A specification composed of several views has no size of its own.
        size = {} if _COMPOSED & set(self.spec) else {"width": 480, "height": 320}
        spec = {"$schema": SCHEMA, **({"title": title} if title else {}), **size, "data": {"values": rows}, **self.spec}
        return place.put(
            ".vl.json",
            "plot",
            json.dumps(spec, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace"),
            caption=self.caption,
        )


def _finite(v: Any) -> Any:
    if isinstance(v, float) and v - v != 0:
        return None  # JSON has no NaN
    if isinstance(v, (list, tuple)):
        return [_finite(x) for x in v]
    if isinstance(v, dict):
        return {str(k): _finite(x) for k, x in v.items()}
    return v


def _name(column: str) -> str:
    """Return a column's name in the rows of the specification.

    Characters that Vega's paths and expressions cannot escape are percent-encoded.
    """
    if column.startswith("__"):  # JavaScript objects already have a __proto__
        column = "%5f" + column[1:].replace("%", "%25")
    elif "%" in column:
        column = column.replace("%", "%25")
    return "".join(f"%{ord(c):02x}" if c in "\\\"'" or c < " " else c for c in column)


def _path(name: str) -> str:
    # Vega-Lite reads dots and brackets in a field's name as paths.
    return name.replace("\\", "\\\\").replace(".", "\\.").replace("[", "\\[").replace("]", "\\]")


def _field(name: str, kind: str, **more: Any) -> dict[str, Any]:
    # The title is part of the tooltip's expression, which allows neither backslashes nor line feeds.
    title = "".join("\u2216" if c == "\\" else " " if c < " " else c for c in name)
    return {"field": _path(_name(name)), "type": kind, "title": title, **more}


def _kind(table: Table, name: str) -> str:
    cells = [c for c in table.get_column(name) if c is not None and c == c]
    if cells and all(hasattr(c, "isoformat") and hasattr(c, "year") for c in cells):
        return "temporal"
    try:
        return (
            "quantitative"
            if cells and all(not isinstance(c, str) and float(c) is not None for c in cells)
            else "nominal"
        )
    except (TypeError, ValueError):
        return "nominal"


def _table(table: Any, *names: Any) -> Table:
    if table is None:
        raise TypeError("missing table: give a Table, a data frame or rows")
    if isinstance(table, Table):
        made = table
    else:
        made = Table(dataframe=table) if hasattr(table, "columns") else Table(data=table)
    for name in names:
        if name is not None and name not in made.columns:
            raise ValueError(f"the table has no column {name!r}; it has {', '.join(map(str, made.columns))}")
    return made


def line(
    table: Any, x: str, y: str, stroke: str | None = None, title: str | None = None, split_table: bool = False
) -> Chart:
    """Draw lines of column y over column x, one line for each value of column stroke.

    Raises ValueError if there is no such column.
    """
    table = _table(table, x, y, stroke)
    encoding = {"x": _field(x, _kind(table, x)), "y": _field(y, "quantitative")}
    if stroke is not None:
        encoding["color"] = _field(stroke, "nominal")
    return Chart(table, {"mark": {"type": "line", "tooltip": True}, "encoding": encoding}, title)


def line_series(
    xs: Any, ys: Any, keys: Any = None, title: str | None = None, xname: str | None = None, split_table: bool = False
) -> Chart:
    """Draw the lines ys[i] over xs.

    xs is one list for all lines, or one list for each. keys are the names of the lines. Raises ValueError if the
    lengths do not match.
    """
    lines = [to_list(_items("a line of ys", y)) for y in _items("ys", ys)]
    given = _items("xs", xs)
    if given and hasattr(given[0], "__len__") and not isinstance(given[0], str):
        axes = [to_list(x) for x in given]
    else:
        axes = [to_list(given)] * len(lines)
    names = [str(k) for k in keys] if keys is not None else [f"line_{i}" for i in range(len(lines))]
    if not len(axes) == len(lines) == len(names):
        raise ValueError(
            "line_series: xs, ys and keys must have equal lengths, "
            f"got {len(axes)} lists of x, {len(lines)} of y and {len(names)} keys"
        )
    for x, y in zip(axes, lines):
        if len(x) != len(y):
            raise ValueError(f"line_series: a line must have as many x as y, got {len(x)} x and {len(y)} y")
    rows = [[x, name, y] for name, xx, yy in zip(names, axes, lines) for x, y in zip(xx, yy)]
    xname = xname or "x"
    yname = "y" if xname != "y" else "value"
    key = "key" if xname != "key" else "line"
    return line(Table(columns=[xname, key, yname], data=rows), xname, yname, key, title)


def bar(table: Any, label: str, value: str, title: str | None = None, split_table: bool = False) -> Chart:
    """Draw a bar of column value for each value of column label."""
    table = _table(table, label, value)
    encoding = {"x": _field(value, "quantitative"), "y": _field(label, "nominal", sort=None)}
    return Chart(table, {"mark": {"type": "bar", "tooltip": True}, "encoding": encoding}, title)


def scatter(table: Any, x: str, y: str, title: str | None = None, split_table: bool = False) -> Chart:
    """Draw a point for each row at columns x and y."""
    table = _table(table, x, y)
    encoding = {
        "x": _field(x, _kind(table, x), scale={"zero": False}),
        "y": _field(y, _kind(table, y), scale={"zero": False}),
    }
    for axis in encoding.values():
        if axis["type"] != "quantitative":
            del axis["scale"]
    return Chart(table, {"mark": {"type": "point", "tooltip": True}, "encoding": encoding}, title)


def histogram(table: Any, value: str, title: str | None = None, split_table: bool = False) -> Chart:
    """Draw a histogram of column value."""
    table = _table(table, value)
    encoding = {
        "x": _field(value, "quantitative", bin={"maxbins": 30}),
        "y": {"aggregate": "count", "type": "quantitative", "title": "count"},
    }
    return Chart(table, {"mark": {"type": "bar", "tooltip": True}, "encoding": encoding}, title)


def _items(name: str, values: Any) -> list[Any]:
    """Return the values of a sequence or an array.

    Raises TypeError for anything else.
    """
    return items_of(values.tolist() if hasattr(values, "tolist") else values, f"{name} must be a sequence or an array")


def _rows(name: str, values: Any) -> list[list[Any]]:
    """Return the rows of an array of shape (rows, classes).

    Raises TypeError if it is not an array, and ValueError if it has another shape.
    """
    rows = _items(name, values)
    if any(isinstance(r, (str, bytes, dict)) or not hasattr(r, "__iter__") for r in rows):
        raise ValueError(f"{name} must have the shape (rows, classes): for each row a list with one score per class")
    return [_items(name, r) for r in rows]


def _sorted(name: str, classes: list[Any]) -> list[Any]:
    """Return each class once, in order.

    Raises ValueError if the classes cannot be ordered.
    """
    try:
        return sorted(set(classes))
    except TypeError:
        raise ValueError(f"{name} must have the shape (rows,) and classes of one type, numbers or strings") from None


def _score(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"y_probas must hold numbers, got {value!r:.60}") from None


def _classes(y_true: Any, y_probas: Any, labels: Any, classes_to_plot: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """Return the true classes, the scores of each class to plot, and all classes.

    The scores are [(name, class, scores)].
    """
    true = _items("y_true", y_true)
    rows = _rows("y_probas", y_probas)
    if not true or len(true) != len(rows):
        raise ValueError(
            f"y_true and y_probas must have equal lengths, got {len(true)} classes and {len(rows)} rows of scores"
        )
    width = len(rows[0])
    if any(len(r) != width for r in rows):
        raise ValueError("y_probas must have the shape (rows, classes), but its rows have different lengths")
    present = _sorted("y_true", true)
    # Numbers below the width are indexes of columns. Any other classes are the columns in their order.
    ids = list(range(width)) if all(isinstance(c, int) and 0 <= c < width for c in present) else present
    if len(ids) != width:
        raise ValueError(
            f"y_probas must have one column per class of y_true, got {width} columns and {len(ids)} classes"
        )
    names = [str(n) for n in labels] if labels is not None else [str(i) for i in ids]
    if len(names) < width:
        raise ValueError(f"labels must name every class, got {len(names)} labels and {width} classes")
    wanted = set(classes_to_plot) if classes_to_plot is not None else set(ids)
    chosen = [(names[i], c, [_score(r[i]) for r in rows]) for i, c in enumerate(ids) if c in wanted]
    return true, chosen, ids


def _steps(true: list[Any], positive: Any, scores: list[Any]) -> list[Any]:
    """Return (true positives, false positives) at each threshold, highest first.

    The thresholds are the distinct scores.
    """
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    out, tp, fp = [], 0, 0
    for n, i in enumerate(order):
        if true[i] == positive:
            tp += 1
        else:
            fp += 1
        if n + 1 == len(order) or scores[order[n + 1]] != scores[i]:
            out.append((tp, fp))
    return out


def _thin(points: list[Any]) -> list[Any]:
    if len(points) <= MAX_POINTS:
        return points
    return [points[i * (len(points) - 1) // (MAX_POINTS - 1)] for i in range(MAX_POINTS)]


def roc_curve(
    y_true: Any = None,
    y_probas: Any = None,
    labels: Any = None,
    classes_to_plot: Any = None,
    title: str | None = None,
    split_table: bool = False,
) -> Chart:
    """Draw the ROC curve of each class against the others.

    A curve has at most 1,000 points.

    Args:
        y_true: The true class of each row.
        y_probas: The scores, of shape (rows, classes).
        labels: The names of the classes.
        classes_to_plot: The classes to draw. The default is all.
        title: The title of the chart.
        split_table: Not used.

    Raises:
        ValueError: The shapes do not match.
        TypeError: An argument is not a sequence.
    """
    true, chosen, _ = _classes(y_true, y_probas, labels, classes_to_plot)
    rows = []
    for name, c, scores in chosen:
        positives = sum(t == c for t in true)
        negatives = len(true) - positives
        if not positives or not negatives:
            warn_once(
                ("roc", name),
                f"roc_curve: class {name} has no curve, because it has no "
                f"{'positive' if not positives else 'negative'} row",
            )
            continue
        for tp, fp in _thin([(0, 0), *_steps(true, c, scores)]):
            rows.append([name, fp / negatives, tp / positives])
    chart = line(Table(columns=["class", "fpr", "tpr"], data=rows), "fpr", "tpr", "class", title or "ROC curve")
    chart.spec["encoding"]["x"].update(type="quantitative", title="False positive rate")
    chart.spec["encoding"]["y"]["title"] = "True positive rate"
    chart.spec["encoding"]["order"] = {"field": "tpr", "type": "quantitative"}
    return chart


def pr_curve(
    y_true: Any = None,
    y_probas: Any = None,
    labels: Any = None,
    classes_to_plot: Any = None,
    interp_size: int = 21,
    title: str | None = None,
    split_table: bool = False,
) -> Chart:
    """Draw the precision-recall curve of each class against the others.

    The value at a recall is the best precision at that recall or a higher one.

    Args:
        y_true: The true class of each row.
        y_probas: The scores, of shape (rows, classes).
        labels: The names of the classes.
        classes_to_plot: The classes to draw. The default is all.
        interp_size: The number of evenly spaced values of recall.
        title: The title of the chart.
        split_table: Not used.

    Raises:
        ValueError: The shapes do not match, or interp_size is below 2.
        TypeError: An argument is not a sequence.
    """
    if interp_size < 2:
        raise ValueError(f"pr_curve: interp_size must be 2 or more, got {interp_size}")
    true, chosen, _ = _classes(y_true, y_probas, labels, classes_to_plot)
    rows = []
    for name, c, scores in chosen:
        positives = sum(t == c for t in true)
        if not positives:
            warn_once(("pr", name), f"pr_curve: class {name} has no curve, because it has no positive row")
            continue
        points = [(tp / positives, tp / (tp + fp)) for tp, fp in _steps(true, c, scores)]
        best, at, made = 0.0, len(points) - 1, []
        for i in range(interp_size - 1, -1, -1):
            recall = i / (interp_size - 1)
            while at >= 0 and points[at][0] >= recall - 1e-12:
                best = max(best, points[at][1])
                at -= 1
            made.append([name, recall, best])
        rows += made[::-1]
    chart = line(
        Table(columns=["class", "recall", "precision"], data=rows),
        "recall",
        "precision",
        "class",
        title or "Precision v. recall",
    )
    chart.spec["encoding"]["x"]["type"] = "quantitative"
    return chart


def confusion_matrix(
    probs: Any = None,
    y_true: Any = None,
    preds: Any = None,
    class_names: Any = None,
    title: str | None = None,
    split_table: bool = False,
) -> Chart:
    """Draw a confusion matrix: the number of rows by true and predicted class.

    Args:
        probs: The scores, of shape (rows, classes). The highest score of a row is its prediction.
        y_true: The true class of each row.
        preds: The predicted class of each row, in place of probs.
        class_names: The names of the classes.
        title: The title of the chart.
        split_table: Not used.

    Raises:
        ValueError: Both or neither of probs and preds are given, or the lengths do not match.
        TypeError: An argument is not a sequence.
    """
    if (probs is None) == (preds is None):
        raise ValueError("confusion_matrix: give either preds or probs")
    if y_true is None:
        raise ValueError("confusion_matrix: missing y_true")
    if preds is None:
        preds = [max(range(len(r)), key=r.__getitem__) for r in _rows("probs", probs)]
    true = _items("y_true", y_true)
    predicted = _items("preds", preds)
    if len(true) != len(predicted):
        raise ValueError(
            "confusion_matrix: y_true and the predictions must have equal lengths, "
            f"got {len(true)} classes and {len(predicted)} predictions"
        )
    present = _sorted("y_true, with the predictions,", [*true, *predicted])
    if class_names is not None:
        names = [str(n) for n in class_names]
        if all(isinstance(c, int) and 0 <= c < len(names) for c in present):
            present = list(range(len(names)))
        elif len(present) > len(names):
            raise ValueError(
                "confusion_matrix: class_names must name every class, "
                f"got {len(names)} names and {len(present)} classes"
            )
    else:
        names = [str(c) if not isinstance(c, int) else f"Class_{c}" for c in present]
    count: dict[tuple[Any, Any], int] = {}
    for pair in zip(true, predicted):
        count[pair] = count.get(pair, 0) + 1
    data = [[names[i], names[j], count.get((a, b), 0)] for i, a in enumerate(present) for j, b in enumerate(present)]
    spec = {
        "encoding": {"x": _field("Predicted", "nominal", sort=None), "y": _field("Actual", "nominal", sort=None)},
        "layer": [
            {"mark": {"type": "rect", "tooltip": True}, "encoding": {"color": _field("nPredictions", "quantitative")}},
            {"mark": {"type": "text"}, "encoding": {"text": {"field": "nPredictions", "type": "quantitative"}}},
        ],
    }
    return Chart(Table(columns=["Actual", "Predicted", "nPredictions"], data=data), spec, title or "Confusion matrix")


def _filled(part: Any, fields: dict[str, Any], strings: dict[str, Any]) -> Any:
    """Return a part of a specification with its placeholders replaced.

    They are ${field:x} and ${string:x}.
    """
    if isinstance(part, dict):
        return {k: _filled(v, fields, strings) for k, v in part.items()}
    if isinstance(part, (list, tuple)):
        return [_filled(v, fields, strings) for v in part]
    if isinstance(part, str) and "${" in part:
        for name, column in fields.items():
            part = part.replace("${field:" + name + "}", _path(str(column)))
        for name, text in strings.items():
            part = part.replace("${string:" + name + "}", str(text))
    return part


def plot_table(
    vega_spec_name: Any = None,
    data_table: Any = None,
    fields: Any = None,
    string_fields: Any = None,
    split_table: bool = False,
) -> Chart:
    """Draw a table with a Vega-Lite specification or with one of W&B's own charts.

    Args:
        vega_spec_name: A Vega-Lite specification as a dict, or "wandb/line/v0", "wandb/bar/v0", "wandb/scatter/v0" or
            "wandb/histogram/v0". Any other chart is only on W&B's server. Then the table is drawn as points, with a
            warning.
        data_table: A Table, a data frame or rows.
        fields: The column for each field of the chart. In a specification, ${field:x} stands for fields["x"].
        string_fields: Texts of the chart. In a specification, ${string:x} stands for string_fields["x"].
        split_table: Not used.

    Raises:
        ValueError: There is no such column, or the specification is one of Vega instead of Vega-Lite.
    """
    fields, strings = dict(fields or {}), dict(string_fields or {})
    table = _table(data_table)
    title = strings.get("title")
    if isinstance(vega_spec_name, dict):
        if "/schema/vega/" in str(vega_spec_name.get("$schema", "")):
            raise ValueError("plot_table: the specification must be Vega-Lite, got Vega")
        table = _table(table, *fields.values())
        spec = {k: _filled(v, fields, strings) for k, v in vega_spec_name.items() if k not in ("$schema", "data")}
        return Chart(table, spec, title, given=True)
    name = str(vega_spec_name).partition("/")[2].rpartition("/")[0] if str(vega_spec_name).startswith("wandb/") else ""
    if name == "line" and {"x", "y"} <= set(fields):
        return line(table, fields["x"], fields["y"], fields.get("stroke"), title)
    if name == "bar" and {"label", "value"} <= set(fields):
        return bar(table, fields["label"], fields["value"], title)
    if name == "scatter" and {"x", "y"} <= set(fields):
        return scatter(table, fields["x"], fields["y"], title)
    if name == "histogram" and "value" in fields:
        return histogram(table, fields["value"], title)
    warn_once(
        ("spec", vega_spec_name),
        f"plot_table: the chart {vega_spec_name!r} is only on W&B's server, so the table is drawn as points; "
        "to draw it otherwise, give a Vega-Lite specification as a dict",
    )
    columns = [c for c in fields.values() if c in table.columns] or list(table.columns)
    if len(columns) < 2:
        return histogram(table, columns[0], title)
    return scatter(table, columns[0], columns[1], title)
