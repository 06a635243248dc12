"""Table: rows of cells in named columns, kept as Parquet."""

from __future__ import annotations

from collections.abc import Mapping

from ._media import Histogram, Media, Place
from ._messages import warn_once
from ._values import number_of, plain, repr_of, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from collections.abc import Iterator
    from typing import Any, Callable


class Table(Media):
    """A table with named columns, written as Parquet each time it is logged.

    A cell is a number, a boolean, text, None, a list or a media object. A column of one type is int64, double,
    boolean or string. A column of integers and floats is double, and any other mixture is JSON text. A media object
    in a cell becomes a file, and the cell has its name.

    Args:
        columns: The names of the columns. The default is the keys of the rows, or numbers.
        data: Rows as lists or dicts, or an array of shape (rows, columns).
        rows: The same as data.
        dataframe: A data frame of pandas or polars, in place of data.
        dtype: Not used: the types of columns follow from their cells.
        optional: Not used.
        allow_mixed_types: Not used.
        log_mode: "IMMUTABLE", "MUTABLE", "INCREMENTAL" or None. It changes nothing.

    Raises:
        ValueError: A row does not have one cell per column, or log_mode has another value.
        TypeError: data or a row is not a sequence.
    """

    MAX_ROWS = 10_000_000
    MAX_ARTIFACT_ROWS = 10_000_000

    def __init__(
        self,
        columns: Any = None,
        data: Any = None,
        rows: Any = None,
        dataframe: Any = None,
        dtype: Any = None,
        optional: Any = True,
        allow_mixed_types: bool = False,
        log_mode: str | None = "IMMUTABLE",
    ) -> None:
        if log_mode not in (None, "IMMUTABLE", "MUTABLE", "INCREMENTAL"):
            raise ValueError(f"Table: log_mode must be 'IMMUTABLE', 'MUTABLE' or 'INCREMENTAL', got {log_mode!r}")
        if dtype is not None:
            warn_once("table dtype", "Table(dtype=) is not used; the types of columns follow from their cells")
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
        given = [] if given is None else items_of(given, "Table: data must be rows, an array or a data frame")
        for n, row in enumerate(given):
            if not isinstance(row, (dict, list, tuple)):
                given[n] = items_of(row, f"Table: row {n} must be a list of cells or a dict")
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
        names = items_of(columns.tolist() if hasattr(columns, "tolist") else columns, "Table: columns must be names")
        self.columns = [c if isinstance(c, str) else str(c) for c in names]

    def add_data(self, *data: Any) -> None:
        """Add a row, with one cell per column.

        Raises ValueError if the number of cells is wrong.
        """
        if len(data) != len(self.columns):
            names = ", ".join(map(str, self.columns))
            raise ValueError(f"the table has {len(self.columns)} columns ({names}), but the row has {len(data)} cells")
        self.data.append(list(data))

    def add_row(self, *row: Any) -> None:
        """Do the same as add_data."""
        self.add_data(*row)

    def add_column(self, name: str, data: Any, optional: bool = False) -> None:
        """Add a column, with one cell per row.

        Raises ValueError if the number of cells is wrong, or if the table already has a column of this name.
        """
        cells = list(data.tolist() if hasattr(data, "tolist") else data)
        if name in self.columns:
            raise ValueError(f"the table already has a column {name!r}")
        if (self.data or self.columns) and len(cells) != len(self.data):
            raise ValueError(f"the table has {len(self.data)} rows, but the column has {len(cells)} cells")
        if not self.data:
            self.data = [[] for _ in cells]
        self.columns.append(str(name))
        for row, cell in zip(self.data, cells):
            row.append(cell)

    def add_computed_columns(self, fn: Callable[[int, dict[str, Any]], dict[str, Any]]) -> None:
        """Add the columns that fn(row number, row as a dict) returns as a dict."""
        made = [fn(i, dict(zip(self.columns, row))) for i, row in enumerate(self.data)]
        for name in made[0] if made else ():
            self.add_column(name, [row[name] for row in made])

    def get_column(self, name: str, convert_to: str | None = None) -> Any:
        """Return the cells of a column as a list, or as an array with convert_to="numpy".

        Raises ValueError for any other convert_to, and KeyError if there is no such column.
        """
        if convert_to not in (None, "numpy"):
            raise ValueError(f"get_column: convert_to must be None or 'numpy', got {convert_to!r}")
        if name not in self.columns:
            raise KeyError(f"the table has no column {name!r}; it has {', '.join(map(str, self.columns))}")
        i = self.columns.index(name)
        cells = [row[i] for row in self.data]
        if convert_to == "numpy":
            import numpy

            return numpy.array(cells)
        return cells

    def get_index(self) -> list[Any]:
        """Return the numbers of the rows as strings."""
        return [str(i) for i in range(len(self.data))]

    def get_dataframe(self) -> Any:
        """Return the table as a pandas data frame.

        Raises ImportError if pandas is not installed.
        """
        import pandas

        return pandas.DataFrame(self.data, columns=self.columns)

    def iterrows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the number and the cells of each row."""
        yield from enumerate(self.data)

    def cast(self, col_name: str, dtype: Any, optional: bool = False) -> None:
        """Convert the cells of a column to int, float, str or bool.

        Any other type only causes a warning.
        """
        if dtype not in (int, float, str, bool):
            warn_once(
                ("cast", col_name),
                f"Table.cast({col_name!r}) converts only to int, float, str and bool; the column stays as it is",
            )
            return
        i = self.columns.index(col_name)
        for row in self.data:
            row[i] = None if row[i] is None else dtype(row[i])

    def _cells(self, place: Place | None) -> tuple[list[Any], dict[str, Any]]:
        """Return the columns as lists of plain cells, and the kind of media by column.

        Without a place, media become their repr.
        """
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
                            warn_once(("cell", name), f"column {name}: a cell was recorded as its repr: {known._error}")
                        cell = repr_of(cell)
                    elif isinstance(known, Histogram):
                        cell = known._value()
                    else:
                        try:
                            cell = known._put(place.part(f".{n}-{i}"))
                            media[str(name)] = type(known).__name__.lower()
                        except OSError as e:
                            warn_once(("cell", name), f"column {name}: a cell was recorded as its repr: {e}")
                            cell = repr_of(known)
                cells.append(cell)
            columns.append(cells)
        return columns, media

    def _put(self, place: Place) -> str:
        import json

        from . import _parquet

        if not self.columns:
            raise ValueError("the table must have at least one column")
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


def items_of(value: Any, what: str) -> list[Any]:
    """Return the items of value.

    Raises TypeError, which begins with what, for text, a mapping or a single object.
    """
    if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
        raise TypeError(f"{what}, got {type(value).__name__}")
    return list(value)


def adopt(value: Any) -> Any:
    """Return the media object for another library's object, or None.

    A data frame of pandas or polars becomes a Table. See media_of for the others.
    """
    if (type(value).__module__ or "").partition(".")[0] in ("pandas", "polars") and hasattr(value, "columns"):
        return Table(dataframe=value)
    from ._figures import media_of

    return media_of(value)


def _cell(cell: Any) -> Any:
    """Return a cell in the form that Parquet or JSON can hold."""
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
    """Return the columns and rows of a data frame of any library.

    Raises TypeError if frame is not one.
    """
    if not hasattr(frame, "columns"):
        raise TypeError(f"Table: dataframe must be a data frame, got {type(frame).__name__}")
    names = list(frame.columns)
    columns = []
    for i in range(len(names)):
        column = frame.iloc[:, i] if hasattr(frame, "iloc") else frame[names[i]]
        listing = getattr(column, "tolist", None) or getattr(column, "to_list", None)
        cells = listing() if listing is not None else list(column)
        if hasattr(frame, "iloc") and not str(column.dtype).startswith("float"):
            # In a column that is not of floats, pandas uses NaN for a missing cell.
            cells = [None if isinstance(c, float) and c != c else c for c in cells]
        columns.append(cells)
    return [c if isinstance(c, str) else str(c) for c in names], [list(row) for row in zip(*columns)]
