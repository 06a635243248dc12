"""What was recorded: load, runs and diff read it through the `runs` program, which verifies what it opens."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from ._errors import CommError, Error, NotFoundError, UsageError

_FRAMES = ("arrow", "pandas", "polars")
_MODULES = {"arrow": "pyarrow", "pandas": "pandas", "polars": "polars"}
_COLUMNS = ("key", "step", "time", "value")
_SPECIAL = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def load(selector: Any = "last", path: Any = None) -> RecordedRun:
    """The run that selector names: an id, a name, `last~2`, `best=loss`, `REV:last`, as `runs show` takes it.

    path is a folder of the project (default: the working directory). Runs in progress are read too. Raises
    NotFoundError where no run or more than one is meant, CommError where the program `runs` is missing.
    """
    path = _folder(path)
    return RecordedRun(_json(["show", "--json", "--", _selector(selector)], path), path)


def runs(
    expression: str | None = None, *, experiment: str | None = None, sort: str | None = None, n: int | None = None,
    rev: Any = None, path: Any = None,
) -> RunList:  # fmt: skip
    """The runs for which expression holds, newest first: `runs("metrics.loss < 0.5 and params.lr = 0.1")`.

    experiment, sort ("loss" puts the best first, "loss:desc") and n (at most so many) are those of `runs ls`; rev is a git
    revision, or several, whose runs are listed too. Raises UsageError for an expression that cannot be read.
    """
    args = ["ls", "--json"]
    for flag, value in (("--where", expression), ("--experiment", experiment), ("--sort", sort)):
        if value:
            args.append(f"{flag}={value}")
    if n is not None:
        if isinstance(n, bool) or not isinstance(n, int) or n < 0:
            raise UsageError(f"runs: n is a number of runs, not {n!r}")
        if n == 0:
            return RunList()
        args.append(f"--limit={n}")
    args += [f"--rev={r}" for r in ([rev] if isinstance(rev, str) else rev or ())]
    path = _folder(path)
    return RunList(RecordedRun(record, path) for record in _json(args, path))


def diff(a: Any, b: Any = None, path: Any = None) -> Diff:
    """What differs between run a and run b (default: the newest): did it get better, and what was changed to get there.

    Both are selectors (`group=small` compares groups of seeds), runs that were loaded, or runs in progress.
    """
    if path is None:
        path = getattr(a, "_path", None) or getattr(b, "_path", None)
    return Diff(_json(["diff", "--json", "--", *([_selector(a)] if b is None else [_selector(a), _selector(b)])], _folder(path)))


def _folder(path: Any) -> str | None:
    if path is None:
        return None
    path = os.path.abspath(os.fspath(path))
    if not os.path.isdir(path):
        raise NotFoundError(f"{path} is no folder; path is a folder of the project whose runs are meant")
    return path


def _selector(run: Any) -> str:
    text = getattr(run, "run_id", run)
    if not isinstance(text, str) or not text or "\0" in text:
        raise UsageError(f"a run is named by a text like 'last' or 'best=loss', not by {run!r}")
    return text


def _call(args: list[str], path: str | None) -> bytes:
    """What `runs` prints. What it says when it fails, and its next step, is the text of the error."""
    from ._binary import call

    try:
        code, out, err = call(args, cwd=path)
    except ValueError as e:  # a NUL in an argument
        raise UsageError(f"{args[0]}: {e}") from None
    # A damaged run hides no other of a list: what could be read is there, and the rest is said.
    if code == 0 or code == 1 and args[0] == "ls" and out.strip():
        if code:
            from ._say import say

            say(_said(err) or "some runs cannot be read")
        return out
    text = _said(err) or f"'runs {args[0]}' ended with status {code} and said nothing"
    raise {2: UsageError, 3: NotFoundError}.get(code, Error)(text)


def _said(err: bytes) -> str:
    lines = [line.strip() for line in err.decode("utf-8", "replace").splitlines() if line.strip()]
    first = max((i for i, line in enumerate(lines) if line.startswith("runs: ")), default=0)
    return "; ".join(lines[first:])[:4000].removeprefix("runs: ") if lines else ""


def _json(args: list[str], path: str | None) -> Any:
    import json

    out = _call(args, path)
    try:
        return json.loads(out)
    except ValueError as e:
        raise CommError(f"'runs {args[0]}' printed no JSON ({e}); 'pip install --upgrade gitruns' brings a program that fits") from None


def _number(value: Any) -> Any:
    return _SPECIAL.get(value, value) if isinstance(value, str) else value


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _numbers(v) for k, v in value.items()}
    return [_numbers(v) for v in value] if isinstance(value, list) else _number(value)


def _time(text: str | None) -> Any:
    """A datetime in UTC."""
    if not text:
        return None
    from datetime import datetime, timezone

    whole, _, part = text.rstrip("Z").partition(".")
    return datetime.strptime(f"{whole}.{(part or '0')[:6]}", "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=timezone.utc)


def flatten(values: dict, prefix: str = "") -> dict:
    """A nested dict as one with dotted keys."""
    flat = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def _library(as_: str | None) -> tuple[str, Any]:
    """(kind, module) of the library that a frame is made of; ("dict", None) where none is installed and none was asked for."""
    from importlib import import_module

    if as_ in ("dict", "list"):
        return as_, None
    if as_ is not None and as_ not in _FRAMES:
        raise UsageError(f"as_ is one of arrow, pandas, polars, dict, list, not {as_!r}")
    for kind in [as_] if as_ else _FRAMES:
        try:
            return kind, import_module(_MODULES[kind])
        except ImportError as e:
            if as_:
                raise UsageError(f"as_={as_!r} needs {_MODULES[kind]} ({e}); install it, or ask for as_='dict'") from None
    return "dict", None


class RecordedRun:
    """A run as it was recorded when it was loaded.

    id, name, key, experiment, status, group, note, author, command, exit_code, parent, resumes and reproduces are text, numbers
    or None; started and ended datetimes in UTC; params a nested dict, in which the texts NaN, Infinity and
    -Infinity are floats; tags and summary dicts; source, environment and machine what the record says of them. metrics is
    called for points; metrics_summary says last, min, max and count of each.
    """

    def __init__(self, record: dict, path: str | None = None) -> None:
        self.record = record
        self._path = path
        for name in ("name", "key", "experiment", "status", "group", "note", "author", "command", "cwd", "exit_code", "signal", "end_reason", "parent", "resumes", "reproduces"):
            setattr(self, name, record.get(name))
        self.id: str = record["id"]
        self.run_id = self.id
        self.started = _time(record.get("started"))
        self.ended = _time(record.get("ended"))
        self.params: dict = _numbers(record.get("params") or {})
        for dotted in record.get("nulls") or ():
            _set_none(self.params, dotted)
        self.config = self.params
        self.tags: dict = record.get("tags") or {}
        self.metrics_summary: dict = _numbers(record.get("metrics") or {})
        self.summary: dict = {**{k: m.get("last") for k, m in self.metrics_summary.items()}, **_numbers(record.get("summary") or {})}
        self.source: dict = record.get("source") or {}
        self.environment: dict = record.get("environment") or {}
        self.machine: dict = record.get("machine") or {}
        self.datasets = [RecordedDataset(d) for d in record.get("datasets") or ()]

    @property
    def duration(self) -> float | None:
        """Seconds from start to end; None while it runs."""
        return (self.ended - self.started).total_seconds() if self.ended and self.started else None

    def metrics(self, *keys: str, as_: str | None = None) -> Any:
        """The points of the metrics named, of all without keys: columns key, step, time (UTC, microseconds), value.

        as_ "arrow" gives a pyarrow.Table, "pandas" or "polars" a DataFrame, "dict" a dict of lists, "list" a list of dicts;
        None the first of these libraries that is installed, else a dict of lists. Rows are ordered by key, step and time.
        NaN and infinities are as they were logged. Raises NotFoundError for a metric that the run does not have.
        """
        for key in keys:
            if key not in self.metrics_summary and self.status != "running":
                have = ", ".join(list(self.metrics_summary)[:10]) or "none"
                raise NotFoundError(f"run {self.id} has no metric {key!r}; it has {have}")
        kind, module = _library(as_)
        if kind in _FRAMES and (table := self._parquet(kind, module, keys)) is not None:
            return table
        if not self.metrics_summary and self.status != "running":
            points = []
        else:
            points = _json(["metrics", "--json", "--", self.id, *keys], self._path)
        columns = {
            "key": [p["key"] for p in points], "step": [p["step"] for p in points], "time": [_time(p["time"]) for p in points],
            "value": [float(p["value"]) for p in points],
        }  # fmt: skip
        return _frame(kind, module, columns)

    def history(self, key: str) -> list[tuple[int, float]]:
        """(step, value) of a metric in order of step: of a step that was logged several times the last."""
        points = self.metrics(key, as_="dict")
        return list(dict(zip(points["step"], points["value"])).items())

    def values(self, *keys: str) -> list[dict]:
        """What was logged and is no number, texts, lists, histograms: a list of {"key", "step", "time", "value"}."""
        if self.status != "running" and "values.parquet" not in (self.record.get("files") or {}):
            return []
        rows = _json(["metrics", "--values", "--json", "--", self.id, *keys], self._path)
        return [{**row, "time": _time(row.get("time"))} for row in rows]

    @property
    def artifacts(self) -> list[RecordedArtifact]:
        """The files that the run keeps. Of a run in progress those that it has by now."""
        recorded = {a["path"]: a for a in self.record.get("artifacts") or ()}
        listed = _json(["artifacts", "--json", "--here", "--", self.id], self._path)
        return [RecordedArtifact(self, {**recorded.get(a["path"], {}), **a}) for a in listed]

    def artifact(self, path: str) -> RecordedArtifact:
        """The artifact of this path. Raises NotFoundError where there is none."""
        artifacts = self.artifacts
        for a in artifacts:
            if a.path == path:
                return a
        raise NotFoundError(f"run {self.id} has no artifact {path!r}; it has {', '.join(a.path for a in artifacts[:10]) or 'none'}")

    def dataset(self, name: str) -> RecordedDataset:
        """The dataset of this name. Raises NotFoundError where there is none."""
        for d in self.datasets:
            if d.name == name:
                return d
        raise NotFoundError(f"run {self.id} has no dataset {name!r}; it has {', '.join(d.name for d in self.datasets[:10]) or 'none'}")

    def _runs_folders(self) -> Iterator[str]:
        """The .runs folder that the run is read from: RUNS_REPO, else the nearest upwards."""
        if repo := os.environ.get("RUNS_REPO"):
            yield repo
            return
        folder = os.path.abspath(self._path or os.getcwd())
        while True:
            if os.path.isdir(os.path.join(folder, ".runs")):
                yield os.path.join(folder, ".runs")
                return
            if (up := os.path.dirname(folder)) == folder:
                return
            folder = up

    def _file(self, *parts: str) -> str | None:
        """The path of a file of the finished run on this machine, reached through no link; None where it is not there."""
        day = f"{self.id[:4]}-{self.id[4:6]}-{self.id[6:8]}"
        for base in self._runs_folders():
            path = base
            for part in (day, self.id, *parts):
                path = os.path.join(path, part)
                if os.path.islink(path):
                    return None
            if os.path.isfile(path):
                return path
        return None

    def _parquet(self, kind: str, module: Any, keys: tuple) -> Any:
        """The points from metrics.parquet, whose bytes are proved by their digest; None where the binary has to read them."""
        want = (self.record.get("files") or {}).get("metrics.parquet")
        path = self._file("metrics.parquet") if want and self.status != "running" else None
        if path is None:
            return None
        import hashlib
        import io

        try:
            with open(path, "rb") as f:
                data = f.read(want["bytes"] + 1)
        except OSError:
            return None
        if len(data) != want["bytes"] or hashlib.sha256(data).hexdigest() != want["sha256"]:
            raise Error(f"metrics.parquet of run {self.id} is not what its record says; 'runs verify {self.id}' says what is wrong")
        columns = list(_COLUMNS)
        try:
            if kind == "polars":
                frame = module.read_parquet(io.BytesIO(data), columns=columns)
                return frame.filter(module.col("key").is_in(list(keys))) if keys else frame
            if kind == "pandas":
                frame = module.read_parquet(io.BytesIO(data), columns=columns)
                return frame[frame["key"].isin(keys)].reset_index(drop=True) if keys else frame
            from pyarrow import compute
            from pyarrow import parquet as pq

            table = pq.read_table(io.BytesIO(data), columns=columns)
            table = table.set_column(0, "key", table["key"].cast(module.string()))
            return table.filter(compute.is_in(table["key"], value_set=module.array(keys, module.string()))) if keys else table
        except ImportError:  # pandas without an engine for Parquet
            return None

    def __repr__(self) -> str:
        return f"<RecordedRun {self.name or self.id.rsplit('-', 1)[-1]} ({self.id}), {self.status}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordedRun) and self.record == other.record

    def __hash__(self) -> int:
        return hash(self.id)

    def _repr_html_(self) -> str:
        from ._html import recorded_html

        return recorded_html(self)


def _set_none(params: dict, dotted: str) -> None:
    """Put a None where a param is null. dotted is a TOML key: parts in quotes may hold dots."""
    import re

    parts = [p[1:-1].replace('\\"', '"').replace("\\\\", "\\") if p.startswith('"') else p for p in re.findall(r'"(?:[^"\\]|\\.)*"|[^."]+', dotted)]
    for part in parts[:-1]:
        params = params.setdefault(part, {})
        if not isinstance(params, dict):
            return
    if parts:
        params.setdefault(parts[-1], None)


def _frame(kind: str, module: Any, columns: dict) -> Any:
    if kind == "list":
        return [dict(zip(_COLUMNS, row)) for row in zip(*columns.values())]
    if kind == "dict":
        return columns
    if kind == "arrow":
        types = {"key": module.string(), "step": module.int64(), "time": module.timestamp("us", "UTC"), "value": module.float64()}
        return module.table({name: module.array(columns[name], type=kind_) for name, kind_ in types.items()})
    if kind == "polars":
        return module.DataFrame(columns, schema={"key": module.String, "step": module.Int64, "time": module.Datetime("us", "UTC"), "value": module.Float64})
    frame = module.DataFrame(columns)
    return frame.astype({"key": object, "step": "int64", "time": "datetime64[us, UTC]", "value": "float64"})


class RecordedDataset:
    """Data that a run used: name, path (None outside the project), sha256, bytes, files, rows, columns, role."""

    def __init__(self, record: dict) -> None:
        self.record = record
        self.name: str = record["name"]
        for name in ("path", "sha256", "bytes", "files", "rows", "columns", "role"):
            setattr(self, name, record.get(name))

    def __repr__(self) -> str:
        return f"<RecordedDataset {self.name}: {self.path or 'outside the project'}>"


class RecordedArtifact:
    """A file that a run keeps: path, kind, key, step, caption, sha256, bytes, here (whether this machine has it)."""

    def __init__(self, run: RecordedRun, record: dict) -> None:
        self._run = run
        self.record = record
        self.path: str = record["path"]
        for name in ("kind", "key", "step", "caption", "sha256", "bytes", "where", "here"):
            setattr(self, name, record.get(name))

    def local(self) -> str | None:
        """The path of the file in the run's folder, proved by its digest; None where it lies elsewhere: then download it."""
        if any(p in ("", ".", "..") for p in self.path.split("/")):
            return None
        path = self._run._file("artifacts", *self.path.split("/"))
        if path is None:
            return None
        import hashlib

        digest = hashlib.sha256()
        with open(path, "rb") as f:
            while chunk := f.read(1 << 20):
                digest.update(chunk)
        return path if digest.hexdigest() == self.record["sha256"] else None

    def download(self, dir: Any = ".") -> str:
        """Write the file below the folder dir under its own path, fetched from the store where it is not here; return where.

        Raises Error where it cannot be had, or where a file lies there already that is another.
        """
        if any(p in ("", ".", "..") for p in self.path.split("/")):
            raise Error(f"artifact {self.path!r} of run {self._run.id} has a path that leads elsewhere; 'runs verify {self._run.id}' says more")
        target = os.path.join(os.path.abspath(os.fspath(dir)), *self.path.split("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _call(["artifacts", "--output", target, "--", self._run.id, self.path], self._run._path)
        return target

    def __repr__(self) -> str:
        return f"<RecordedArtifact {self.path}, {self.bytes} bytes>"


class RunList(list):
    """Runs, a list of RecordedRun, with their records as a frame: one row a run."""

    def __init__(self, runs: Iterable[RecordedRun] = ()) -> None:
        super().__init__(runs)

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return RunList(found) if isinstance(index, slice) else found

    def rows(self) -> list[dict]:
        """One dict a run: id, name, experiment, group, status, started, ended, duration, params.*, tags.*, metrics.*

        metrics.X is the best by its goal, else the last, as in an expression.
        """
        rows = []
        for run in self:
            row = {n: getattr(run, n) for n in ("id", "name", "experiment", "group", "status", "started", "ended", "duration")}
            row.update({f"params.{k}": v for k, v in flatten(run.params).items()})
            row.update({f"tags.{k}": v for k, v in run.tags.items()})
            row.update({f"metrics.{k}": best(m) for k, m in run.metrics_summary.items()})
            rows.append(row)
        return rows

    def columns(self) -> dict[str, list]:
        """The rows as a dict of lists, all of one length; None where a run has no such value."""
        rows = self.rows()
        names = list(dict.fromkeys(name for row in rows for name in row))
        return {name: [row.get(name) for row in rows] for name in names}

    def to_pandas(self) -> Any:
        """A pandas.DataFrame, one row a run."""
        return _library("pandas")[1].DataFrame(self.columns())

    def to_arrow(self) -> Any:
        """A pyarrow.Table, one row a run; a column of values of several types holds their JSON."""
        pyarrow = _library("arrow")[1]
        return pyarrow.table({name: _uniform(values, pyarrow.array) for name, values in self.columns().items()})

    def to_polars(self) -> Any:
        """A polars.DataFrame, one row a run; a column of values of several types holds their JSON."""
        polars = _library("polars")[1]
        return polars.DataFrame({name: _uniform(values, lambda v: polars.Series(v, strict=True)) for name, values in self.columns().items()})

    def _repr_html_(self) -> str:
        from ._html import list_html

        return list_html(self)


def _uniform(values: list, make: Any) -> Any:
    if all(v is None or isinstance(v, (int, float)) and not isinstance(v, bool) for v in values) and any(isinstance(v, float) for v in values):
        values = [None if v is None else float(v) for v in values]
    try:
        return make(values)
    except Exception:  # each library has errors of its own for columns of several types
        import json

        return make([None if v is None else v if isinstance(v, str) else json.dumps(v, default=str) for v in values])


def best(metric: dict) -> Any:
    """The value that stands for a metric: the best by its goal, else the last."""
    return metric.get(metric.get("goal") or "last", metric.get("last"))


class Diff:
    """What differs between two runs or groups: the documented JSON of `runs diff` as json, and each of its members as attribute."""

    def __init__(self, record: dict) -> None:
        self.json = record

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "json" or name not in self.json:
            raise AttributeError(f"a diff has no {name}")
        return self.json[name]

    def __getitem__(self, name: str) -> Any:
        return self.json[name]

    def lines(self) -> list[tuple[str, str, str, str, str]]:
        """(part, key, value of a, value of b, verdict or change) of all that differs."""
        found = []
        for m in self.json.get("metrics") or ():
            sides = ["" if m.get(s) is None else text(m[s].get("best", m[s].get("last"))) for s in ("a", "b")]
            relative = m.get("relative")
            change = f" ({relative:+.1%})" if isinstance(relative, (int, float)) else ""
            found.append(("metrics", m["key"], *sides, (m.get("verdict") or "") + change))
        for part in ("params", "tags", "artifacts", "attributes", "environment", "machine", "variables"):
            for d in self.json.get(part) or ():
                found.append((part, d["key"], text(d["a"]) if "a" in d else "", text(d["b"]) if "b" in d else "", ""))
        for d in self.json.get("datasets") or ():
            if d.get("a") != d.get("b"):
                found.append(("datasets", d["name"], (d.get("a") or "")[:12], (d.get("b") or "")[:12], f"{len(d.get('files') or ())} files"))
        for f in (self.json.get("source") or {}).get("files") or ():
            counts = f"+{f['added']} -{f['removed']}" if "added" in f and "removed" in f else "binary"
            found.append(("source", f["path"], "", "", f"{f['change']} {counts}"))
        return found

    def names(self) -> tuple[str, str]:
        """How a and b are called."""
        sides = [self.json.get(s) or {} for s in ("a", "b")]
        return tuple(str(s.get("name") or s.get("group") or s.get("id") or s) for s in sides)  # type: ignore[return-value]

    def __str__(self) -> str:
        a, b = self.names()
        out, part = [clean(f"{a} -> {b}")], ""
        for kind, key, left, right, more in self.lines():
            if kind != part:
                part = kind
                out.append(kind)
            values = f"{left or '-'} -> {right or '-'}" if left or right else ""
            out.append(clean(f"  {key}: {' '.join(w for w in (values, more) if w)}"))
        out += [clean(f"problem: {p}") for p in self.json.get("problems") or ()]
        return "\n".join(out if len(out) > 1 else [*out, "nothing differs"])

    def __repr__(self) -> str:
        a, b = self.names()
        return clean(f"<Diff {a} -> {b}: {len(self.lines())} differences>")

    def _repr_html_(self) -> str:
        from ._html import diff_html

        return diff_html(self)


def clean(line: str) -> str:
    """A line that a terminal shows as it is: control characters are blanks."""
    return "".join(c if c.isprintable() else " " for c in line)


def text(value: Any) -> str:
    """A value as people read it, in one short line."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):
        shown = value
    else:
        import json

        shown = json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= 200 else shown[:200] + "…"
