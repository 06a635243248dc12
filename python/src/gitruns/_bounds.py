"""Bounds of a journal line and of a run.

A record that is too long for one line is divided; only a value that fits into no line is left out. Imports no other
module of the package. The bounds are those of the format (SPEC): change both together.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from collections.abc import Iterator
    from typing import Any, Callable

MAX_VALUE = 1 << 20  # bytes of one value as JSON; a shorter record is one line
MAX_LINE = 8 << 20  # bytes; a reader accepts lines of 16 MiB
MAX_KEYS = 10_000  # metrics of a run, and as many keys of non-numeric values
MAX_PARAMS = 9_990  # values of a config, counting lists, tables and their items; a record holds 10,000
MAX_NODES = 9_000  # maximum number of values that one line adds to the record; a reader accepts 10,000
MAX_SUMMARY = 5_000  # keys of a summary
_RECORD = ("p", "set", "summary")
_DIVISIBLE = ("p", "set", "summary", "values", "tags")


def size(value: Any) -> int:
    """Return the size in bytes of a value as JSON."""
    import json

    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def divided(record: dict[str, Any], left_out: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Divide a record into several, each small enough for one line.

    Calls left_out with the dotted key of each value that is too large for any line.
    """
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
    """Report whether a record, whose JSON is text, fits into one line."""
    return len(text) <= MAX_VALUE and (
        len(text) <= 2 * MAX_NODES or sum(nodes(record[kind]) for kind in _RECORD if kind in record) <= MAX_NODES
    )


def nodes(value: Any) -> int:
    """Count the values in value as a record does.

    It counts value itself and the items of its lists and tables.
    """
    if isinstance(value, dict):
        return 1 + sum(nodes(v) for v in value.values())
    if isinstance(value, list):
        return 1 + sum(nodes(v) for v in value)
    return 1


def within(values: dict[str, Any], room: int, left_out: list[str], path: str = "") -> tuple[dict[str, Any], int]:
    """Return the params that fit into room, and the room that is left.

    room is a number of values. The dotted keys of the params that do not fit are appended to left_out.
    """
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


def not_recorded(keys: list[str], why: str) -> str:
    """Return the warning about values that a run cannot hold."""
    return f"{named(keys)} {'was' if len(keys) == 1 else 'were'} not recorded: {why} (counted in the tag lost_rows)"


def named(keys: list[str]) -> str:
    """Return the first three keys and the number of the others, as text."""
    more = len(keys) - 3
    return ", ".join(k[:60] for k in keys[:3]) + (f" and {more:,} more" if more > 0 else "")
