"""The Parquet writer: its frame and its bounds; and the check of files of points before a library reads them.

integrations/test_media_numpy.py has other readers.
"""

from __future__ import annotations

import unittest

import project  # noqa: F401  puts the client on the path
from gitruns import _footer, _parquet
from gitruns._parquet import _BINARY, _I32, _I64, _LIST, _STRUCT, _list, _struct, _text, _zigzag


class Parquet(unittest.TestCase):
    def test_kinds(self) -> None:
        for cells, kind in (
            ([1, None], "int"),
            ([1, 2.5], "float"),
            ([True], "bool"),
            (["a"], "text"),
            ([1, "a"], "json"),
            ([1 << 63], "json"),
            ([[1]], "json"),
        ):
            self.assertEqual(_parquet.column(cells)[0], kind, cells)
        self.assertEqual(_parquet.column([1, "a", None])[1], ["1", '"a"', None])

    def test_frame(self) -> None:
        data = _parquet.write(["a"], [[1, None, 3]])
        self.assertEqual((data[:4], data[-4:]), (b"PAR1", b"PAR1"))
        self.assertIn((1).to_bytes(8, "little") + (3).to_bytes(8, "little"), data)

    def test_wrong(self) -> None:
        for names, columns in (([], []), (["a", "a"], [[], []]), (["a", "b"], [[1], []])):
            with self.assertRaises(ValueError):
                _parquet.write(names, columns)


def points(**false: int) -> bytes:
    """Return a file with two points. A keyword replaces a number in it."""

    def number(name: str, value: int) -> bytes:
        return _zigzag(false.get(name, value))

    out = bytearray(b"PAR1")
    chunks = []
    for name, kind in (("key", 6), ("step", 2), ("time", 2), ("value", 5)):
        body = b"\1\0\0\0a" * 2 if kind == 6 else bytes(16)
        at = len(out)
        head = _struct((1, _I32, number("page_values", 2)), (2, _I32, _zigzag(0)))
        sizes = number("raw", len(body)), number("compressed", len(body))
        out += _struct((1, _I32, _zigzag(0)), (2, _I32, sizes[0]), (3, _I32, sizes[1]), (5, _STRUCT, head)) + body
        meta = _struct(
            (1, _I32, _zigzag(kind)),
            (2, _LIST, _list(_I32, [_zigzag(0)])),
            (3, _LIST, _list(_BINARY, [_text(name)])),
            (4, _I32, number("codec", 0)),
            (5, _I64, number("values", 2)),
            (6, _I64, _zigzag(len(out) - at)),
            (7, _I64, number("size", len(out) - at)),
            (9, _I64, number("offset", at)),
        )
        chunks.append(_struct((2, _I64, _zigzag(at)), (3, _STRUCT, meta)))
    group = _struct((1, _LIST, _list(_STRUCT, chunks)), (2, _I64, _zigzag(0)), (3, _I64, number("group_rows", 2)))
    footer = _struct(
        (1, _I32, _zigzag(1)),
        (2, _LIST, _list(_STRUCT, [_struct((4, _BINARY, _text("schema")), (5, _I32, _zigzag(4)))])),
        (3, _I64, number("rows", 2)),
        (4, _LIST, _list(_STRUCT, [group])),
    )
    return bytes(out + footer + len(footer).to_bytes(4, "little") + b"PAR1")


class Footer(unittest.TestCase):
    def test_sound(self) -> None:
        self.assertEqual(_footer.problem(points()), "")

    def test_false_numbers(self) -> None:
        for name in ("page_values", "raw", "compressed", "codec", "values", "size", "offset", "group_rows", "rows"):
            for value in (-1, 1 << 31, 1 << 62, -(1 << 63)):
                with self.subTest((name, value)):
                    self.assertNotEqual(_footer.problem(points(**{name: value})), "")

    def test_counts_without_bytes(self) -> None:
        # A list of 2^31 row groups in a file of 21 bytes, structs in structs, a footer of 4 GB, and torn files.
        for footer in (b"\x15\x02\x19\xfc\xff\xff\xff\xff\x07", b"\x1c" * 100_000, b"\x19" * 100_000, b""):
            data = b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"
            self.assertNotEqual(_footer.problem(data), "")
        whole = points()
        self.assertNotEqual(_footer.problem(whole[:-8] + b"\xff" * 4 + b"PAR1"), "")
        for n in range(0, len(whole), 7):
            self.assertNotEqual(_footer.problem(whole[:n]), "")


if __name__ == "__main__":
    unittest.main()
