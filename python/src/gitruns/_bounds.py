"""What one line of a journal, and one run, can hold: records are divided, and only what fits nowhere is left out."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from collections.abc import Iterator
    from typing import Any, Callable

MAX_VALUE = 1 << 20  # bytes of one value as JSON; a record that is shorter as a whole is one line
MAX_LINE = 8 << 20  # bytes; readers take lines of 16 MiB
MAX_KEYS = 10_000  # metrics of a run, and as many keys of other values
MAX_PARAMS = 9_990  # values of a config, lists and tables and what is in them; the record holds 10,000
MAX_NODES = 9_000  # values of one line that the record takes in; readers take 10,000
MAX_SUMMARY = 5_000  # keys of a summary
_RECORD = ("p", "set", "summary")
_DIVISIBLE = ("p", "set", "summary", "values", "tags")


def size(value: Any) -> int:
    """Bytes of a value as the record holds it."""
    import json

    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def divided(record: dict[str, Any], left_out: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """A record as several, each small enough for a line. left_out is told the dotted key of a value that is too large."""
    frame = {k: v for k, v in record.items() if k not in _DIVISIBLE}
    if size(frame) > MAX_LINE:
        left_out(", ".join(frame))
        return
    some = False
    for kind in _DIVISIBLE:
        part: dict[str, Any] = {}
        length = count = 0
        for path, value in _leaves(record.get(kind) or {}, ()):
            n, parts = size(value), nodes(value) + len(path) - 1 if kind in _RECORD else 0
            if n > MAX_VALUE or parts > MAX_NODES:
                left_out(".".join(path))
                continue
            n += sum(len(k) for k in path) * 6 + 16
            if part and (length + n > MAX_LINE or count + parts > MAX_NODES):
                yield {**frame, kind: part}
                part, length, count = {}, 0, 0
            length += n
            count += parts
            table = part
            for key in path[:-1]:
                table = table.setdefault(key, {})
            table[path[-1]] = value
        if part:
            yield {**frame, kind: part}
            some = True
    if not some and not any(kind in record for kind in _DIVISIBLE):
        yield frame


def _leaves(values: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value and (not path or "_type" not in value):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def small(record: dict[str, Any], text: str) -> bool:
    """Whether a record, whose JSON is text, is one line as it is."""
    return len(text) <= MAX_VALUE and (
        len(text) <= 2 * MAX_NODES or sum(nodes(record[kind]) for kind in _RECORD if kind in record) <= MAX_NODES
    )


def nodes(value: Any) -> int:
    """How many values a record counts in this one: itself, and what is in lists and tables."""
    if isinstance(value, dict):
        return 1 + sum(nodes(v) for v in value.values())
    if isinstance(value, list):
        return 1 + sum(nodes(v) for v in value)
    return 1


def within(values: dict[str, Any], room: int, left_out: list[str], path: str = "") -> tuple[dict[str, Any], int]:
    """As much of params as room is for, and the room that is left then. The dotted keys of the others go to left_out."""
    kept: dict[str, Any] = {}
    for key, value in values.items():
        n = nodes(value)
        if n <= room:
            kept[key] = value
            room -= n
        elif isinstance(value, dict) and room > 1:
            part, room = within(value, room - 1, left_out, path + key + ".")
            if part:
                kept[key] = part
        else:
            left_out.append(path + key)
    return kept, room


def named(keys: list[str]) -> str:
    """The first of some keys, and how many more there are."""
    more = len(keys) - 3
    return ", ".join(k[:60] for k in keys[:3]) + (f" and {more:,} more" if more > 0 else "")
