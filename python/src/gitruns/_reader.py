"""load, runs and diff: read recorded runs through the documented JSON of the program `runs`.

Nothing here reads run.toml. Metrics are read from metrics.parquet if a library for it is installed, otherwise from
JSON.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from ._binary import incompatible
from ._errors import CommError, Error, NotFoundError, UsageError
from ._messages import warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from typing import Any

    from ._columns import Columns

_COLUMNS = ("key", "step", "time", "value")
_LABELS = "labels"  # a column of metrics if some points have labels
_SPECIAL = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def _json(args: list[str], path: Any = None, kind: type = dict, partial: bool = False) -> Any:
    """Run `runs args…` and return the JSON that it prints.

    The JSON must be of type kind. Raises NotFoundError for exit status 3, UsageError for 2 and CommError for any other,
    with the message of `runs`. If partial, a list that is printed with status 1 is returned too. Damaged runs are
    missing from it, and are reported once.
    """
    import json

    from ._binary import call, lines, reason

    code, out, err = call(args, cwd=_folder_of(path))
    printed = lines(err)
    try:
        got = json.loads(out) if code == 0 or partial and code == 1 else None
    except (ValueError, RecursionError):
        got = None
    if isinstance(got, kind):
        if code:
            shown = [line.removeprefix("warning: ") for line in printed[:3]]
            more = f"; and {len(printed) - 3} more" if len(printed) > 3 else ""
            warn_once(("damaged", *printed), "; ".join(shown) + more)
        return got
    if code == 0:
        raise incompatible(f"'runs {args[0]}' printed unknown JSON")
    raise {3: NotFoundError, 2: UsageError}.get(code, CommError)(reason(printed[-2:], code))


def _folder_of(path: Any) -> str | None:
    return os.fsdecode(os.fspath(path)) if path is not None else None


def _run_of(record: Any, path: Any, part: bool = False) -> RecordedRun:
    """Return the run of a record that `runs` printed.

    Raises CommError if it is not a record.
    """
    if not isinstance(record, dict) or not all(isinstance(record.get(k), str) for k in ("id", "status")):
        raise incompatible("it printed an invalid run")
    return RecordedRun(record, path, part)


def _selector(selector: Any) -> str:
    text = str(getattr(selector, "run_id", None) or getattr(selector, "id", None) or selector)
    if text.startswith("-"):
        raise UsageError(f"a selector must not begin with '-', got {text!r}")
    return text


class Table(Mapping):  # type: ignore[type-arg]
    """A table in a record: a mapping whose keys are also attributes."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_values", dict(values))

    def __getitem__(self, key: str) -> Any:
        value = self._values[key]
        return Table(value) if isinstance(value, Mapping) else value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            known = ", ".join(map(str, list(self._values)[:20])) or "no keys"
            raise AttributeError(f"this table has no {name!r}; it has {known}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(
            "a record cannot be changed; use 'runs tag', 'runs note' or 'runs name' to annotate the run"
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)

    def dict(self) -> dict[str, Any]:
        """Return a copy as plain dicts."""
        return dict(self._values)


class RecordedArtifact:
    """An output file of a run.

    Its attributes are path, sha256 and bytes, and kind, key, step and caption if it has them.
    """

    def __init__(self, run: RecordedRun, record: Mapping[str, Any]) -> None:
        self._run = run
        self.path: str = record["path"]
        self.sha256: str = record.get("sha256", "")
        self.bytes: int | None = record.get("bytes")
        self.kind: str = record.get("kind", "")
        self.key: str = record.get("key", "")
        self.step: int | None = record.get("step")
        self.caption: str = record.get("caption", "")

    def download(self, to: Any = None) -> str:
        """Copy the artifact into a folder, verify its digest, and return its path.

        to is the folder, the current one by default. A file that is not on this machine is fetched from the artifact
        store. Raises CommError if it cannot be fetched, or if nobody has allowed the store in this clone: the URL comes
        with Git. `runs artifacts` asks at a terminal; elsewhere set RUNS_ALLOW_STORE to the URL.
        """
        from ._binary import call, lines, reason
        from ._files import no_links

        folder = os.path.abspath(os.fsdecode(os.fspath(to)) if to is not None else ".")
        target = os.path.normpath(os.path.join(folder, *self.path.split("/")))
        if not target.startswith(os.path.join(folder, "")):
            raise CommError(f"the artifact's path {self.path!r} is outside {folder}")
        own = self._run._folder()
        try:
            no_links(folder, self.path)
            if own:
                no_links(own, "artifacts/" + self.path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
        except (OSError, ValueError) as e:
            raise CommError(f"{self.path}: {e}") from e
        code, _, err = call(["artifacts", self._run.id, self.path, "-o", target], cwd=self._run._at)
        if code != 0:
            raise CommError(reason(lines(err), code))
        return target

    def local(self) -> str | None:
        """Return its path in the run's folder, or None.

        It is None if the file is not there or does not match its digest. A Git LFS pointer does not match.
        """
        parts = self.path.split("/")
        if not all(parts) or ".." in parts or "." in parts:
            return None
        from ._files import digest_of

        for path in self._run._folders():
            linked = False
            for part in ("artifacts", *parts):
                path = os.path.join(path, part)
                linked = linked or os.path.islink(path)
            if not linked and os.path.isfile(path) and digest_of(path)[0] == self.sha256:
                return path
        return None

    def __repr__(self) -> str:
        return f"<artifact {self.path}, {self.bytes} bytes>"


class RecordedRun:
    """A recorded run.

    Its attributes are the keys of run.toml: id, name, status, params, tags, summary, source, …
    """

    _source: Columns | None = None  # where the record comes from, if it was not fetched yet
    _row = 0
    record: dict[str, Any]

    def __init__(self, record: Mapping[str, Any], at: Any = None, part: bool = False) -> None:
        self.record = dict(record)
        self._part = part  # points and values of this run alone, without the runs that it resumes
        self._at = os.path.abspath(os.fsdecode(os.fspath(at))) if at is not None else os.getcwd()

    params: Table
    tags: Table
    summary: Table
    source: Table
    environment: Table
    machine: Table
    extra: Table
    files: Table
    started: datetime
    ended: datetime | None

    @property
    def id(self) -> str:
        """The id."""
        return self._source.ids[self._row] if self._source is not None else self.record["id"]

    @property
    def status(self) -> str:
        """The status, such as finished."""
        return self._source.statuses[self._row] if self._source is not None else self.record["status"]

    @property
    def name(self) -> str:
        """The name, or the random part of the id if it has none."""
        if self._source is not None:
            return self._source.names[self._row]
        return self.record.get("name") or self.id.rsplit("-", 1)[-1]

    def __getstate__(self) -> dict[str, Any]:
        return {"record": self.record, "_part": self._part, "_at": self._at}

    def __getattr__(self, name: str) -> Any:
        if name == "record" and self._source is not None:
            self.record = self._source.record(self._row)
            return self.record
        if name.startswith("_") or name == "record":
            raise AttributeError(name)
        if name == "params":
            return Table(self._params())
        if name in ("tags", "source", "environment", "machine", "extra", "files"):
            return Table(self.record.get(name) or {})
        if name == "summary":
            return Table(_numbers(self.record.get(name) or {}))
        if name in ("started", "ended"):
            try:
                return _time(self.record.get(name))
            except (ValueError, TypeError, AttributeError):
                raise incompatible(f"it printed a run with an invalid {name!r}") from None
        if name in _KEYS:
            return self.record.get(name)
        raise AttributeError(f"a run has no {name!r}; its record has {', '.join(self.record)}")

    @property
    def config(self) -> Table:
        """The same as params."""
        return Table(self._params())

    def _params(self) -> dict[str, Any]:
        """Return the params as they were given, with None, NaN and infinities."""
        params: dict[str, Any] = _numbers(self.record.get("params") or {})
        for dotted in self.record.get("nulls") or ():
            _set_none(params, dotted)
        return params

    @property
    def best(self) -> Table:
        """The statistics of each metric: last, min, min_step, max, max_step, count, goal."""
        return Table(_numbers(self.record.get("metrics") or {}))

    def metrics(
        self, *keys: str, as_: str | None = None, part: bool | None = None, labels: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the points of metrics as a table.

        The columns are key, step, time and value. time is UTC, in microseconds. NaN and infinities are values. If some
        of the points have labels, there is a column labels too. It has canonical JSON such as {"dataset":"val"}, or
        None for a point without labels. The digest of the file is verified.

        Args:
            *keys: The metrics. The default is all.
            as_: "arrow", "pandas", "polars" or "lists". The last is a dict of lists. The default is the first of
                them that is installed.
            part: True reads this run alone. False reads the whole chain of runs that it resumes; if a later part
                repeats a step, it replaces the earlier one. The default is False, or True for a run of
                runs(parts=True).
            labels: The labels that a point must have, such as {"dataset": "val"}. It may have more. The default is all
                points.

        Raises:
            UsageError: as_ has another value, or labels are not a mapping of texts and numbers.
            NotFoundError: The run has no such metric.
            CommError: The library is missing, or the file was changed.
        """
        if as_ not in (None, "arrow", "pandas", "polars", "lists"):
            raise UsageError(f"metrics: as_ must be 'arrow', 'pandas', 'polars' or 'lists', got {as_!r}")
        part = self._part if part is None else part
        kind = as_ or next(
            (k for k, m in (("arrow", "pyarrow"), ("pandas", "pandas"), ("polars", "polars")) if _installed(m)), "lists"
        )
        chain = bool(self.record.get("resumes")) and not part
        unknown = [k for k in keys if k not in (self.record.get("metrics") or {})]
        if unknown and not chain:
            known = ", ".join(list(self.record.get("metrics") or {})[:20]) or "no metrics"
            raise NotFoundError(f"run {self.id} has no metric {unknown[0]!r}; it has {known}")
        if kind == "lists":
            return self._lists(keys, part=part, labels=labels)
        data = None if chain or labels else self._file("metrics.parquet")
        if data is not None:
            from ._footer import problem

            why = problem(data)
            if why:
                raise self._unreadable(why)
        try:
            if kind == "arrow":
                return self._arrow(data, keys, part, labels)
            if kind == "polars":
                return self._polars(data, keys, part, labels)
            import pandas

            if data is None or not _installed("pyarrow"):
                lists = self._lists(keys, part=part, labels=labels)
                return pandas.DataFrame(lists, columns=list(lists))
            return self._arrow(data, keys, part, labels).to_pandas()
        except Error:
            raise
        except ImportError as e:
            raise CommError(f"metrics: {e}; use as_='lists', which needs no library") from e
        except Exception as e:  # the library's own errors for a damaged file
            raise self._unreadable(f"{type(e).__name__}: {e}") from e

    def _polars(self, data: bytes | None, keys: tuple[Any, ...], part: bool, labels: Any) -> Any:
        import polars

        types = {
            "key": polars.String,
            "step": polars.Int64,
            "time": polars.Datetime("us", "UTC"),
            "value": polars.Float64,
            _LABELS: polars.String,
        }
        if data is None:
            lists = self._lists(keys, part=part, labels=labels)
            return polars.DataFrame(lists, schema={c: types[c] for c in lists})
        import io

        labeled = _LABELS in polars.read_parquet_schema(io.BytesIO(data))
        frame = polars.read_parquet(io.BytesIO(data), columns=[*_COLUMNS, *[_LABELS] * labeled])
        for name, got in frame.schema.items():
            if got != types[name] and not (name in ("key", _LABELS) and got == polars.Categorical):
                raise self._mistyped(name, got, types[name])
        frame = frame.filter(polars.col("key").is_in(list(keys))) if keys else frame
        return frame.drop(_LABELS) if labeled and frame[_LABELS].null_count() == len(frame) else frame

    def _arrow(self, data: bytes | None, keys: tuple[Any, ...], part: bool, labels: Any) -> Any:
        import pyarrow

        types = {
            "key": pyarrow.string(),
            "step": pyarrow.int64(),
            "time": pyarrow.timestamp("us", tz="UTC"),
            "value": pyarrow.float64(),
            _LABELS: pyarrow.string(),
        }
        if data is None:
            lists = self._lists(keys, part=part, labels=labels)
            return pyarrow.table({c: pyarrow.array(lists[c], type=types[c]) for c in lists})
        import pyarrow.parquet

        labeled = _LABELS in pyarrow.parquet.read_schema(pyarrow.BufferReader(data)).names
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(data), columns=[*_COLUMNS, *[_LABELS] * labeled])
        for field in table.schema:
            got, want = field.type, types[field.name]
            named = pyarrow.types.is_dictionary(got) and field.name in ("key", _LABELS)
            if (got.value_type if named else got) != want:
                raise self._mistyped(field.name, got, want)
        if keys:
            import pyarrow.compute

            table = table.filter(pyarrow.compute.is_in(table["key"], value_set=pyarrow.array(list(keys))))
        if labeled and table[_LABELS].null_count == len(table):
            table = table.drop_columns([_LABELS])
        return table

    def _mistyped(self, name: str, got: Any, want: Any) -> CommError:
        return self._unreadable(f"the column {name} must have the type {want}, got {got}")

    def _unreadable(self, why: str) -> CommError:
        return CommError(f"reading metrics.parquet of run {self.id}: {why}; run 'runs verify {self.id}' for details")

    def _lists(
        self, keys: Sequence[Any], every: int = 1, part: bool | None = None, labels: Any = None
    ) -> dict[str, Any]:
        of = ["--part"] if (self._part if part is None else part) else []
        if labels:
            from ._labels import arguments

            try:
                of += arguments(labels)
            except (TypeError, ValueError) as e:
                raise UsageError(f"metrics: {e}") from None
        some = self.record.get("metrics") or self.record.get("resumes")
        points: list[Any] = []
        if some:
            points = _json(["metrics", self.id, "--json", "--every", str(every), *of, "--", *keys], self._at, list)
        out: dict[str, Any] = {c: [] for c in _COLUMNS}
        try:
            for p in points:
                out["key"].append(p["key"])
                out["step"].append(p["step"])
                out["time"].append(_time(p["time"]))
                out["value"].append(_SPECIAL[p["value"]] if isinstance(p["value"], str) else float(p["value"]))
            if any(_LABELS in p for p in points):
                from ._labels import canonical

                out[_LABELS] = [canonical(p.get(_LABELS)) or None for p in points]
        except (KeyError, TypeError, ValueError):
            raise incompatible("it printed an invalid point of a metric") from None
        return out

    def history(self, key: str, labels: Mapping[str, Any] | None = None) -> tuple[list[int], list[float]]:
        """Return the steps and the values of one metric, as two lists of equal length.

        labels are those that a point must have, as in metrics().
        """
        lists = self.metrics(key, as_="lists", labels=labels)
        return lists["step"], lists["value"]

    def values(self, *keys: str) -> list[dict[str, Any]]:
        """Return the non-numeric values that were logged.

        They are a list of {key, step, time, value}. A value is text, a list, a table or a histogram. The record has
        NaN and infinities in lists and tables as text. They become numbers again, unless another text is in the same
        list.
        """
        of = ["--part"] if self._part else []
        got = _json(["metrics", self.id, "--values", "--json", *of, "--", *keys], self._at, list)
        try:
            return [{**v, "time": _time(v["time"]), "value": _inner_numbers(v["value"])} for v in got]
        except (KeyError, TypeError, ValueError):
            raise incompatible("it printed an invalid value") from None

    @property
    def artifacts(self) -> list[RecordedArtifact]:
        """The artifacts in the order of the record."""
        records = self.record.get("artifacts") or []
        if "artifacts.parquet" in (self.record.get("files") or {}):
            records = _json(["artifacts", self.id, "--here", "--json"], self._at, list)
        return [RecordedArtifact(self, a) for a in records]

    def artifact(self, path: str) -> RecordedArtifact:
        """Return the artifact with a path. Raises NotFoundError if there is none."""
        for a in self.artifacts:
            if a.path == path:
                return a
        raise NotFoundError(f"run {self.id} has no artifact {path!r}; run 'runs artifacts {self.id}' to list them")

    def dataset(self, name: str) -> Table:
        """Return the record of a dataset.

        Raises NotFoundError if there is none with this name.
        """
        datasets = self.record.get("datasets") or ()
        for d in datasets:
            if d.get("name") == name:
                return Table(d)
        known = ", ".join(d["name"] for d in datasets) or "no datasets"
        raise NotFoundError(f"run {self.id} has no dataset {name!r}; it has {known}")

    def _folder(self) -> str:
        """Return the run's folder in the working tree, or '' if it has none."""
        above = self._day()
        folder = os.path.join(above, self.id)
        return folder if above and os.path.isdir(folder) and not os.path.islink(folder) else ""

    def _folders(self) -> list[str]:
        """Return the folders in the working tree that may have files of the run.

        They are its own folder, and those of the batches of its day.
        """
        own, above = self._folder(), self._day()
        folders = [own] if own else []
        if above:
            for name in sorted(os.listdir(above)):
                path = above
                for part in (name, "files", self.id):
                    path = os.path.join(path, part)
                    if os.path.islink(path):
                        break
                else:
                    if name.startswith("batch-") and os.path.isdir(path):
                        folders.append(path)
        return folders

    def _day(self) -> str:
        """Return the folder of the run's day in the working tree, or '' if there is none."""
        root = os.environ.get("RUNS_REPO", "")
        at = self._at
        while not root:
            if os.path.isdir(os.path.join(at, ".runs")):
                root = os.path.join(at, ".runs")
            elif os.path.dirname(at) == at:
                return ""
            at = os.path.dirname(at)
        day = self.id[:8]
        above = os.path.join(root, f"{day[:4]}-{day[4:6]}-{day[6:]}")
        return above if os.path.isdir(above) and not os.path.islink(above) else ""

    def _file(self, name: str) -> bytes | None:
        """Return the content of a file of the run, or None if it is not on this machine.

        None also stands for rows that are in a batch, or in other bytes than those that were recorded: `runs` reads
        and verifies them. Raises CommError if the content of any other file does not match the digest in the record.
        """
        known = (self.record.get("files") or {}).get(name)
        folder = self._folder()
        path = os.path.join(folder, name) if folder else ""
        if not isinstance(known, dict) or not path or os.path.islink(path) or not os.path.isfile(path):
            return None
        from hashlib import sha256

        data = b""
        try:
            with open(path, "rb") as f:
                if os.fstat(f.fileno()).st_size == known.get("bytes"):  # before memory is allocated by the record
                    data = f.read()
        except OSError as e:
            raise CommError(f"{path}: {e.strerror or e}") from e
        if sha256(data).hexdigest() != known.get("sha256"):
            if known.get("points"):
                return None
            raise CommError(
                f"reading {path}: its content differs from what was recorded; run 'runs verify {self.id}' for details"
            )
        return data

    def _repr_html_(self) -> str:
        from ._html import run_html

        return run_html(self)

    def __repr__(self) -> str:
        return f"<run {self.name} ({self.id}), {self.status}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordedRun) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)


_KEYS = frozenset(
    """
    schema key experiment author command cwd exit_code signal end_reason group parent resumes adds reproduces note nulls
    datasets conflicts defined redacted
    """.split()
)


def _numbers(value: Any) -> Any:
    """Return a copy of a JSON value with NaN and infinities as numbers.

    In JSON they are the texts NaN, Infinity and -Infinity.
    """
    if isinstance(value, dict):
        return {k: _numbers(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_numbers(v) for v in value]
    return _SPECIAL.get(value, value) if isinstance(value, str) else value


def _inner_numbers(value: Any) -> Any:
    """Do the same as _numbers inside lists and tables.

    A list with any other text keeps all its texts.
    """
    if isinstance(value, dict):
        return {k: _SPECIAL.get(v, v) if isinstance(v, str) else _inner_numbers(v) for k, v in value.items()}
    if isinstance(value, list):
        texts = any(isinstance(v, str) and v not in _SPECIAL for v in value)
        return [(v if texts else _SPECIAL[v]) if isinstance(v, str) else _inner_numbers(v) for v in value]
    return value


def _set_none(params: dict[str, Any], dotted: str) -> None:
    """Set a param, or an item of a list in one, to None.

    dotted is a dotted key of TOML, in which a quoted part may contain dots. A part that follows a list is an index. An
    entry that names something that has another value is ignored.
    """
    import json
    import re

    parts = [json.loads(p) if p.startswith('"') else p for p in re.findall(r'"(?:[^"\\]|\\.)*"|[^."]+', dotted)]
    inner: Any = params
    for n, part in enumerate(parts):
        last = n == len(parts) - 1
        if isinstance(inner, dict):
            if part not in inner:
                inner[part] = None if last else {}
            inner = inner[part]
        elif isinstance(inner, list) and part.isdecimal() and int(part) < len(inner):
            if last and inner[int(part)] == "null":
                inner[int(part)] = None
            inner = inner[int(part)]
        else:
            return


class Runs(list[RecordedRun]):
    """A list of recorded runs, newest first, that converts to a data frame."""

    def _rows(self) -> list[dict[str, Any]]:
        rows = []
        for r in self:
            row: dict[str, Any] = {
                "id": r.id,
                "name": r.name,
                "status": r.status,
                "started": r.started,
                "experiment": r.experiment,
            }
            _flat("params.", r._params(), row)
            for key, m in (r.record.get("metrics") or {}).items():
                row["metrics." + key] = _SPECIAL.get(m["last"], m["last"]) if isinstance(m["last"], str) else m["last"]
            _flat("summary.", _numbers(r.record.get("summary") or {}), row)
            _flat("tags.", r.record.get("tags") or {}, row)
            rows.append(row)
        return rows

    def _source(self) -> tuple[Columns | None, list[int]]:
        """Return the columns that all these runs are rows of, and the rows, or None."""
        source = self[0]._source if self else None
        if source is None or any(r._source is not source for r in self):
            return None, []
        return source, [r._row for r in self]

    def _columns(self) -> dict[str, Any]:
        source, taken = self._source()
        if source is not None:
            columns = {n: source.values(n) for n in source.keys}
            if taken != list(range(source.rows)):
                columns = {n: [c[i] for i in taken] for n, c in columns.items()}
            return columns
        rows = self._rows()
        names = list(dict.fromkeys(n for row in rows for n in row))
        return {n: [row.get(n) for row in rows] for n in names}

    def to_pandas(self) -> Any:
        """Return a pandas data frame with one row per run.

        The columns are id, name, status, started, experiment, params.…, metrics.… (the last value), summary.… and
        tags.…. Raises CommError if pandas is not installed.
        """
        try:
            import pandas
        except ImportError as e:
            raise _missing("to_pandas", "pandas", e) from e
        source, taken = self._source()
        if source is None:
            return pandas.DataFrame(self._columns())
        import numpy

        take = None if taken == list(range(source.rows)) else numpy.array(taken, dtype="int64")
        return pandas.DataFrame({n: source.series(n, take) for n in source.keys}, copy=False)

    def to_polars(self) -> Any:
        """Return a polars data frame with the columns of to_pandas.

        Raises CommError if polars is not installed.
        """
        try:
            import polars
        except ImportError as e:
            raise _missing("to_polars", "polars", e) from e
        return polars.DataFrame({n: _uniform(c) for n, c in self._columns().items()}, strict=False)

    def to_arrow(self) -> Any:
        """Return a pyarrow table with the columns of to_pandas.

        Raises CommError if pyarrow is not installed.
        """
        try:
            import pyarrow
        except ImportError as e:
            raise _missing("to_arrow", "pyarrow", e) from e
        return pyarrow.table({n: pyarrow.array(_uniform(c)) for n, c in self._columns().items()})

    def _repr_html_(self) -> str:
        from ._html import runs_html

        return runs_html(self)


def _missing(call: str, library: str, e: ImportError) -> CommError:
    return CommError(f"{call}: {e}; run 'pip install {library}', or loop over the runs")


def _uniform(column: list[Any]) -> list[Any]:
    """Return a column as one type.

    Integers and floats become float, and any other mixture becomes text.
    """
    kinds = {type(v) for v in column if v is not None}
    if kinds <= {int, float} and len(kinds) == 2:
        return [None if v is None else float(v) for v in column]
    if len(kinds) > 1 or kinds & {list, dict}:
        return [None if v is None else v if isinstance(v, str) else repr(v) for v in column]
    return column


def _flat(prefix: str, values: Mapping[str, Any], into: dict[str, Any]) -> None:
    """Add the values to a row by their names, which are their paths joined by dots.

    Two that share a name have their dotted keys of TOML instead, as in `runs ls`.
    """
    found: dict[str, list[tuple[tuple[str, ...], Any]]] = {}
    for path, value in _leaves(values, ()):
        found.setdefault(".".join(path), []).append((path, value))
    for name, leaves in found.items():
        for path, value in leaves:
            into[prefix + (name if len(leaves) == 1 else _dotted(path))] = value


def _leaves(values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _dotted(path: tuple[str, ...]) -> str:
    """Return the path as a dotted key of TOML.

    A part that is not a bare key is in quotes.
    """
    import json
    import re

    bare = re.compile(r"[A-Za-z0-9_-]+").fullmatch
    return ".".join(part if bare(part) else json.dumps(part, ensure_ascii=False) for part in path)


class Diff:
    """The differences between two runs. str() returns the text of `runs diff`.

    The attributes params, metrics, tags, summary, datasets, artifacts, environment and source are the tables of
    `runs diff --json`.
    """

    def __init__(self, record: Mapping[str, Any], text: str) -> None:
        self.record = dict(record)
        self._text = text

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self.record:
            raise AttributeError(name)
        return self.record[name]

    def _name(self, side: str) -> str:
        """Return the name of a side, or the random part of its id, or its group."""
        of = self.record.get(side)
        if not isinstance(of, Mapping):
            return side
        return str(of.get("name") or str(of.get("id") or "").rsplit("-", 1)[-1] or of.get("group") or side)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        differ = [
            f"{n} {what if n > 1 else what.removesuffix('s')}"
            for what in ("params", "metrics", "summary", "tags", "datasets", "artifacts")
            if (n := len(self.record.get(what) or ()))
        ]
        if files := (self.record.get("source") or {}).get("files"):
            differ.append(f"{len(files)} source file{'s' if len(files) > 1 else ''}")
        what = ", ".join(differ) + " differ" if differ else "nothing differs"
        return f"<diff of {self._name('a')} and {self._name('b')}: {what}>"

    def _repr_html_(self) -> str:
        from ._html import diff_html

        return diff_html(self)


def load(selector: Any = "last", path: Any = None) -> RecordedRun:
    """Return the run that a selector matches. Active runs count as well.

    Args:
        selector: An id, a name, "last", "best=loss", "main:best(loss)" or another selector of `runs`.
        path: A folder of the project. The default is the current one.

    Raises:
        NotFoundError: No run or several runs match.
        CommError: The folder is not in a project.
    """
    return _run_of(_json(["show", _selector(selector), "--json"], path), path)


def runs(
    expression: str | None = None,
    *,
    experiment: str | None = None,
    sort: str | None = None,
    n: int | None = None,
    rev: str | None = None,
    path: Any = None,
    parts: bool = False,
) -> Runs:
    """Return the runs that match an expression, newest first.

    A chain of resumed runs is one entry, its last part, as in `runs ls`. The expression, metrics() and values() refer
    to the whole chain. sort, best, summary and the columns of to_pandas() refer to the record of the last part. A
    damaged run is left out with a warning.

    Args:
        expression: A filter such as "metrics.loss < 0.3 and params.model = 'mlp'". The default is all runs.
        experiment: Only runs of this experiment.
        sort: A metric or param to sort by, such as "loss" or "lr:desc".
        n: The maximum number of runs.
        rev: A Git revision to read the runs from.
        path: A folder of the project. The default is the current one.
        parts: List each run of a chain, with its own points and values.

    Raises:
        UsageError: The expression is invalid, or is a path of W&B such as "me/project" that matches no run.
        CommError: The folder is not in a project.
    """
    if expression is not None and not isinstance(expression, str):
        raise UsageError(
            f"gitruns.runs: expression must be a string, got {expression!r:.100}; "
            "for the runs of an experiment, use runs(\"experiment = 'project'\")"
        )
    if n is not None and (not hasattr(type(n), "__index__") or n < 0):
        raise UsageError(f"gitruns.runs: n must be an integer of 0 or more, got {n!r:.100}")
    given = {"experiment": experiment, "where": expression, "sort": sort, "rev": rev}
    request: dict[str, Any] = {key: str(value) for key, value in given.items() if value is not None}
    for text in request.values():
        if "\0" in text:
            raise UsageError(f"{text!r} contains a character that cannot be passed to the program 'runs'")
    request["parts"] = bool(parts)
    if n is not None:
        request["limit"] = int(n)
    from ._columns import Columns

    source = Columns(request, _folder_of(path))
    at = os.path.abspath(os.fsdecode(os.fspath(path))) if path is not None else os.getcwd()
    found = Runs(_lazy(source, row, at, parts) for row in range(source.rows))
    if not source.total and expression and (project := _project_of(expression)):
        text = f"no run has {expression!r}; for the runs of an experiment, use runs(\"experiment = '{project}'\")"
        if "/" in expression:
            raise UsageError(text)
        warn_once(("runs", expression), text)
    return found


def _lazy(source: Columns, row: int, at: str, part: bool) -> RecordedRun:
    """Return the run of a row, whose record is fetched when it is needed."""
    run = RecordedRun.__new__(RecordedRun)
    run.__dict__.update(_source=source, _row=row, _at=at, _part=part)
    return run


def _project_of(expression: str) -> str:
    """Return the project of a path of W&B's Api, or '' for an expression.

    A path is "me/project" or "project".
    """
    import re

    return expression.rpartition("/")[2] if re.fullmatch(r"[\w-]+(/[\w.-]+)?", expression) else ""


def diff(a: Any = None, b: Any = None, path: Any = None) -> Diff:
    """Compare two runs or two groups of seeds.

    Args:
        a: A run or a selector, such as "group=wide" for a group. Without a and b, the newest run is compared with the
            one before it.
        b: The other run or selector. The default is the newest run.
        path: A folder of the project. The default is the current one.

    Returns:
        The differences in params, metrics with verdicts, datasets, packages and source.

    Raises:
        NotFoundError: A selector matches no run.
        CommError: The folder is not in a project.
    """
    from ._binary import call

    names = [_selector(s) for s in (a, b) if s is not None]
    record = _json(["diff", *names, "--json"], path)
    _, out, _ = call(["diff", *names], cwd=_folder_of(path))
    return Diff(record, out.decode("utf-8", "replace"))


def _installed(module: str) -> bool:
    if module in sys.modules:
        return True
    from importlib.util import find_spec

    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _time(text: str | None) -> Any:
    """Return a time of a record as a datetime in UTC."""
    if not text:
        return None
    from datetime import datetime, timezone

    head, _, rest = text.rstrip("Z").partition(".")
    time = datetime.strptime(head, "%Y-%m-%dT%H:%M:%S")
    return time.replace(microsecond=int((rest + "000000")[:6]), tzinfo=timezone.utc)


__all__ = ["Diff", "Error", "RecordedArtifact", "RecordedRun", "Runs", "diff", "load", "runs"]
