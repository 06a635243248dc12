"""The runs that `runs()` returns, as columns: one call of `runs client columns` for any number of runs.

The answer is a line of JSON and then the bytes of the columns that it describes; Appendix C of SPEC.md has the format.
Records are fetched later, for many runs at once, if a run is asked for something that no column has.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from ._binary import incompatible
from ._errors import CommError, NotFoundError, UsageError
from ._messages import warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any

PROTOCOL = 1
_SPECIAL = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_WIDTHS = {"int": 8, "float": 8, "time": 8, "bool": 1}
_EXACT = 1 << 53  # floats hold every integer up to it
_FIRST, _MOST = 20, 5000  # records in the first request, and at most in one


def ask(request: dict[str, Any], cwd: str | None) -> tuple[dict[str, Any], memoryview]:
    """Call `runs client columns` and return the first line and the bytes after it.

    Raises NotFoundError, UsageError or CommError with the message of `runs`. Damaged runs are reported once.
    """
    import json

    from ._binary import call, lines, reason

    try:
        data = json.dumps({"protocol": PROTOCOL, **request}, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        text = next(v for v in request.values() if isinstance(v, str) and not v.isprintable())
        raise UsageError(f"{text!r} contains a character that cannot be passed to the program 'runs'") from None
    code, out, err = call(["client", "columns"], data + b"\n", cwd)
    end = out.find(b"\n")
    try:
        head = json.loads(out[:end])
    except (ValueError, RecursionError):
        head = None
    failed = head.get("error") if isinstance(head, dict) else None
    if isinstance(failed, dict):
        kind = {"usage": UsageError, "missing": NotFoundError}.get(str(failed.get("kind")), CommError)
        raise kind("; ".join(str(failed[k]) for k in ("message", "hint") if failed.get(k)))
    if code != 0:
        raise CommError(reason(lines(err)[-2:], code))
    rest = memoryview(out)[end + 1 :]
    if not isinstance(head, dict) or head.get("bytes") != len(rest):
        raise incompatible("'runs client columns' printed an unknown answer")
    if head.get("damaged"):
        printed = [str(line) for line in (head.get("warnings") or ())[: head["damaged"]]]
        more = f"; and {len(printed) - 3} more" if len(printed) > 3 else ""
        warn_once(("damaged", *printed), "; ".join(printed[:3]) + more)
    return head, rest


class Columns:
    """What `runs client columns` said about some runs."""

    def __init__(self, request: dict[str, Any], cwd: str | None) -> None:
        self._request, self._cwd = request, cwd
        head, self._data = ask(request, cwd)
        self._records: dict[str, Any] = {}
        self._gone: set[str] = set()
        self._next = _FIRST
        try:
            self.rows = int(head["rows"])
            self.total = int(head["total"])
            self._described = {str(c["name"]): c for c in head["columns"]}
            for column in self._described.values():
                self._check(column)
            self.ids: list[str] = self.values("id")
            self.names: list[str] = self.values("name")
            self.statuses: list[str] = self.values("status")
        except (KeyError, TypeError, ValueError, IndexError):
            raise incompatible("'runs client columns' printed an invalid column") from None

    @property
    def keys(self) -> list[str]:
        """The names of the columns."""
        return list(self._described)

    def _check(self, column: Mapping[str, Any]) -> None:
        """Raise ValueError if a column does not have the bytes that it needs."""
        sizes = {"values": _WIDTHS.get(column["type"], 0) * self.rows, "has": self.rows, "codes": 4 * self.rows}
        for name, size in sizes.items():
            if name not in column and name != "values":
                continue
            at, length = column[name]
            if at < 0 or length < 0 or at % 8 or at + length > len(self._data) or size and length != size:
                raise ValueError(name)

    def _bytes(self, place: list[int]) -> memoryview:
        return self._data[place[0] : place[0] + place[1]]

    def _list(self, place: list[int]) -> list[Any]:
        import json

        got = json.loads(bytes(self._bytes(place)))
        if not isinstance(got, list):
            raise ValueError("not a list")
        return got

    def _numbers(self, kind: str, place: list[int]) -> Any:
        from array import array

        numbers = array({"int": "q", "time": "q", "float": "d", "codes": "I"}[kind])
        if numbers.itemsize != (4 if kind == "codes" else 8):
            raise incompatible("this Python has unusual sizes of numbers")
        numbers.frombytes(self._bytes(place))
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers

    def _texts(self, column: Mapping[str, Any]) -> list[Any]:
        """Return the texts of a column: each once if it has codes, else by row.

        NaN and infinities are numbers.
        """
        texts = self._list(column["values"])
        if column["name"].startswith(("params.", "summary.")) and not _SPECIAL.keys().isdisjoint(texts):
            return [_SPECIAL.get(t, t) for t in texts]
        return texts

    def values(self, name: str) -> list[Any]:
        """Return a column as a list of Python's own types, with None for no value."""
        column = self._described[name]
        kind = column["type"]
        if kind == "text" and "codes" in column:
            texts = [None, *self._texts(column)]
            return [texts[code] for code in self._numbers("codes", column["codes"])]
        if kind in ("text", "json"):
            got = self._texts(column) if kind == "text" else [_plain(v) for v in self._list(column["values"])]
            if len(got) != self.rows:
                raise ValueError(name)
            return got
        if kind == "bool":
            got = [v == 1 for v in self._bytes(column["values"])]
        elif kind == "time":
            got = _times(self._numbers(kind, column["values"]))
        else:
            got = self._numbers(kind, column["values"]).tolist()
        if "has" in column:
            has = self._bytes(column["has"])
            got = [v if has[i] else None for i, v in enumerate(got)]
        return got

    def series(self, name: str, take: Any = None) -> Any:
        """Return a column as what a pandas data frame is made of.

        Integers of a column with missing values are floats, as pandas makes them, unless a float cannot hold them.
        take is an array of the rows to take, or None for all.
        """
        import numpy
        import pandas

        column = self._described[name]
        kind = column["type"]
        if kind == "text" and "codes" in column:
            texts = numpy.array([None, *self._texts(column)], dtype=object)
            codes = numpy.frombuffer(self._bytes(column["codes"]), dtype="<u4")
            got = texts[codes if take is None else codes[take]]
            return got if len(texts) > 1 else list(got)
        if kind in ("text", "json"):
            values = self.values(name)
            return values if take is None else [values[i] for i in take]
        raw = numpy.frombuffer(
            self._bytes(column["values"]), dtype={"int": "<i8", "time": "<M8[us]", "float": "<f8", "bool": "?"}[kind]
        )
        has = numpy.frombuffer(self._bytes(column["has"]), dtype="?") if "has" in column else None
        if take is not None:
            raw, has = raw[take], None if has is None else has[take]
        if has is not None and has.all():
            has = None
        if kind == "time":
            if has is not None:
                raw = numpy.where(has, raw, numpy.datetime64("NaT"))
            return pandas.DatetimeIndex(raw).tz_localize("UTC")
        if has is None:
            return raw.astype({"int": "int64", "float": "float64", "bool": "bool"}[kind])
        if kind == "bool":
            return numpy.where(has, raw.astype(object), None)
        if kind == "int" and len(raw) and max(-int(raw.min()), int(raw.max())) > _EXACT:
            return pandas.arrays.IntegerArray(raw.astype("int64"), ~has)
        return numpy.where(has, raw.astype("float64"), numpy.nan)

    def record(self, row: int) -> dict[str, Any]:
        """Return the record of a run.

        It is fetched with those of the runs after it. Each request takes more of them than the one before. Raises
        NotFoundError if the run no longer exists.
        """
        id = self.ids[row]
        if id not in self._records:
            ids = [i for i in self.ids[row : row + self._next] if i not in self._records]
            head, _ = ask({**self._request, "ids": ids}, self._cwd)
            self._next = min(4 * self._next, _MOST)
            records = head.get("records")
            for record in records if isinstance(records, list) else ():
                if isinstance(record, dict):
                    self._records[str(record.get("id"))] = record
            if id not in self._records:
                raise NotFoundError(f"run {id} no longer exists")
        return dict(self._records[id])


def _plain(value: Any) -> Any:
    """Return a copy of a JSON value with NaN and infinities as numbers."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return _SPECIAL.get(value, value) if isinstance(value, str) else value


def _times(numbers: Any) -> list[Any]:
    from datetime import datetime, timedelta, timezone

    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    return [epoch + timedelta(microseconds=n) for n in numbers]
