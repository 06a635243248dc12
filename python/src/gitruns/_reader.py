"""Reading what was recorded: load, runs and diff, over the documented JSON of the `runs` program."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from ._errors import CommError, Error, NotFoundError, UsageError
from ._say import once

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from typing import Any

_COLUMNS = ("key", "step", "time", "value")
_SPECIAL = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def _ask(args: list[str], path: Any = None, kind: type = dict, partial: bool = False) -> Any:
    """The JSON that the program prints, of that kind. Exit status 3 is NotFoundError, 2 UsageError, any other CommError, with its words.

    partial: a list that is printed with status 1 lacks what is damaged; the words are said once.
    """
    import json

    from ._binary import call, words

    code, out, err = call(args, cwd=_place(path))
    said = [line.removeprefix("runs: ") for line in words(err)]
    try:
        got = json.loads(out) if code == 0 or partial and code == 1 else None
    except (ValueError, RecursionError):
        got = None
    if isinstance(got, kind):
        if code:
            once(("damaged", *said), "; ".join(said[:3]) + (f"; and {len(said) - 3} more" if len(said) > 3 else ""))
        return got
    if code == 0:
        raise _foreign(f"'runs {args[0]}' answered no JSON that is known")
    raise {3: NotFoundError, 2: UsageError}.get(code, CommError)(
        "; ".join(said[-2:])[:2000] or f"runs {args[0]} ended with status {code}"
    )


def _place(path: Any) -> str | None:
    return os.fsdecode(os.fspath(path)) if path is not None else None


def _foreign(why: str) -> CommError:
    from ._binary import find

    return CommError(f"{find()} does not work with this client ({why}); 'pip install --upgrade gitruns' brings both")


def _run_of(record: Any, path: Any, part: bool = False) -> RecordedRun:
    """The run of a record that the program printed. Raises CommError for what is none."""
    if not isinstance(record, dict) or not all(isinstance(record.get(k), str) for k in ("id", "status")):
        raise _foreign("it printed what is no run")
    return RecordedRun(record, path, part)


def _selector(selector: Any) -> str:
    text = str(getattr(selector, "run_id", None) or getattr(selector, "id", None) or selector)
    if text.startswith("-"):
        raise UsageError(f"{text!r} is no selector of a run")
    return text


class Table(Mapping):  # type: ignore[type-arg]
    """A table inside a record: a dict whose keys are attributes too."""

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
            raise AttributeError(
                f"no {name!r}; there is {', '.join(map(str, list(self._values)[:20])) or 'nothing'}"
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a record is only read; runs tag, runs note and runs name add to it")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)

    def dict(self) -> dict[str, Any]:
        """A copy as plain dicts."""
        return dict(self._values)


class RecordedArtifact:
    """An output of a run: path in the run, sha256, bytes, and where it has them kind, key, step and caption."""

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
        """Write the artifact below the folder `to` (default: the current one), proved by its digest, and return its path.

        What is not on this machine is fetched from the project's store. Raises CommError where it cannot be had.
        """
        from ._binary import call, words
        from ._files import no_links

        folder = os.path.abspath(os.fsdecode(os.fspath(to)) if to is not None else ".")
        target = os.path.normpath(os.path.join(folder, *self.path.split("/")))
        if not target.startswith(os.path.join(folder, "")):
            raise CommError(f"the artifact's path {self.path!r} leads out of {folder}")
        here = self._run._folder()
        try:
            no_links(folder, self.path)
            if here:
                no_links(here, "artifacts/" + self.path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
        except (OSError, ValueError) as e:
            raise CommError(f"{self.path}: {e}") from e
        code, _, err = call(["artifacts", self._run.id, self.path, "-o", target], cwd=self._run._at)
        if code != 0:
            raise CommError("; ".join(words(err))[:2000] or f"runs artifacts ended with status {code}")
        return target

    def local(self) -> str | None:
        """Its path in the project where the run's folder holds it, proved by its digest, else None: a pointer of git LFS is not the file."""
        parts = self.path.split("/")
        path = self._run._folder()
        if not path or not all(parts) or ".." in parts or "." in parts:
            return None
        for part in ("artifacts", *parts):
            path = os.path.join(path, part)
            if os.path.islink(path):
                return None
        return path if os.path.isfile(path) and _digest(path) == self.sha256 else None

    def __repr__(self) -> str:
        return f"<artifact {self.path}, {self.bytes} bytes>"


class RecordedRun:
    """A run as its record says. Attributes are the keys of run.toml: id, name, status, params, tags, summary, source, …"""

    def __init__(self, record: Mapping[str, Any], at: Any = None, part: bool = False) -> None:
        self.record = dict(record)
        self._part = part  # its points and values are of this run alone, also where it resumes others
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

    id: str = property(lambda self: self.record["id"])  # type: ignore[assignment]
    status: str = property(lambda self: self.record["status"])  # type: ignore[assignment]

    @property
    def name(self) -> str:
        """The name, else the random part of the id."""
        return self.record.get("name") or self.id.rsplit("-", 1)[-1]

    def __getattr__(self, name: str) -> Any:
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
                raise _foreign(f"it printed a run whose {name!r} is no time") from None
        if name in _KEYS:
            return self.record.get(name)
        raise AttributeError(f"a run has no {name!r}; its record has {', '.join(self.record)}")

    @property
    def config(self) -> Table:
        """The same as params."""
        return Table(self._params())

    def _params(self) -> dict[str, Any]:
        """The params as they were given: None where the record has them under nulls, and infinities and NaN as numbers."""
        params: dict[str, Any] = _numbers(self.record.get("params") or {})
        for dotted in self.record.get("nulls") or ():
            _set_none(params, dotted)
        return params

    @property
    def best(self) -> Table:
        """For each metric the table of run.toml: last, min, min_step, max, max_step, count, goal."""
        return Table(_numbers(self.record.get("metrics") or {}))

    def metrics(self, *keys: str, as_: str | None = None, part: bool | None = None) -> Any:
        """The points of the metrics that are named, else of all: columns key, step, time (UTC, microseconds), value.

        Of a run that resumes others, the whole chain: where steps repeat, the later part's. part=True is this run alone,
        the default of those that runs(parts=True) lists.
        as_ is arrow, pandas, polars or lists; without it the first that is installed, in this order. lists is a dict of
        four lists, each as long as there are points. NaN and infinities are values. The file's digest is verified.
        Raises UsageError for another as_, CommError where the library is missing or the file was changed.
        """
        if as_ not in (None, "arrow", "pandas", "polars", "lists"):
            raise UsageError(f"metrics: as_ is arrow, pandas, polars or lists, not {as_!r}")
        part = self._part if part is None else part
        kind = as_ or next(
            (k for k, m in (("arrow", "pyarrow"), ("pandas", "pandas"), ("polars", "polars")) if _installed(m)), "lists"
        )
        chain = bool(self.record.get("resumes")) and not part
        unknown = [k for k in keys if k not in (self.record.get("metrics") or {})]
        if unknown and not chain:
            raise NotFoundError(
                f"run {self.id} has no metric {unknown[0]!r}; it has {', '.join(list(self.record.get('metrics') or {})[:20]) or 'none'}"
            )
        if kind == "lists":
            return self._lists(keys, part=part)
        data = None if chain else self._file("metrics.parquet")
        try:
            if kind == "arrow":
                return self._arrow(data, keys, part)
            if kind == "polars":
                return self._polars(data, keys, part)
            import pandas

            if data is None or not _installed("pyarrow"):
                return pandas.DataFrame(self._lists(keys, part=part), columns=list(_COLUMNS))
            return self._arrow(data, keys, part).to_pandas()
        except Error:
            raise
        except ImportError as e:
            raise CommError(f"metrics: {e}; as_='lists' needs nothing installed") from e
        except Exception as e:  # whatever the library says of a file that is no Parquet
            raise CommError(
                f"metrics.parquet of run {self.id} cannot be read ({type(e).__name__}: {e}); 'runs verify {self.id}' says more"
            ) from e

    def _polars(self, data: bytes | None, keys: tuple[Any, ...], part: bool) -> Any:
        import polars

        types = {
            "key": polars.String,
            "step": polars.Int64,
            "time": polars.Datetime("us", "UTC"),
            "value": polars.Float64,
        }
        if data is None:
            return polars.DataFrame(self._lists(keys, part=part), schema=types)
        import io

        frame = polars.read_parquet(io.BytesIO(data), columns=list(_COLUMNS))
        for name, want in types.items():
            if frame.schema[name] != want and not (name == "key" and frame.schema[name] == polars.Categorical):
                raise self._mistyped(name, frame.schema[name], want)
        return frame.filter(polars.col("key").is_in(list(keys))) if keys else frame

    def _arrow(self, data: bytes | None, keys: tuple[Any, ...], part: bool) -> Any:
        import pyarrow

        types = {
            "key": pyarrow.string(),
            "step": pyarrow.int64(),
            "time": pyarrow.timestamp("us", tz="UTC"),
            "value": pyarrow.float64(),
        }
        if data is None:
            lists = self._lists(keys, part=part)
            return pyarrow.table({c: pyarrow.array(lists[c], type=types[c]) for c in _COLUMNS})
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(pyarrow.BufferReader(data), columns=list(_COLUMNS))
        for name, want in types.items():
            got = table.schema.field(name).type
            if (got.value_type if pyarrow.types.is_dictionary(got) and name == "key" else got) != want:
                raise self._mistyped(name, got, want)
        if keys:
            import pyarrow.compute

            table = table.filter(pyarrow.compute.is_in(table["key"], value_set=pyarrow.array(list(keys))))
        return table

    def _mistyped(self, name: str, got: Any, want: Any) -> CommError:
        return CommError(
            f"metrics.parquet of run {self.id} cannot be read: the column {name} is of {got}, not of {want}; 'runs verify {self.id}' says more"
        )

    def _lists(self, keys: Sequence[Any], every: int = 1, part: bool | None = None) -> dict[str, Any]:
        of = ["--part"] if (self._part if part is None else part) else []
        some = self.record.get("metrics") or self.record.get("resumes")
        points = (
            _ask(["metrics", self.id, "--json", "--every", str(every), *of, "--", *keys], self._at, list)
            if some
            else []
        )
        out: dict[str, Any] = {c: [] for c in _COLUMNS}
        try:
            for p in points:
                out["key"].append(p["key"])
                out["step"].append(p["step"])
                out["time"].append(_time(p["time"]))
                out["value"].append(_SPECIAL[p["value"]] if isinstance(p["value"], str) else float(p["value"]))
        except (KeyError, TypeError, ValueError):
            raise _foreign("it printed what is no point of a metric") from None
        return out

    def history(self, key: str) -> tuple[list[int], list[float]]:
        """Steps and values of one metric, two lists of the same length."""
        lists = self.metrics(key, as_="lists")
        return lists["step"], lists["value"]

    def values(self, *keys: str) -> list[dict[str, Any]]:
        """What was logged and is no number: a list of {key, step, time, value}; value is text, a list, a table, a histogram.

        In lists and tables NaN and infinities are numbers again; the record has them as the texts NaN, Infinity and -Infinity, which stay
        texts where another text stands beside them.
        """
        of = ["--part"] if self._part else []
        got = _ask(["metrics", self.id, "--values", "--json", *of, "--", *keys], self._at, list)
        try:
            return [{**v, "time": _time(v["time"]), "value": _inner_numbers(v["value"])} for v in got]
        except (KeyError, TypeError, ValueError):
            raise _foreign("it printed what is no value") from None

    @property
    def artifacts(self) -> list[RecordedArtifact]:
        """The artifacts, in the order of the record."""
        records = self.record.get("artifacts") or []
        if "artifacts.parquet" in (self.record.get("files") or {}):
            records = _ask(["artifacts", self.id, "--here", "--json"], self._at, list)
        return [RecordedArtifact(self, a) for a in records]

    def artifact(self, path: str) -> RecordedArtifact:
        """The artifact of that path. Raises NotFoundError where there is none."""
        for a in self.artifacts:
            if a.path == path:
                return a
        raise NotFoundError(f"run {self.id} has no artifact {path!r}; 'runs artifacts {self.id}' lists them")

    def dataset(self, name: str) -> Table:
        """The record of the data of that name. Raises NotFoundError where there is none."""
        for d in self.record.get("datasets") or ():
            if d.get("name") == name:
                return Table(d)
        raise NotFoundError(
            f"run {self.id} has no dataset {name!r}; it has {', '.join(d['name'] for d in self.record.get('datasets') or ()) or 'none'}"
        )

    def _folder(self) -> str:
        """The run's folder in the working tree, '' where it has none here."""
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
        folder = os.path.join(above, self.id)
        return folder if os.path.isdir(folder) and not os.path.islink(above) and not os.path.islink(folder) else ""

    def _file(self, name: str) -> bytes | None:
        """What a file of the run holds, proved by the digest of the record; None where it is not here."""
        known = (self.record.get("files") or {}).get(name)
        folder = self._folder()
        path = os.path.join(folder, name) if folder else ""
        if not isinstance(known, dict) or not path or os.path.islink(path) or not os.path.isfile(path):
            return None
        from hashlib import sha256

        try:
            with open(path, "rb") as f:
                data = f.read(known.get("bytes", -2) + 1)
        except OSError as e:
            raise CommError(f"{path}: {e.strerror or e}") from e
        if sha256(data).hexdigest() != known.get("sha256"):
            raise CommError(f"{path} is not what run {self.id} recorded; 'runs verify {self.id}' says more")
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
    "schema key experiment author command cwd exit_code signal end_reason group parent resumes reproduces note nulls datasets conflicts defined redacted".split()
)


def _numbers(value: Any) -> Any:
    """A value of JSON in which the texts NaN, Infinity and -Infinity are the numbers; a copy. A text spelled so cannot be told from them."""
    if isinstance(value, dict):
        return {k: _numbers(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_numbers(v) for v in value]
    return _SPECIAL.get(value, value) if isinstance(value, str) else value


def _inner_numbers(value: Any) -> Any:
    """As _numbers, of what lies inside a list or a table; a list with other texts keeps all its texts."""
    if isinstance(value, dict):
        return {k: _SPECIAL.get(v, v) if isinstance(v, str) else _inner_numbers(v) for k, v in value.items()}
    if isinstance(value, list):
        texts = any(isinstance(v, str) and v not in _SPECIAL for v in value)
        return [(v if texts else _SPECIAL[v]) if isinstance(v, str) else _inner_numbers(v) for v in value]
    return value


def _set_none(params: dict[str, Any], dotted: str) -> None:
    """Put None where a param is null. dotted is a dotted key of TOML, whose parts in quotes may hold dots."""
    import json
    import re

    parts = [json.loads(p) if p.startswith('"') else p for p in re.findall(r'"(?:[^"\\]|\\.)*"|[^."]+', dotted)]
    for part in parts[:-1]:
        params = params.setdefault(part, {})
        if not isinstance(params, dict):
            return
    if parts:
        params.setdefault(parts[-1], None)


def _digest(path: str) -> str:
    import hashlib

    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class Runs(list[RecordedRun]):
    """A list of RecordedRun, newest first."""

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

    def _columns(self) -> dict[str, Any]:
        rows = self._rows()
        names = list(dict.fromkeys(n for row in rows for n in row))
        return {n: [row.get(n) for row in rows] for n in names}

    def to_pandas(self) -> Any:
        """A pandas frame, one row a run: id, name, status, started, experiment, params.…, metrics.… (the last), summary.…, tags.…

        Raises CommError where pandas is missing.
        """
        try:
            import pandas
        except ImportError as e:
            raise _missing("to_pandas", "pandas", e) from e
        return pandas.DataFrame(self._columns())

    def to_polars(self) -> Any:
        """A polars frame with the columns of to_pandas."""
        try:
            import polars
        except ImportError as e:
            raise _missing("to_polars", "polars", e) from e
        return polars.DataFrame({n: _uniform(c) for n, c in self._columns().items()}, strict=False)

    def to_arrow(self) -> Any:
        """A pyarrow Table with the columns of to_pandas."""
        try:
            import pyarrow
        except ImportError as e:
            raise _missing("to_arrow", "pyarrow", e) from e
        return pyarrow.table({n: pyarrow.array(_uniform(c)) for n, c in self._columns().items()})

    def _repr_html_(self) -> str:
        from ._html import runs_html

        return runs_html(self)


def _missing(call: str, library: str, e: ImportError) -> CommError:
    return CommError(f"{call}: {e}; 'pip install {library}', or loop over the runs")


def _uniform(column: list[Any]) -> list[Any]:
    """A column of one type: of several, text."""
    kinds = {type(v) for v in column if v is not None}
    if kinds <= {int, float} and len(kinds) == 2:
        return [None if v is None else float(v) for v in column]
    if len(kinds) > 1 or kinds & {list, dict}:
        return [None if v is None else v if isinstance(v, str) else repr(v) for v in column]
    return column


def _flat(prefix: str, values: Mapping[str, Any], into: dict[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, Mapping):
            _flat(prefix + key + ".", value, into)
        else:
            into[prefix + key] = value


class Diff:
    """What differs between two runs: the attributes params, metrics, tags, summary, datasets, artifacts, environment, source are
    the tables of `runs diff --json`."""

    def __init__(self, record: Mapping[str, Any], text: str) -> None:
        self.record = dict(record)
        self._text = text

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self.record:
            raise AttributeError(name)
        return self.record[name]

    def _name(self, side: str) -> str:
        """What a side is called: its name, the random part of its id, its group."""
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
        return f"<diff of {self._name('a')} and {self._name('b')}: {', '.join(differ) + ' differ' if differ else 'nothing differs'}>"

    def _repr_html_(self) -> str:
        from ._html import diff_html

        return diff_html(self)


def load(selector: Any = "last", path: Any = None) -> RecordedRun:
    """The run that a selector names: an id, a name, "last", "best=loss", "main:best(loss)". path is a folder of the project.

    Runs in progress too. Raises NotFoundError where none or several fit, CommError outside a project.
    """
    return _run_of(_ask(["show", _selector(selector), "--json"], path), path)


def runs(
    expression: str | None = None, *, experiment: str | None = None, sort: str | None = None, n: int | None = None, rev: str | None = None, path: Any = None, parts: bool = False,
) -> Runs:  # fmt: skip
    """The runs that an expression fits, like "metrics.loss < 0.3 and params.model = 'mlp'"; without one all, newest first.

    Runs that resume one another are one entry, the last of them: the expression is of the whole chain, as in `runs ls`, and so are
    metrics() and values(); sort, best, summary and the columns of to_pandas() are of the last part's record. parts=True lists each
    part, with its own points and values.

    sort is a metric or param ("loss", "lr:desc"), n how many at most, rev a revision of git, path a folder of the project. A damaged run
    is said and left out. Raises UsageError for an expression that does not parse, and for a path of W&B's, "me/project", that fits none.
    """
    if expression is not None and not isinstance(expression, str):
        raise UsageError(
            f"gitruns.runs takes an expression as text, not {expression!r:.100}; the runs of an experiment: runs(\"experiment = 'project'\")"
        )
    if n is not None and (not hasattr(type(n), "__index__") or n < 0):
        raise UsageError(f"gitruns.runs: n is how many at most, not {n!r:.100}")
    those, order, fit = _flags(("-e", experiment), ("--rev", rev)), _flags(("--sort", sort)), _flags(("-w", expression))
    if parts:
        records = _ask(["ls", "--json", *those, *order, *fit], path, list, True)
    else:
        # Groups count a chain as its last part; the list has every record.
        groups = _ask(["ls", "--json", "--group-by", "id", *those, *fit], path, list, True)
        try:
            last = {id for group in groups for id in group["runs"]}
        except (KeyError, TypeError):
            raise _foreign("it printed what is no group of runs") from None
        records = [
            r
            for r in _ask(["ls", "--json", *those, *order], path, list, True)
            if not isinstance(r, dict) or str(r.get("id")) in last
        ]
    found = Runs(_run_of(r, path, parts) for r in records[:n])
    if not records and expression and (project := _project_of(expression)):
        text = f"no run has a key {expression!r}; the runs of an experiment: runs(\"experiment = '{project}'\")"
        if "/" in expression:
            raise UsageError(text)
        once(("runs", expression), text)
    return found


def _flags(*given: tuple[str, Any]) -> list[str]:
    """The words of a command for flags with values; None is not given."""
    return [word for flag, value in given if value is not None for word in (flag, str(value))]


def _project_of(expression: str) -> str:
    """The project of a path as W&B's Api takes it, "me/project" or "project"; empty for an expression."""
    import re

    return expression.rpartition("/")[2] if re.fullmatch(r"[\w-]+(/[\w.-]+)?", expression) else ""


def diff(a: Any = None, b: Any = None, path: Any = None) -> Diff:
    """What differs between two runs, or groups ("group=wide"): params, metrics with verdicts, data, packages, source.

    Without b the newest run, without both the newest and the one before it. str() of it is the text of `runs diff`.
    """
    from ._binary import call

    names = [_selector(s) for s in (a, b) if s is not None]
    record = _ask(["diff", *names, "--json"], path)
    _, out, _ = call(["diff", *names], cwd=_place(path))
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
    """A time of the record as a datetime in UTC."""
    if not text:
        return None
    from datetime import datetime, timezone

    head, _, rest = text.rstrip("Z").partition(".")
    return datetime.strptime(head, "%Y-%m-%dT%H:%M:%S").replace(
        microsecond=int((rest + "000000")[:6]), tzinfo=timezone.utc
    )


__all__ = ["Diff", "Error", "RecordedArtifact", "RecordedRun", "Runs", "diff", "load", "runs"]
