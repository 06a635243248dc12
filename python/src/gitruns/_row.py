"""One row that was logged: divided into numbers, other values and media, and the media written."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from ._say import once
from ._values import MAX_DEPTH, MAX_LIST, MAX_NODES, is_array, key_of, long_text, number_of, plain, repr_of

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any


def split(
    data: Mapping[str, Any], prefix: str = "", into: tuple[Any, ...] | None = None, path: tuple[int, ...] = ()
) -> tuple[Any, ...]:
    """Divide one row into numbers, other values, and media: ({key: number}, {key: JSON}, [(key, media)]).

    A nested mapping gives dotted keys; path are the ids of those around it. Raises TypeError for a key that is no text.
    """
    numbers, values, media, seen = into or ({}, {}, [], [0])
    for key, value in data.items():
        if not isinstance(key, str):
            if not path:
                raise TypeError(f"log: a key is text, not {type(key).__name__} ({repr_of(key)})")
            key = repr_of(key)
        name = key_of(prefix + key)
        seen[0] += 1
        if seen[0] > MAX_NODES:
            once("nodes", f"a row has more than {MAX_NODES:,} values: those behind are cut")
            break
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
                once("cycle", "a value holds itself: it is cut there")
                values[name] = "…"
            elif isinstance(value, Mapping):
                if len(path) < MAX_DEPTH:
                    split(value, name + ".", (numbers, values, media, seen), (*path, id(value)))
                else:
                    values[name] = "…"
            elif isinstance(value, (list, tuple)) and any(getattr(type(v), "_gitruns_media", False) for v in value):
                media.append((name, value))
            else:
                _other(name, value, values, media)
        except Exception as e:  # whatever an object does when it is looked at, training goes on
            once(
                ("value", name),
                f"{name} cannot be recorded as it is ({type(e).__name__}: {repr_of(e)[:100]}); its repr is kept",
            )
            values[name] = repr_of(value)
    return numbers, values, media


_FRAMES = ("pandas", "polars")
_DRAWN = ("matplotlib", "PIL", "plotly", "bokeh", "moviepy", *_FRAMES)


def _library(value: Any) -> str:
    """The library that a value's type is of; of a module itself, as pyplot, which stands for its figure."""
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
    once(("value", name), f"{name} is a {type(value).__name__}, no number, text, list or media: its repr is kept")
    values[name] = repr_of(value)


def _histogram(name: str, value: Any) -> Any:
    from ._media import histogram_of

    return histogram_of(name, value)


def log_media(run: Any, key: str, value: Any, step: int) -> None:
    """Write what was logged under key at step: one object of media or a list of them. Raises nothing: what cannot be
    written is said once a key, and its repr is kept."""
    if run.disabled:
        return
    from ._media import Histogram, Place, _failure, say_odd
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
                raise ValueError(item._error)
            if isinstance(item, Histogram):
                say_odd(key, item.odd)
                values.append(item._value())
            else:
                item._put(Place(run, key, step, n))
        except Exception as e:
            once(("media", key), f"{key} is not kept as a file ({_failure(e)}); its repr is")
            values.append(repr_of(items[n]))
    if values:
        run._write({"step": step, "values": {key: values if several and len(items) > 1 else values[0]}})
