"""Tables: rows of cells in columns with names, kept as Parquet."""

from __future__ import annotations

from collections.abc import Mapping

from ._media import Histogram, Media, Place
from ._say import once
from ._values import number_of, plain, repr_of, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from collections.abc import Iterator
    from typing import Any, Callable


class Table(Media):
    """A table: columns with names, and rows of numbers, booleans, text, None, lists, or media.

    data (or rows): rows as lists, as dicts, whose columns are the keys of all of them, or an array of shape (rows, columns); dataframe: of pandas or polars. It is written as Parquet
    when it is logged, whole each time. A column of one kind is int64, double, boolean or string; of integers and floats
    double; others are JSON text. Media in cells are files of their own, and the cell is their name.

    Raises ValueError for rows that are longer or shorter than the columns, TypeError for what is no rows. dtype and optional are W&B's; types follow from the cells.
    """

    MAX_ROWS = 10_000_000
    MAX_ARTIFACT_ROWS = 10_000_000

    def __init__(
        self, columns: Any = None, data: Any = None, rows: Any = None, dataframe: Any = None, dtype: Any = None, optional: Any = True,
        allow_mixed_types: bool = False, log_mode: str | None = "IMMUTABLE",
    ) -> None:  # fmt: skip
        if log_mode not in (None, "IMMUTABLE", "MUTABLE", "INCREMENTAL"):
            raise ValueError(f"log_mode is IMMUTABLE, MUTABLE or INCREMENTAL, not {log_mode!r}")
        if dtype is not None:
            once("table dtype", "Table(dtype=) is not used: the types of columns follow from their cells")
        self.log_mode = log_mode
        self.columns: list[Any] = []
        self.data: list[Any] = []
        if dataframe is not None:
            self.columns, self.data = _frame(dataframe)
            return
        given = data if data is not None else rows
        if given is not None and hasattr(given, "columns") and not isinstance(given, (list, tuple)):
            self.columns, self.data = _frame(given)
            if columns is not None:
                self._name(columns)
            return
        if hasattr(given, "tolist"):
            given = given.tolist()
        given = (
            _several(given, "Table: data is rows, an array of shape (rows, columns) or a frame")
            if given is not None
            else []
        )
        for n, row in enumerate(given):
            if not isinstance(row, (dict, list, tuple)):
                given[n] = _several(row, f"Table: row {n} is a list of cells, or a dict")
        if columns is not None:
            self._name(columns)
        elif given:
            self.columns = list(dict.fromkeys(c for row in given if isinstance(row, dict) for c in row)) or [
                str(i) for i in range(len(given[0]))
            ]
        else:
            self.columns = ["Input", "Output", "Expected"]
        for row in given:
            self.add_data(*([row.get(c) for c in self.columns] if isinstance(row, dict) else row))

    def _name(self, columns: Any) -> None:
        names = _several(columns.tolist() if hasattr(columns, "tolist") else columns, "Table: columns are names")
        self.columns = [c if isinstance(c, str) else str(c) for c in names]

    def add_data(self, *data: Any) -> None:
        """Add a row, one cell a column. Raises ValueError for another number of cells."""
        if len(data) != len(self.columns):
            raise ValueError(
                f"the table has {len(self.columns)} columns ({', '.join(map(str, self.columns))}), and the row {len(data)} cells"
            )
        self.data.append(list(data))

    def add_row(self, *row: Any) -> None:
        """The same as add_data."""
        self.add_data(*row)

    def add_column(self, name: str, data: Any, optional: bool = False) -> None:
        """Add a column, one cell a row. Raises ValueError for another number of cells, or a name that is there."""
        cells = list(data.tolist() if hasattr(data, "tolist") else data)
        if name in self.columns:
            raise ValueError(f"the table has a column {name!r} already")
        if self.data and len(cells) != len(self.data):
            raise ValueError(f"the table has {len(self.data)} rows, and the column {len(cells)} cells")
        if not self.data:
            if self.columns:
                if cells:
                    raise ValueError(f"the table has no rows, and the column {len(cells)} cells")
            self.data = [[] for _ in cells]
        self.columns.append(str(name))
        for row, cell in zip(self.data, cells):
            row.append(cell)

    def add_computed_columns(self, fn: Callable[[int, dict[str, Any]], dict[str, Any]]) -> None:
        """Add columns that fn(row number, row as a dict) returns, by name."""
        made = [fn(i, dict(zip(self.columns, row))) for i, row in enumerate(self.data)]
        for name in made[0] if made else ():
            self.add_column(name, [row[name] for row in made])

    def get_column(self, name: str, convert_to: str | None = None) -> Any:
        """The cells of a column, as a list, or with convert_to="numpy" as an array. Raises ValueError for other words, KeyError
        for a column that is not there."""
        if convert_to not in (None, "numpy"):
            raise ValueError(f"convert_to is None or 'numpy', not {convert_to!r}")
        if name not in self.columns:
            raise KeyError(f"the table has no column {name!r}; it has {', '.join(map(str, self.columns))}")
        i = self.columns.index(name)
        cells = [row[i] for row in self.data]
        if convert_to == "numpy":
            import numpy

            return numpy.array(cells)
        return cells

    def get_index(self) -> list[Any]:
        """The numbers of the rows, as text."""
        return [str(i) for i in range(len(self.data))]

    def get_dataframe(self) -> Any:
        """The table as a frame of pandas. Raises ImportError without it."""
        import pandas

        return pandas.DataFrame(self.data, columns=self.columns)

    def iterrows(self) -> Iterator[tuple[Any, ...]]:
        """(number, row) of each row."""
        yield from enumerate(self.data)

    def cast(self, col_name: str, dtype: Any, optional: bool = False) -> None:
        """Make the cells of a column int, float, str or bool; other types are said and change nothing."""
        if dtype not in (int, float, str, bool):
            once(
                ("cast", col_name),
                f"Table.cast({col_name!r}) knows int, float, str and bool: the column stays as it is",
            )
            return
        i = self.columns.index(col_name)
        for row in self.data:
            row[i] = None if row[i] is None else dtype(row[i])

    def _cells(self, place: Place | None) -> tuple[list[Any], dict[str, Any]]:
        """The columns as lists of plain cells, and which of them hold names of files. Without a place media are their repr."""
        columns, media = [], {}
        for i, name in enumerate(self.columns):
            cells = []
            for n, row in enumerate(self.data):
                cell = row[i]
                if type(cell) not in (int, float, str, bool, type(None)):
                    known = cell if getattr(type(cell), "_gitruns_media", False) else adopt(cell)
                    if known is None:
                        cell = _cell(cell)
                    elif known._error or place is None:
                        if known._error:
                            once(("cell", name), f"column {name}: {known._error}; its repr is kept")
                        cell = repr_of(cell)
                    elif isinstance(known, Histogram):
                        cell = known._value()
                    else:
                        try:
                            cell = known._put(place.part(f".{n}-{i}"))
                            media[str(name)] = type(known).__name__.lower()
                        except OSError as e:
                            once(("cell", name), f"column {name}: {e}; its repr is kept")
                            cell = repr_of(known)
                cells.append(cell)
            columns.append(cells)
        return columns, media

    def _put(self, place: Place) -> str:
        import json

        from . import _parquet

        if not self.columns:
            raise ValueError("the table has no columns")
        names: list[Any] = []
        for column in self.columns:
            name, n = str(column), 1
            while name in names:
                name, n = f"{column}.{n}", n + 1
            names.append(name)
        columns, media = self._cells(place)
        metadata = {"gitruns": json.dumps({"media": media})} if media else None
        return place.put(".parquet", "table", _parquet.write(names, columns, metadata))

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return f"<gitruns.Table of {len(self.data)} rows, columns {', '.join(map(str, self.columns))[:200]}>"


def _several(value: Any, what: str) -> list[Any]:
    """The items of value. Raises TypeError, which begins with what it should be, for a text, a mapping, a single object."""
    if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
        raise TypeError(f"{what}, not {type(value).__name__}")
    return list(value)


def adopt(value: Any) -> Any:
    """The media that an object of another library is: of a frame of pandas or polars a table, whose cells may be such objects again,
    of others see media_of; None where it is none."""
    if (type(value).__module__ or "").partition(".")[0] in ("pandas", "polars") and hasattr(value, "columns"):
        return Table(dataframe=value)
    from ._foreign import media_of

    return media_of(value)


def _cell(cell: Any) -> Any:
    """A cell as Parquet or JSON holds it."""
    if isinstance(cell, bool):
        return bool(cell)
    dtype = str(getattr(cell, "dtype", ""))
    if hasattr(cell, "isoformat"):
        return None if cell != cell else str(cell.isoformat())
    if type(cell).__name__ == "NAType":
        return None
    if isinstance(cell, str):
        return str(cell)
    number = number_of(cell)
    if number is not None:
        return bool(number) if dtype in ("bool", "torch.bool") else number
    if isinstance(cell, (bytes, bytearray)):
        return text_of(repr_of(bytes(cell)))
    return plain(cell)


def _frame(frame: Any) -> tuple[list[Any], list[Any]]:
    """Columns and rows of a frame of pandas, polars, or anything with columns and a list each."""
    names = list(frame.columns)
    columns = []
    for i in range(len(names)):
        column = frame.iloc[:, i] if hasattr(frame, "iloc") else frame[names[i]]
        cells = (
            column.tolist()
            if hasattr(column, "tolist")
            else column.to_list()
            if hasattr(column, "to_list")
            else list(column)
        )
        if hasattr(frame, "iloc") and not str(column.dtype).startswith("float"):
            # Outside columns of floats NaN is how pandas writes that a cell is missing.
            cells = [None if isinstance(c, float) and c != c else c for c in cells]
        columns.append(cells)
    return [c if isinstance(c, str) else str(c) for c in names], [list(row) for row in zip(*columns)]
