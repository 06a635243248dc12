"""A small writer of Parquet, for tables of up to a few million rows.

Columns are optional, of type int64, double, boolean or string, in PLAIN encoding without compression. A page has
about 1 MiB, a row group at most 131,072 rows. Imports no other module of the package.
"""

from __future__ import annotations

import json
import sys
from array import array
from struct import pack

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_ROWS = 1 << 17
_PAGE_ROWS = 1 << 14
_PAGE_BYTES = 1 << 20
_BOOLEAN, _INT64, _DOUBLE, _BYTES = 0, 2, 5, 6
_PHYSICAL = {"bool": _BOOLEAN, "int": _INT64, "float": _DOUBLE, "text": _BYTES, "json": _BYTES}


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def _zigzag(n: int) -> bytes:
    return _varint((n << 1) ^ (n >> 63))


def _struct(*fields: tuple[Any, ...]) -> bytes:
    """Return a struct in Thrift's compact protocol.

    A field is (id, type, bytes of the value); None is left out.
    """
    out = bytearray()
    last = 0
    for number, kind, value in fields:
        if value is None:
            continue
        step = number - last
        out += bytes([step << 4 | kind]) if step < 16 else bytes([kind]) + _zigzag(number)
        out += value
        last = number
    return bytes(out + b"\0")


_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12


def _list(kind: int, items: list[Any]) -> bytes:
    head = bytes([len(items) << 4 | kind]) if len(items) < 15 else bytes([0xF0 | kind]) + _varint(len(items))
    return head + b"".join(items)


def _text(s: str | bytes) -> bytes:
    data = s.encode("utf-8", "replace") if isinstance(s, str) else s
    return _varint(len(data)) + data


def column(values: list[Any]) -> tuple[str, list[Any]]:
    """Return the kind of a column, and its values as that kind.

    The kinds are bool, int, float (also for a mixture of integers and floats), text, and json for other mixtures,
    lists and tables. None is null.
    """
    kinds = {type(v) for v in values}
    kinds.discard(type(None))
    if kinds <= {bool}:
        return ("bool" if kinds else "text"), values
    if kinds == {int}:
        if all(v is None or -(1 << 63) <= v < 1 << 63 for v in values):
            return "int", values
    elif kinds == {float}:
        return "float", values
    elif kinds == {int, float}:
        if all(type(v) is not int or abs(v) <= 1 << 53 for v in values):
            return "float", [v if v is None else float(v) for v in values]
    elif kinds == {str}:
        return "text", values
    return "json", [None if v is None else json.dumps(v, ensure_ascii=False, default=repr) for v in values]


def _levels(values: list[Any]) -> bytes:
    """Return the definition levels of one page.

    They begin with their length. Then they follow in the RLE and bit-packing hybrid encoding of width 1.
    """
    if None not in values:
        data = _varint(len(values) << 1) + b"\1"
    else:
        bits = bytearray((len(values) + 7) // 8)
        for i, v in enumerate(values):
            if v is not None:
                bits[i >> 3] |= 1 << (i & 7)
        data = _varint(len(bits) << 1 | 1) + bytes(bits)
    return pack("<I", len(data)) + data


def _plain(kind: str, values: list[Any]) -> bytes:
    if kind == "bool":
        bits = bytearray((len(values) + 7) // 8)
        for i, v in enumerate(values):
            if v:
                bits[i >> 3] |= 1 << (i & 7)
        return bytes(bits)
    if kind in ("int", "float"):
        data = array("q" if kind == "int" else "d", values)
        if sys.byteorder == "big":
            data.byteswap()
        return data.tobytes()
    parts = []
    for v in values:
        data = v.encode("utf-8", "replace")
        parts.append(pack("<I", len(data)))
        parts.append(data)
    return b"".join(parts)


def _pages(kind: str, values: list[Any]) -> Any:
    start = size = 0
    for i, v in enumerate(values):
        size += len(v) if v is not None and kind in ("text", "json") else 8
        if i - start + 1 >= _PAGE_ROWS or size >= _PAGE_BYTES:
            yield values[start : i + 1]
            start, size = i + 1, 0
    if start < len(values):
        yield values[start:]


def write(names: list[Any], columns: list[Any], metadata: dict[str, Any] | None = None) -> bytes:
    """Return a Parquet file of columns.

    A column is a list of None, bool, int, float or str. All columns have equal lengths. metadata goes into the footer.
    Raises ValueError if there are no columns, if two have the same name, or if their lengths differ.
    """
    if not names or len(set(names)) != len(names) or len(names) != len(columns):
        raise ValueError("a table must have at least one column, and a different name for each")
    rows = len(columns[0])
    if any(len(c) != rows for c in columns):
        raise ValueError("the columns of a table must have equal lengths")
    typed = [column(c) for c in columns]
    schema = [_struct((4, _BINARY, _text("schema")), (5, _I32, _zigzag(len(names))))]
    for name, (kind, _) in zip(names, typed):
        of_text = kind in ("text", "json")
        # Old readers use the converted type UTF8, new ones the logical type STRING, whose union has an empty field 1.
        schema.append(
            _struct(
                (1, _I32, _zigzag(_PHYSICAL[kind])),
                (3, _I32, _zigzag(1)),
                (4, _BINARY, _text(name)),
                (6, _I32, _zigzag(0) if of_text else None),
                (10, _STRUCT, _struct((1, _STRUCT, b"\0")) if of_text else None),
            )
        )
    out = bytearray(b"PAR1")
    groups = []
    for first in range(0, rows, _ROWS):
        chunks = []
        start = len(out)
        count = min(_ROWS, rows - first)
        for name, (kind, values) in zip(names, typed):
            at = len(out)
            for page in _pages(kind, values[first : first + count]):
                body = _levels(page) + _plain(kind, [v for v in page if v is not None])
                head = _struct(
                    (1, _I32, _zigzag(len(page))), (2, _I32, _zigzag(0)), (3, _I32, _zigzag(3)), (4, _I32, _zigzag(3))
                )
                out += (
                    _struct(
                        (1, _I32, _zigzag(0)),
                        (2, _I32, _zigzag(len(body))),
                        (3, _I32, _zigzag(len(body))),
                        (5, _STRUCT, head),
                    )
                    + body
                )
            size = _zigzag(len(out) - at)
            meta = _struct(
                (1, _I32, _zigzag(_PHYSICAL[kind])),
                (2, _LIST, _list(_I32, [_zigzag(0), _zigzag(3)])),
                (3, _LIST, _list(_BINARY, [_text(name)])),
                (4, _I32, _zigzag(0)),
                (5, _I64, _zigzag(count)),
                (6, _I64, size),
                (7, _I64, size),
                (9, _I64, _zigzag(at)),
            )
            chunks.append(_struct((2, _I64, _zigzag(at)), (3, _STRUCT, meta)))
        groups.append(
            _struct((1, _LIST, _list(_STRUCT, chunks)), (2, _I64, _zigzag(len(out) - start)), (3, _I64, _zigzag(count)))
        )
    pairs = [_struct((1, _BINARY, _text(k)), (2, _BINARY, _text(v))) for k, v in (metadata or {}).items()]
    footer = _struct(
        (1, _I32, _zigzag(1)),
        (2, _LIST, _list(_STRUCT, schema)),
        (3, _I64, _zigzag(rows)),
        (4, _LIST, _list(_STRUCT, groups)),
        (5, _LIST, _list(_STRUCT, pairs) if pairs else None),
        (6, _BINARY, _text("gitruns version 1(build client)")),
    )
    return bytes(out + footer + pack("<I", len(footer)) + b"PAR1")
