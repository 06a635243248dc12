"""A run that is being recorded: one line of a journal a call, written when the call returns."""

from __future__ import annotations

import os
import time
from _thread import RLock
from collections.abc import Mapping

from . import _live
from ._bounds import divided, small
from ._config import Config
from ._errors import Error, UsageError
from ._journal import Journal, advice
from ._say import once, say
from ._summary import Summary

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any, Callable, TextIO

    from ._artifact import Artifact

_now = time.time
_os_write = os.write
_position = os.lseek
_LAST_STEP = (1 << 63) - 1


class Run:
    """A run. `gitruns.init()` makes it; all its calls are safe from any thread and in a forked process.

    What log() returned from is on its way to the disk in the operating system's hands: it survives the death of the
    process, SIGKILL too.
    """

    disabled = False

    def __init__(
        self, started: dict[str, Any], *, joined: bool = False, prefix: str = "", allow_val_change: bool = False
    ) -> None:
        self._folder: str = started["dir"]
        self._journal = Journal(started["dir"], started["host"])
        self._runs: str = started.get("runs", "")
        self._sidecar: int = started.get("sidecar", 0)
        self.run_id: str = started["id"]
        self._key = ""
        self._name: str = started.get("name") or ""
        self._notes = ""
        self._tags: tuple[str, ...] = ()
        self._experiment: str = started.get("experiment") or ""
        # The folder's name stands for a project that nobody named; the record leaves it out.
        self.project: str = self._experiment or os.path.basename(started.get("root") or "")
        self.entity = ""
        self.group = ""
        self.job_type = ""
        self.start_time = _now()
        self._joined = joined
        self._prefix = prefix
        self._pid = os.getpid()
        self._lock = RLock()
        self._state = ""  # then finished
        self._templates: dict[tuple[str, ...], str] = {}
        self._step = 0
        self._lost = 0
        self._metrics: set[str] = set()  # keys of rows so far
        self._texts: set[str] = set()
        self._smaller = 0
        self._last: dict[str, Any] = {}
        self._tracked: dict[str, Any] = {}
        self._definitions: list[Any] = []
        self._at_finish: list[Callable[[Run], None]] = []
        self._tensorboard: dict[str, Any] | None = None
        self._ignored: list[str] = []  # options that were taken and are not used
        self._preempting = False
        self._finished_dir = ""
        self._then: list[Callable[[], None]] = []
        self._settings: Any = None
        self._resumed = bool(started.get("resumed"))
        self._config = Config(self._write, allow_val_change, self._lose)
        self._summary = Summary(self)
        if resumed := started.get("resumed"):
            self._step = int(resumed.get("next_step") or 0)
            self._config._load(resumed.get("params") or {})
            self._last.update(
                {k: float(v) if isinstance(v, str) else v for k, v in (resumed.get("metrics") or {}).items()}
            )
            self._summary._own.update(resumed.get("summary") or {})
            self._tags = tuple(
                t
                for t in resumed.get("tags") or ()
                if t not in ("entity", "job_type", "ignored", "lost_rows", "project", "group")
            )
        _live.runs.append(self)

    # What is recorded

    def log(
        self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None, sync: bool | None = None
    ) -> None:
        """Record one row: numbers, text, lists, arrays, media, by key.

        Without step the row goes to the current one, which is then one more; commit=False keeps it, as a given step does
        unless commit=True. A step below the current one is kept too. A key logged twice at a step has its last value.
        NaN and infinities are kept. An array of more than 32 numbers becomes a histogram, a nested dict dotted keys, any
        other object its repr. sync is not used: every row is written at once.

        Raises TypeError where data is no mapping, a key no text or step no whole number, UsageError after finish. Nothing
        else: what cannot be written is said once and counted in the record.
        """
        at = None
        try:
            values = data.values()
            total = sum(values)
            if isinstance(total, (float, int)) and total - total == 0 and type(data) is dict:
                template = self._templates[tuple(data)]
                with self._lock:
                    # The step moves first: a signal handler that logs now has one of its own.
                    if step is None and commit is not False:
                        row = at = self._step
                        if at < _LAST_STEP:
                            self._step = at + 1
                    else:
                        row = self._at(step, commit)
                    now = _now()
                    line = (template % (now, row, *values)).encode()
                    journal = self._journal
                    try:  # as journal.write does it, without the cost of a call
                        ready = now < journal.due and _position(journal.fd, 0, 1) == journal.at
                    except OSError:
                        ready = False
                    if ready:
                        n = _os_write(journal.fd, line)
                        journal.at += n
                        if n != len(line):
                            journal.complete(line[n:])
                    else:
                        journal.write(line)
                    self._last.update(data)
                return
        except OSError as e:
            self._failed(e)
            return
        except Exception:  # no plain numbers, or keys that are new: the way below takes all
            if at is not None and self._step == at + 1:
                self._step = at
        self._log(data, step, commit)

    def _at(self, step: Any, commit: bool | None) -> int:
        """The step of a row, and the current one set to what it is behind that row. The lock is held."""
        if step is None:
            at = self._step
            if commit is not False and at < _LAST_STEP:
                self._step = at + 1
            return at
        at = step if type(step) is int else _integral(step)
        if not -_LAST_STEP - 1 <= at <= _LAST_STEP:
            once(
                ("step", self.run_id),
                f"step {_short(at)} is no 64-bit number: its row is recorded at step {self._step}",
            )
            return self._step
        if at < self._step:
            if at < self._step - 1 or commit is not True:
                self._smaller += 1
                if self._smaller == 1:
                    once(
                        ("smaller", self.run_id),
                        f"step {at} comes after step {self._step}: it is kept at its own step (W&B would drop it)",
                    )
            return at
        self._step = at + 1 if commit is True and at < _LAST_STEP else at
        return at

    def _log(self, data: Any, step: Any, commit: bool | None) -> None:
        if not isinstance(data, Mapping):
            raise TypeError(f"log: data is a dict of values by key, not {type(data).__name__}")
        self._check()
        if step is not None and type(step) is not int:
            step = _integral(step)
        from ._row import split

        for _ in range(10):
            try:
                data = dict(data)
                break
            except RuntimeError:  # another thread adds to it
                continue
        numbers, values, media = split(data)
        with self._lock:
            at = self._at(step, commit)
            whole = self._bound(numbers, self._metrics) and self._bound(values, self._texts)
            if numbers or values:
                for line in self._lines(at, numbers, values):
                    self._put(line)
                self._last.update(numbers)
                self._last.update(values)
                if self._tracked or self._definitions:
                    self._track(numbers)
        if media:
            from ._row import log_media

            for key, value in media:
                try:
                    log_media(self, self._prefix + key, value, at)
                except Exception as e:
                    once(("media", key), f"{key} is not recorded: {type(e).__name__}: {e}")
                    self._write({"step": at, "values": {self._prefix + key: _repr(value)}})
        if whole and numbers and not values and not media and not self._definitions and len(self._templates) < 4096:
            self._remember(data)

    def _remember(self, data: dict[str, Any]) -> None:
        """Keep the template of a row's keys for the next row that has them."""
        from _json import encode_basestring_ascii as quote

        from ._values import key_of

        if any(isinstance(v, Mapping) for v in data.values()):
            return
        names = [quote(self._prefix + key_of(k)).replace("%", "%%") for k in data]
        if len(set(names)) == len(names):
            self._templates[tuple(data)] = '{"t":%.6f,"step":%d,"m":{' + ",".join(n + ":%.17g" for n in names) + "}}\n"

    def _log_at(self, step: int, numbers: dict[str, float]) -> None:
        """Record numbers that have a count of steps of their own: the run's current step stays as it is."""
        self._check()
        with self._lock:
            self._bound(numbers, self._metrics)
            for line in self._lines(step, numbers, {}):
                self._put(line)
            self._last.update(numbers)
            self._track(numbers)

    def _bound(self, values: dict[str, Any], known: set[str]) -> bool:
        """Take out of a row the keys that are more than a run may have, False where there are some. The lock is held."""
        if values.keys() <= known:
            return True
        from ._bounds import MAX_KEYS, named

        over = [key for key in values if key not in known][max(0, MAX_KEYS - len(known)) :]
        for key in over:
            del values[key]
        known.update(values)
        if over:
            self._lost += len(over)
            once(
                ("keys", self.run_id),
                f"NOT RECORDED: {named(over)}: a run has at most {MAX_KEYS:,} keys; those that it has go on, what is lost is counted",
            )
        return not over

    def _lines(self, step: int, numbers: dict[str, Any], values: dict[str, Any]) -> list[bytes]:
        from _json import encode_basestring_ascii as quote

        head = '{"t":%.6f,"step":%d' % (_now(), step)  # noqa: UP031 - as in _number
        parts = (
            [',"m":{' + ",".join(quote(self._prefix + k) + ":" + _number(v) for k, v in numbers.items()) + "}"]
            if numbers
            else []
        )
        if values:
            import json

            from ._bounds import MAX_VALUE

            if self._prefix:
                values = {self._prefix + k: v for k, v in values.items()}
            text = json.dumps(values)
            if len(text) <= MAX_VALUE:
                parts = ["".join(parts) + ',"values":' + text]
            else:
                parts += [
                    ',"values":' + json.dumps(part["values"]) for part in divided({"values": values}, self._left_out)
                ]
        return [(head + part + "}\n").encode() for part in parts]

    def _write(self, record: dict[str, Any]) -> None:
        """Append one record, whose time is set here. What cannot be written is said once and counted."""
        import json

        self._check()
        try:
            text = json.dumps({"t": round(_now(), 6), **record})
            texts = [text]
            if not small(record, text):
                texts = [json.dumps({"t": round(_now(), 6), **part}) for part in divided(record, self._left_out)]
        except (TypeError, ValueError, RecursionError) as e:
            once(("record", next(iter(record), "")), f"a record of {', '.join(record)} is not written: {e}")
            self._lost += 1
            return
        with self._lock:
            for text in texts:
                self._put((text + "\n").encode())

    def _lose(self, count: int) -> None:
        self._lost += count

    def _left_out(self, key: str) -> None:
        self._lost += 1
        once(
            ("long", self.run_id, key),
            f"NOT RECORDED: {key} has more than 1 MiB or 10,000 values; run.save() or an Artifact keeps a file of any size",
        )

    def _put(self, line: bytes) -> None:
        """Write one line with one call. The lock is held."""
        try:
            self._journal.write(line)
        except OSError as e:
            self._failed(e)

    def _failed(self, e: OSError) -> None:
        self._lost += 1
        once(
            ("lost", self.run_id),
            f"RECORDING FAILS: {e.strerror or e} ({self._folder}); training goes on, the rows lost are counted; {advice(e)}",
        )

    @property
    def _lost_rows(self) -> int:
        """Rows and values that this process could not write."""
        return self._lost - self._journal.repaired

    def _check(self) -> None:
        if self._state:
            raise UsageError(
                f"run {self.id} is finished; begin another with gitruns.init(), or go on with it: init(id={self.id!r}, resume='allow')"
            )

    def define_metric(
        self, name: str, step_metric: Any = None, step_sync: bool | None = None, hidden: bool | None = None,
        summary: str | None = None, goal: str | None = None, overwrite: bool | None = None,
    ) -> Metric:  # fmt: skip
        """Say of a metric, or of those that a glob like "val/*" names, what its x axis, summary and goal are.

        step_metric is the key of another metric; summary of min, max, mean, best, first, last, none, several with commas;
        goal "minimize" or "maximize". Raises UsageError for others.
        """
        self._check()
        name = getattr(name, "name", name)
        if not isinstance(name, str) or not name:
            raise UsageError("define_metric: name is the key of a metric, or a glob")
        if "*" in name[:-1]:
            raise UsageError(f"define_metric: {name!r}: a glob has its * at the end")
        axis = getattr(step_metric, "name", step_metric)
        if axis is not None and not isinstance(axis, str):
            raise UsageError("define_metric: step_metric is the key of a metric")
        from ._values import key_of

        name = key_of(name)
        axis = key_of(axis) if axis else None
        kinds = [s.strip() for s in summary.split(",") if s.strip()] if summary else []
        for kind in kinds:
            if kind not in ("min", "max", "mean", "last", "first", "best", "none", "copy"):
                raise UsageError(f"define_metric: summary {kind!r} is none of min, max, mean, last, first, best, none")
        goals = {"min": "min", "minimize": "min", "max": "max", "maximize": "max", None: None, "": None}
        if goal not in goals:
            raise UsageError(f"define_metric: goal {goal!r} is neither minimize nor maximize")
        way = goals[goal]
        if "best" in kinds and way is None:
            raise UsageError("define_metric: summary 'best' needs a goal, minimize or maximize")
        record: dict[str, Any] = {"name": name}
        if axis:
            record["step_metric"] = axis
        if step_sync is not None:
            record["step_sync"] = bool(step_sync)
        if hidden is not None:
            record["hidden"] = bool(hidden)
        if kinds:
            record["summary"] = ",".join(kinds)
        if way:
            record["goal"] = way
        with self._lock:
            if overwrite:
                self._definitions = [d for d in self._definitions if d[0] != name]
            if kinds and kinds != ["last"]:
                self._definitions.insert(0, (name, kinds, way))
                self._templates.clear()
            self._write({"metric": record})
        return Metric(name, axis, way)

    def _track(self, numbers: dict[str, Any]) -> None:
        for key, value in numbers.items():
            for name, kinds, way in self._definitions:
                if key == name or name.endswith("*") and key.startswith(name[:-1]):
                    self._tracked[key] = _stats(self._tracked.get(key) or {}, kinds, way, value)
                    break

    def log_dataset(self, path: Any, name: str | None = None, role: str | None = None) -> None:
        """Record data, a file or a folder, by its hash. See gitruns.log_dataset."""
        from ._dataset import log_dataset

        log_dataset(self, path, name, role)

    def save(self, glob_str: Any = None, base_path: Any = None, policy: str = "live") -> list[str] | bool:
        """Keep the files that a glob names with the run: copied now, and for the policies live and end again at the finish."""
        if glob_str is None:
            return True  # what W&B wrote to its server with this call is on disk
        from ._save import save

        return save(self, glob_str, base_path, policy)

    def restore(self, name: Any, run_path: str | None = None, replace: bool = False, root: Any = None) -> TextIO | None:
        """Bring back a file that this run, one that it resumes, or the run of run_path kept. See gitruns.restore."""
        from ._restore import restored

        return restored(self, name, run_path, replace, root)

    def log_artifact(
        self,
        artifact_or_path: Any,
        name: str | None = None,
        type: str | None = None,
        aliases: Any = None,
        tags: Any = None,
    ) -> Artifact:
        """Keep an Artifact, or a file or folder, with the run."""
        from ._artifact import log_artifact

        return log_artifact(self, artifact_or_path, name=name, type=type, aliases=aliases)

    def use_artifact(
        self, artifact_or_name: Any, type: str | None = None, aliases: Any = None, use_as: Any = None
    ) -> Artifact:
        """The artifact that another run of the project made, `name:alias`; recorded as what this run used."""
        from ._artifact import use_artifact

        return use_artifact(self, artifact_or_name, type=type)

    def log_model(self, path: Any, name: str | None = None, aliases: Any = None) -> Artifact:
        """Keep a model, a file or a folder, as an artifact of the type model."""
        from ._artifact import log_model

        return log_model(self, path, name=name, aliases=aliases)

    def use_model(self, name: str) -> str:
        """The path of a model that another run kept: of its file, or of its folder where it has several."""
        from ._artifact import use_model

        return use_model(self, name)

    def watch(
        self,
        models: Any,
        criterion: Any = None,
        log: Any = "gradients",
        log_freq: int = 1000,
        idx: Any = None,
        log_graph: bool = False,
    ) -> tuple[Any, ...]:
        """Record histograms of gradients and parameters of torch modules every log_freq backward passes."""
        from ._watch import watch

        return watch(self, models, criterion, log, log_freq, idx, log_graph)

    def unwatch(self, models: Any = None) -> None:
        """Take the hooks of watch() away again."""
        from ._watch import unwatch

        unwatch(self, models)

    def alert(self, title: str, text: str, level: Any = None, wait_duration: Any = None) -> None:
        """Say something on stderr and keep it with the run as text under the key `alert`."""
        kind = str(getattr(level, "value", level) or "INFO").upper()
        if kind not in ("INFO", "WARN", "ERROR"):
            raise ValueError(f"alert: level {level!r} is none of INFO, WARN, ERROR")
        from ._values import long_text

        text = long_text(f"{kind}: {title}: {text}", "the alert")
        say("alert " + text[:2000])
        self._write({"step": self._step, "values": {"alert": text}})

    def log_code(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to do: the exact source, uncommitted and untracked files too, is recorded at init."""

    def mark_preempting(self) -> None:
        """Say that the machine is about to be taken away: an end that is no success counts as preempted."""
        self._preempting = True

    def status(self) -> Status:
        """Whether all is written: it always is."""
        return Status()

    # What it is

    @property
    def id(self) -> str:
        """The caller's own id where init had one, else the random part of the run's id. init(id=…, resume=…) finds both."""
        return self._key or self.run_id.rsplit("-", 1)[-1]

    @property
    def name(self) -> str:
        """The name, else the random part of the id. It may be set."""
        return self._name or self.run_id.rsplit("-", 1)[-1]

    @name.setter
    def name(self, name: str) -> None:
        from ._values import label_of

        if not isinstance(name, (str, int)):
            raise TypeError(f"run.name is a text, not {type(name).__name__}")
        self._name = label_of(str(name), "name")
        self._annotate("name", [self.run_id, "--", self._name])

    @property
    def notes(self) -> str:
        """The note. It may be set."""
        return self._notes

    @notes.setter
    def notes(self, notes: str) -> None:
        from ._values import long_text

        if notes is not None and not isinstance(notes, str):
            raise TypeError(f"run.notes is a text, not {type(notes).__name__}")
        if (notes or "") == self._notes:
            return
        self._notes = notes or ""
        self._annotate("note", [self.run_id, "--", long_text(self._notes, "the note").replace("\0", "\ufffd")])

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags, a tuple of text. They may be set, and extended with +=."""
        return self._tags

    @tags.setter
    def tags(self, tags: Any) -> None:
        from ._values import tags_of

        values = tags_of(tags)
        if new := {t: v for t, v in values.items() if t not in self._tags}:
            self._write({"tags": new})
        if gone := [t for t in self._tags if t not in values]:
            self._annotate("tag", [self.run_id, *["--delete=" + t for t in gone]])
        self._tags = tuple(values)

    def _annotate(self, what: str, args: list[str]) -> None:
        from ._binary import call

        try:
            code, _, err = call([what, *args], cwd=os.path.dirname(self._runs) or None)
            why = err.decode("utf-8", "replace").strip() if code else ""
        except (Error, ValueError) as e:
            why = str(e)
        if why:
            say(f"the {what} of run {self.id} is not recorded: " + why.replace("\n", "; ")[:500])

    @property
    def config(self) -> Config:
        """The params. A dict may be assigned: it is an update."""
        return self._config

    @config.setter
    def config(self, config: Any) -> None:
        self._config.update(config)

    @property
    def summary(self) -> Summary:
        """One value a key: the last of each metric, and what is set."""
        return self._summary

    @property
    def step(self) -> int:
        """The step of the next row that has none."""
        return self._step

    @property
    def resumed(self) -> bool:
        """Whether the run goes on with an earlier one."""
        return self._resumed

    @property
    def dir(self) -> str:
        """A folder of the run: what is written there is kept as its artifacts. Behind the finish, where they are."""
        if self._finished_dir:
            return os.path.join(self._finished_dir, "artifacts")
        path = os.path.join(self._folder, "files")
        try:
            os.makedirs(path, exist_ok=True)
        except OSError as e:
            once(("dir", self.run_id), f"the run's folder {path} cannot be made: {e.strerror}")
        return path

    @property
    def path(self) -> str:
        """project/run id."""
        return "/".join(p for p in (self.entity, self.project, self.id) if p)

    @property
    def url(self) -> str | None:
        """A file: URL of the run's folder."""
        from urllib.request import pathname2url

        return "file://" + pathname2url(os.path.abspath(self._finished_dir or self._folder))

    def get_url(self) -> str | None:
        """The same as url."""
        return self.url

    def get_project_url(self) -> str | None:
        """A file: URL of the folder of runs."""
        from urllib.request import pathname2url

        return "file://" + pathname2url(self._runs)

    project_url = property(get_project_url)
    sweep_id = None
    sweep_url = None

    @property
    def offline(self) -> bool:
        """True: a run is a folder of files; pushing it is git's part."""
        return True

    @property
    def settings(self) -> Any:
        """The settings that init was given."""
        return self._settings

    @property
    def mode(self) -> str:
        """offline."""
        return "offline"

    def project_name(self) -> str:
        """The project."""
        return self.project

    @property
    def _is_finished(self) -> bool:
        return bool(self._state)

    @property
    def _label(self) -> Callable[..., None]:
        return lambda *a, **k: None

    def display(self, *args: Any, **kwargs: Any) -> bool:
        """Show the run in a notebook; False elsewhere."""
        import sys

        if "IPython" not in sys.modules:
            return False
        from IPython.display import display

        display(self)
        return True

    def to_html(self, height: int = 420, hidden: bool = False) -> str:
        """The HTML that a notebook shows of the run."""
        return self._repr_html_()

    def _repr_html_(self) -> str:
        from ._reader import load

        try:
            recorded = load(self.run_id, path=os.path.dirname(self._runs))
        except Exception as e:
            from ._html import escape

            return f"<p>run <b>{escape(self.name)}</b>: {escape(e)}</p>"
        return recorded._repr_html_()

    def __repr__(self) -> str:
        return f"<gitruns.Run {self.name} ({self.run_id}), {self._state or 'running'}>"

    if not TYPE_CHECKING:  # a checker takes only what is there

        def __getattr__(self, name: str) -> Any:
            from ._refused import of

            return of(Run, "run", name)

    # Its end

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """End the run: its journals become one folder under .runs. exit_code other than 0 means that it failed."""
        from ._end import finish

        finish(self, exit_code, quiet)

    def join(self, exit_code: int | None = None) -> None:
        """The same as finish."""
        self.finish(exit_code)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        from ._end import finish_with

        finish_with(self, kind, error, trace)

    def __reduce__(self) -> tuple[Any, ...]:
        return (attach, (self._folder, self.run_id))


def rank_prefix() -> str:
    """What a further process of torchrun puts before its keys."""
    rank = os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or "0"
    return f"rank{int(rank)}/" if rank.isdigit() and int(rank) > 0 else ""


def join(
    folder: str, allow_val_change: bool, belongs: dict[str, Any] | None = None
) -> tuple[Run | None, dict[str, Any]]:
    """The run of another process, whose folder it is, and the answer of the binary; None where the program goes on with a run of
    its own. belongs is what the program says of the run. Raises Error where the run is not there any more.
    """
    from ._binary import client

    started = client("join", {"pid": os.getpid(), "dir": folder, **(belongs or {})})
    if started.get("apart"):
        return None, started
    run = Run(started, joined=True, prefix=rank_prefix(), allow_val_change=allow_val_change)
    run._config._load(started.get("params") or {})
    return run, started


def attach(folder: str, run_id: str) -> Run:
    """The run in another process that got it by pickle: it writes to the same run, which its starter finishes."""
    run: Run
    for run in _live.runs:
        if run.run_id == run_id:
            return run
    try:
        joined = join(folder, True)[0]
    except Error as e:
        raise UsageError(
            f"run {run_id} cannot be joined ({e}): a process that gets it by pickle or RUNS_ID must come before its end"
        ) from None
    assert joined is not None  # nothing was asked that could make it another run
    return joined


class Metric:
    """What define_metric said of a metric."""

    def __init__(self, name: str, step_metric: str | None, goal: str | None) -> None:
        self.name = name
        self.step_metric = step_metric
        self.goal = goal


class Status:
    """The answer of status()."""

    sync_items_total = 0
    sync_items_pending = 0
    sync_time = None


def _integral(step: Any) -> int:
    """A step as an integer. A float without a fraction, and a numpy or torch scalar, are taken."""
    from ._values import number_of

    try:
        number = number_of(step)
        if number is not None and number == int(number):
            return int(number)
    except Exception:
        pass
    from ._values import repr_of

    raise TypeError(f"log: step is a whole number, not {repr_of(step)}")


def _number(v: float | int) -> str:
    text = "%.17g" % v  # noqa: UP031 - faster than an f-string here
    if "n" in text:
        return "NaN" if text in ("nan", "-nan") else "Infinity" if text == "inf" else "-Infinity"
    return text


def _short(number: int) -> str:
    return str(number) if abs(number) < 1 << 128 else f"of {number.bit_length()} bits"


def _repr(value: Any) -> str:
    from ._values import repr_of

    return repr_of(value)


def _stats(stats: dict[str, Any], kinds: list[Any], way: str | None, value: Any) -> dict[str, Any]:
    if value != value:
        return stats
    for kind in kinds:
        if kind == "best":
            kind, word = way or "min", "best"
        else:
            word = kind
        old = stats.get(word)
        if kind == "mean":
            n = stats.get("_count", 0) + 1
            stats["_count"] = n
            stats["mean"] = value if old is None else old + (value - old) / n
        elif kind == "first":
            stats.setdefault("first", value)
        elif kind == "min":
            stats[word] = value if old is None else min(old, value)
        elif kind == "max":
            stats[word] = value if old is None else max(old, value)
        elif kind in ("last", "copy"):
            stats[word] = value
    return stats


def _after_fork() -> None:
    """A forked process writes to a journal of its own, and does not end the run of its parent."""
    for run in _live.runs:
        run._lock = RLock()
        run._journal.close()
        run._lost = run._journal.repaired = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
