"""The Parquet writer: its frame and its bounds. integrations/test_media_numpy.py has other readers."""

from __future__ import annotations

import unittest

import project  # noqa: F401  puts the client on the path
from gitruns import _parquet


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


if __name__ == "__main__":
    unittest.main()
