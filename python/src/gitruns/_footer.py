"""Check a Parquet file of points before a library reads it.

A run may come from anyone, and libraries allocate memory by the counts in a file. Imports no other module of the
package. The bounds are those of SPEC.md, section 2.2: change both together.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

_FOOTER = 16 << 20  # bytes
_HEADER = 128 << 10  # bytes of the header of a page
_PAGE = 32 << 20  # bytes of a page, decompressed
_ITEMS = 1_000_000  # values in a footer
_DEPTH = 16
_KEY = 250
_SLACK = 64 << 10
_LABELS = 1000
_COLUMNS = (b"key", b"step", b"time", b"value", b"labels")


class _Thrift:
    """A reader of Thrift's compact protocol.

    It compares every count with the bytes that are left.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.items = 0

    def _byte(self) -> int:
        if self.at >= len(self.data):
            raise ValueError("it ends in the middle of a value")
        self.at += 1
        return self.data[self.at - 1]

    def _varint(self) -> int:
        n = shift = 0
        while shift < 70:
            b = self._byte()
            n |= (b & 127) << shift
            if b < 128:
                return n
            shift += 7
        raise ValueError("it has a number of more than 64 bits")

    def _count(self, n: int) -> int:
        if n > len(self.data) - self.at:
            raise ValueError("it ends in the middle of a value")
        self.items += n
        if self.items > _ITEMS:
            raise ValueError(f"it has more than {_ITEMS} values")
        return n

    def _value(self, kind: int, depth: int) -> Any:
        if depth > _DEPTH:
            raise ValueError("its structs are nested too deep")
        if kind in (1, 2, 3):
            return self._byte()
        if kind in (4, 5, 6):
            n = self._varint()
            return n >> 1 ^ -(n & 1)
        if kind == 12:
            return self.struct(depth + 1)
        if kind in (9, 10):
            head = self._byte()
            n = self._count(head >> 4 if head >> 4 < 15 else self._varint())
            return [self._value(head & 15, depth + 1) for _ in range(n)]
        if kind == 11:
            n = self._count(self._varint())
            kinds = self._byte() if n else 0
            return [(self._value(kinds >> 4, depth + 1), self._value(kinds & 15, depth + 1)) for _ in range(n)]
        if kind not in (7, 8, 13):
            raise ValueError("it has a value of an unknown type")
        n = {7: 8, 13: 16}.get(kind, -1)
        if n < 0:
            n = self._varint()
        if n > len(self.data) - self.at:
            raise ValueError("it ends in the middle of a value")
        self.at += n
        return self.data[self.at - n : self.at]

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Return the values of a struct by the numbers of their fields."""
        fields: dict[int, Any] = {}
        number = 0
        while True:
            head = self._byte()
            kind = head & 15
            if kind == 0:
                return fields
            self._count(0)
            self.items += 1
            if head >> 4:
                number += head >> 4
            else:
                n = self._varint()
                number = n >> 1 ^ -(n & 1)
            fields[number] = kind == 1 if kind in (1, 2) else self._value(kind, depth)


def problem(data: bytes) -> str:
    """Return why a library must not read a file of points, or ''."""
    try:
        _check(data)
    except (ValueError, LookupError, TypeError, AttributeError) as e:
        return str(e) if isinstance(e, ValueError) else "its footer is damaged"
    return ""


def _check(data: bytes) -> None:
    size = len(data)
    length = int.from_bytes(data[-8:-4], "little")
    begin = size - 8 - length
    if size < 12 or data[-4:] != b"PAR1" or begin < 4:
        raise ValueError("it has no Parquet footer")
    if length > _FOOTER:
        raise ValueError(f"its footer has {length} bytes, and at most {_FOOTER} are read")
    meta = _Thrift(data[begin:-8]).struct()
    rows, groups = meta[3], meta[4]
    most = min(2_000_000_000, 100_000 + 128 * size)
    if not 0 <= rows <= most:
        raise ValueError(f"it has {rows} rows, and of a file of {size} bytes at most {most} are read")
    if 8 in meta:
        raise ValueError("it is encrypted")
    if len(meta[2]) > 10_000:
        raise ValueError("it has more than 10000 columns")
    left = begin
    for group in groups:
        rows -= group[3]
        if group[3] < 0 or rows < 0:
            raise ValueError("its row groups have more rows than the file")
        for chunk in group[1]:
            left -= _check_chunk(data, begin, group[3], chunk)
            if left < 0:
                raise ValueError("its pages are not where the footer says")
    if rows:
        raise ValueError("its row groups have fewer rows than the file")


def _check_chunk(data: bytes, end: int, rows: int, chunk: dict[int, Any]) -> int:
    """Check the pages of a column, and return their size.

    Columns that are not read are not checked.
    """
    meta = chunk[3]
    if meta[3][0] not in _COLUMNS:
        return 0
    if meta[4] not in (0, 6):
        raise ValueError("a column is not compressed with zstd")
    at, size = meta[9], meta[7]
    if 0 < meta.get(11, 0) < at:
        at = meta[11]
    if meta[5] != rows or at < 4 or size < 0 or size > end - at or chunk.get(1):
        raise ValueError("its pages are not where the footer says")
    end = at + size
    most = 16
    if meta[1] == 6:
        most += _LABELS if meta[3][0] == b"labels" else _KEY
    while at < end:
        reader = _Thrift(data[at : min(end, at + _HEADER)])
        head = reader.struct()
        inner = head.get(5) or head.get(7) or head.get(8)
        at += reader.at + head[3]
        if head[3] < 0 or at > end:
            raise ValueError("its pages are not where the footer says")
        if inner is None:
            continue  # a page of an index
        values, raw = inner[1], head[2]
        if not 0 <= values <= meta[5] or not 0 <= raw <= min(_PAGE, values * most + _SLACK):
            raise ValueError(f"a page of {values} values has {raw} bytes")
        if 7 not in head:
            rows -= values
        if rows < 0:
            raise ValueError("its pages have more rows than the footer says")
    return int(size)
