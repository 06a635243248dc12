"""The rows of log(): divides a row into numbers, other values and media, and writes the media.

To support a new kind of value, start in `_other`. _values decides what a single value becomes. Libraries that the
program has not imported are never imported here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from ._messages import warn_once
from ._values import MAX_DEPTH, MAX_LIST, MAX_NODES, is_array, key_of, long_text, number_of, plain, repr_of

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


def split(
    data: Mapping[str, Any], prefix: str = "", into: tuple[Any, ...] | None = None, path: tuple[int, ...] = ()
) -> tuple[Any, ...]:
    """Divide one row into its numbers, values and media.

    Returns ({key: number}, {key: JSON value}, [(key, media)], count, [(key, number or value)]). The last list has what
    the row has under a key that comes again, as in {"m": {"x": 1}, "m.x": 2}, in the order of the row. A nested mapping
    becomes dotted keys; path holds the ids of the mappings around this one. Raises TypeError if a key of the row is not
    a string.
    """
    numbers, values, media, seen, again = into or ({}, {}, [], [0], [])
    for key, value in data.items():
        if not isinstance(key, str):
            if not path:
                raise TypeError(f"log: a key must be a string, got {type(key).__name__} ({repr_of(key)})")
            key = repr_of(key)
        name = key_of(prefix + key)
        seen[0] += 1
        if seen[0] > MAX_NODES:
            warn_once("nodes", f"a row has more than {MAX_NODES:,} values; the others were left out")
            break
        if (name in numbers or name in values) and not isinstance(value, Mapping):
            again.append((name, numbers.pop(name) if name in numbers else values.pop(name)))
        try:
            number = number_of(value)
            if number is not None:
                if type(number) is int and abs(number) >= 1 << 1000:
                    values[name] = repr_of(number)
                else:
                    numbers[name] = float(number) if type(number) is int and abs(number) >= 1 << 53 else number
            elif isinstance(value, str):
                values[name] = long_text(str(value), name)
            elif value is None:
                values[name] = None
            elif getattr(type(value), "_gitruns_media", False):
                media.append((name, value))
            elif isinstance(value, Mapping) and id(value) in path:
                warn_once("cycle", "a value contains itself; it was cut there")
                values[name] = "…"
            elif isinstance(value, Mapping):
                if len(path) < MAX_DEPTH:
                    split(value, name + ".", (numbers, values, media, seen, again), (*path, id(value)))
                else:
                    values[name] = "…"
            elif isinstance(value, (list, tuple)) and any(getattr(type(v), "_gitruns_media", False) for v in value):
                media.append((name, value))
            else:
                _other(name, value, values, media)
        except Exception as e:  # an object may raise anything here; training continues
            warn_once(
                ("value", name),
                f"{name} was recorded as its repr: reading it raised {type(e).__name__}: {repr_of(e)[:100]}",
            )
            values[name] = repr_of(value)
    return numbers, values, media, seen, again


_FRAMES = ("pandas", "polars")
_DRAWN = ("matplotlib", "PIL", "plotly", "bokeh", "moviepy", *_FRAMES)


def _library(value: Any) -> str:
    """Return the library of a value's type, or of a module.

    The module pyplot stands for its figure.
    """
    return ((value.__name__ if type(value) is type(sys) else type(value).__module__) or "").partition(".")[0]


def _adopted(value: Any) -> Any:
    if _library(value) not in _DRAWN:
        return None
    from ._table import adopt

    return adopt(value)


def _other(name: str, value: Any, values: dict[str, Any], media: list[Any]) -> None:
    if _library(value) in _FRAMES and type(value).__name__ == "Series":
        value = value.tolist() if hasattr(value, "tolist") else value.to_list()
    if (
        isinstance(value, (list, tuple))
        and _adopted(next((v for v in value if _library(v) in _DRAWN), None)) is not None
    ):
        media.append((name, value))
        return
    if isinstance(value, (list, tuple, set, frozenset)):
        if len(value) > MAX_LIST and all(type(v) in (int, float) for v in value):
            values[name] = _histogram(name, value)
        else:
            values[name] = plain(value)
        return
    if is_array(value) and _library(value) not in _FRAMES:
        count = 1
        for n in value.shape:
            count *= int(n)
        values[name] = plain(value.tolist()) if count <= MAX_LIST else _histogram(name, value)
        return
    adopted = _adopted(value)
    if adopted is not None:
        media.append((name, adopted))
        return
    if hasattr(value, "__fspath__") or hasattr(value, "isoformat") or type(value).__name__ == "Decimal":
        values[name] = plain(value)
        return
    warn_once(
        ("value", name),
        f"{name} was recorded as its repr: {type(value).__name__} is not a number, text, list or media",
    )
    values[name] = repr_of(value)


def _histogram(name: str, value: Any) -> Any:
    from ._media import histogram_of

    return histogram_of(name, value)


def log_media(run: Any, key: str, value: Any, step: int) -> None:
    """Write the media logged under key at step: one object or a list of them.

    Raises nothing. Media that cannot be written are recorded as their repr, with one warning per key.
    """
    if run.disabled:
        return
    from ._media import Histogram, Place, Unreadable, _failure, warn_non_finite
    from ._table import adopt

    several = isinstance(value, (list, tuple))
    items = list(value) if several else [value]
    values = []
    for n, item in enumerate(items):
        try:
            if not getattr(type(item), "_gitruns_media", False):
                adopted = adopt(item)
                if adopted is None:
                    values.append(plain(item))
                    continue
                item = adopted
            if item._error:
                raise Unreadable(item._error)
            if isinstance(item, Histogram):
                warn_non_finite(key, item.non_finite)
                values.append(item._value())
            else:
                item._put(Place(run, key, step, n))
        except Exception as e:
            warn_once(("media", key), f"{key} was recorded as its repr: {_failure(e)}")
            values.append(repr_of(items[n]))
    if values:
        run._write({"step": step, "values": {key: values if several and len(items) > 1 else values[0]}})
