"""Run: a run that is being recorded.

A call writes one line to the journal before it returns. `Run.log` has a fast path for rows of plain numbers: each
statement in it costs time in every training step (measured by testdata/bench/client.py). Everything else is in
modules that the methods import when they are called.
"""

from __future__ import annotations

import os
import time
from _thread import RLock
from collections.abc import Mapping

from . import _end, _inherit, _live
from ._bounds import divided, small
from ._config import Config
from ._errors import Error, UsageError
from ._journal import Journal, advice
from ._messages import progress, warn, warn_once
from ._spare import reserve, room
from ._summary import Summary
from ._words import LastWords

TYPE_CHECKING = False
if TYPE_CHECKING:  # the typing module costs more than this package
    from typing import Any, Callable, TextIO

    from ._artifact import Artifact

_now = time.time
_os_write = os.write
_position = os.lseek
_LAST_STEP = (1 << 63) - 1
OWN_TAGS = ("entity", "job_type", "ignored", "lost_rows", "project", "group")  # set by the client, not by the caller


class Run:
    """A run that is being recorded, made by `gitruns.init()`.

    Every method may be called from any thread and in a forked process. A row survives the death of the process, even by
    SIGKILL, as soon as log() has returned.
    """

    disabled = False

    def __init__(
        self, started: dict[str, Any], *, joined: bool = False, prefix: str = "", allow_val_change: bool = False
    ) -> None:
        self._folder: str = started["dir"]
        self._journal = Journal(started["dir"], started["host"])
        self._host: str = started["host"]
        self._words = LastWords(started["dir"], started["host"])
        self._runs: str = started.get("runs", "")
        self._sidecar: int = started.get("sidecar", 0)
        self.run_id: str = started["id"]
        self._key = ""
        self._name: str = started.get("name") or ""
        self._notes = ""
        self._tags: tuple[str, ...] = ()
        self._experiment: str = started.get("experiment") or ""
        # A project without a name gets the folder's name here, but not in the record.
        self.project: str = self._experiment or os.path.basename(started.get("root") or "")
        self.entity = ""
        self.group = ""
        self.job_type = ""
        self.start_time = _now()
        self._joined = joined
        self._prefix = prefix
        self._pid = os.getpid()
        self._lock = RLock()
        self._state = ""  # the status, once the run is finished
        self._templates: dict[tuple[str, ...], str] = {}
        self._step = 0
        self._lost = 0
        self._metrics: set[str] = set()  # keys of the rows so far
        self._texts: set[str] = set()
        self._smaller = 0
        self._labels: dict[str, int] = {}  # the step of the next row with these labels
        self._first_step = 0
        self._last: dict[str, Any] = {}
        self._tracked: dict[str, Any] = {}
        self._definitions: list[Any] = []
        self._at_finish: list[Callable[[Run], None]] = []
        self._tensorboard: dict[str, Any] | None = None
        self._ignored: list[str] = []  # options that were given and are not used
        self._preempting = False
        self._finished_dir = ""
        self._cleanups: list[Callable[[], None]] = []  # called after the run is finished
        self._settings: Any = None
        self._job: Any = None  # where init was called from
        self._inherited: Any = None  # the token by which a process that did not call init found the run
        self._resumed = bool(started.get("resumed"))
        self._config = Config(self._write, allow_val_change, self._lose)
        self._summary = Summary(self)
        if resumed := started.get("resumed"):
            self._step = self._first_step = int(resumed.get("next_step") or 0)
            self._config._load(resumed.get("params") or {})
            self._last.update(
                {k: float(v) if isinstance(v, str) else v for k, v in (resumed.get("metrics") or {}).items()}
            )
            self._summary._own.update(resumed.get("summary") or {})
            self._tags = tuple(t for t in resumed.get("tags") or () if t not in OWN_TAGS)
        _live.runs.append(self)

    # Recording

    def log(
        self,
        data: Mapping[str, Any],
        step: int | None = None,
        commit: bool | None = None,
        sync: bool | None = None,
        labels: Mapping[str, Any] | None = None,
    ) -> None:
        """Record one row of metrics, text, lists, arrays or media.

        NaN and infinities are kept. An array of more than 32 numbers becomes a histogram, a nested dict becomes dotted
        keys, and any other object its repr. If a key is logged twice at a step, the last value counts.

        Args:
            data: The values by key.
            step: The step of the row. The default is the current step. A step below the current one is recorded too.
            commit: Whether the current step moves on after this row. By default it does so only if no step is given.
            sync: Not used: every row is written at once.
            labels: The context of the numbers, such as {"dataset": "val"}: up to 16 texts and numbers by name. Those of
                a metric with the same labels are a curve of their own. Rows with other labels have steps of their own.
                Text, media and lists have no labels.

        Raises:
            TypeError: data is not a mapping, a key is not a string, step is not an integer, or labels are not a mapping
                of texts and numbers.
            ValueError: labels have more than 1,000 bytes.
            UsageError: The run is finished.

        A row that cannot be written raises nothing. It is reported once and counted in the record.
        """
        if labels:
            return self._log(data, step, commit, labels)
        at = None
        try:
            values = data.values()
            total = sum(values)
            if isinstance(total, (float, int)) and total - total == 0 and type(data) is dict:
                template = self._templates[tuple(data)]
                with self._lock:
                    # The step moves first, so that a signal handler that logs now gets the next one.
                    if step is None and commit is not False:
                        row = at = self._step
                        if at < _LAST_STEP:
                            self._step = at + 1
                    else:
                        row = self._at(step, commit)
                    now = _now()
                    line = (template % (now, row, *values)).encode()
                    journal = self._journal
                    try:  # the same as journal.write, without the cost of a call
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
        except Exception:  # a key is new or a value is not a number: _log handles any row
            if at is not None and self._step == at + 1:
                self._step = at
        self._log(data, step, commit)

    def _open(self) -> None:
        """Open what the run may need later, while there are descriptors."""
        self._journal.open()
        self._words.open()
        reserve()

    def _at(self, step: Any, commit: bool | None) -> int:
        """Return the step of a row, and move the current step. The caller holds the lock."""
        at, self._step = self._steps_of(self._step, step, commit)
        return at

    def _steps_of(self, current: int, step: Any, commit: bool | None) -> tuple[int, int]:
        """Return the step of a row and of the next one."""
        if step is None:
            return current, current + 1 if commit is not False and current < _LAST_STEP else current
        at = step if type(step) is int else _integral(step)
        if not -_LAST_STEP - 1 <= at <= _LAST_STEP:
            warn_once(
                ("step", self.run_id),
                f"step {_short(at)} does not fit in 64 bits; the row was recorded at step {current}",
            )
            return current, current
        if at < current:
            if at < current - 1 or commit is not True:
                self._smaller += 1
                if self._smaller == 1:
                    warn_once(
                        ("smaller", self.run_id),
                        f"step {at} was logged after step {current}; it is recorded (W&B would drop it)",
                    )
            return at, current
        return at, at + 1 if commit is True and at < _LAST_STEP else at

    def _at_labels(self, labels: str, step: Any, commit: bool | None) -> int | None:
        """Return the step of a row with labels, whose steps count apart.

        The caller holds the lock. It is None if the run has too many different labels: the row is counted as lost.
        """
        from ._labels import MAX_SETS

        if labels not in self._labels and len(self._labels) >= MAX_SETS:
            self._lose(1)
            warn_once(
                ("sets", self.run_id), f"a run has at most {MAX_SETS:,} different labels; the row is not recorded"
            )
            return None
        at, self._labels[labels] = self._steps_of(self._labels.get(labels, self._first_step), step, commit)
        return at

    def _log(self, data: Any, step: Any, commit: bool | None, labels: Any = None) -> None:
        context = ""
        if labels:
            from ._labels import canonical

            context = canonical(labels)
        if not isinstance(data, Mapping):
            raise TypeError(f"log: data must be a dict, got {type(data).__name__}")
        if self._over():
            return
        if step is not None and type(step) is not int:
            step = _integral(step)
        from ._row import split

        for _ in range(10):
            try:
                data = dict(data)
                break
            except RuntimeError:  # another thread changed it
                continue
        numbers, values, media, _, again = split(data)
        if context and (values or media):
            warn_once(
                ("labels", self.run_id, *values),
                f"only numbers have labels; recorded without: {', '.join([*values, *(k for k, _ in media)][:5])}",
            )
        with self._lock:
            at = self._at_labels(context, step, commit) if context else self._at(step, commit)
            if at is None:
                return
            whole = self._bound(numbers, self._metrics) and self._bound(values, self._texts) and not again
            for key, value in again:
                self._log_first(at, key, value, context)
            if numbers or values:
                for line in self._lines(at, numbers, values, context):
                    self._put(line)
                self._last.update(numbers)
                self._last.update(values)
                if self._tracked or self._definitions:
                    self._track(numbers)
        if media:
            from ._row import log_media

            for key, value in media:
                try:
                    with room():
                        log_media(self, self._prefix + key, value, at)
                except Exception as e:
                    warn_once(("media", key), f"{key} was recorded as its repr: {type(e).__name__}: {e}")
                    self._write({"step": at, "values": {self._prefix + key: _repr(value)}})
        plain = whole and numbers and not values and not media and not context
        if plain and not self._definitions and len(self._templates) < 4096:
            self._remember(data)

    def _log_first(self, at: int, key: str, value: Any, labels: str) -> None:
        """Record a value whose key the row has once more, before that one.

        Both have the same step. The caller holds the lock.
        """
        number = type(value) in (int, float)
        one = {key: value}
        if self._bound(one, self._metrics if number else self._texts):
            for line in self._lines(at, one if number else {}, {} if number else one, labels):
                self._put(line)
            if number and (self._tracked or self._definitions):
                self._track(one)

    def _remember(self, data: dict[str, Any]) -> None:
        """Keep a line template for the next row with the same keys."""
        from _json import encode_basestring_ascii as quote

        from ._values import key_of

        if any(isinstance(v, Mapping) for v in data.values()):
            return
        names = [quote(self._prefix + key_of(k)).replace("%", "%%") for k in data]
        if len(set(names)) == len(names):
            self._templates[tuple(data)] = '{"t":%.6f,"step":%d,"m":{' + ",".join(n + ":%.17g" for n in names) + "}}\n"

    def _log_at(self, step: int, numbers: dict[str, float]) -> None:
        """Record numbers at a step that does not move the run's current step."""
        if self._over():
            return
        with self._lock:
            self._bound(numbers, self._metrics)
            for line in self._lines(step, numbers, {}):
                self._put(line)
            self._last.update(numbers)
            self._track(numbers)

    def _bound(self, values: dict[str, Any], known: set[str]) -> bool:
        """Remove from a row the keys that exceed a run's maximum.

        Reports whether the row had none. The caller holds the lock.
        """
        if values.keys() <= known:
            return True
        from ._bounds import MAX_KEYS, not_recorded

        over = [key for key in values if key not in known][max(0, MAX_KEYS - len(known)) :]
        for key in over:
            del values[key]
        known.update(values)
        if over:
            self._lose(len(over))
            warn_once(
                ("keys", self.run_id),
                not_recorded(over, f"a run has at most {MAX_KEYS:,} keys"),
            )
        return not over

    def _lines(self, step: int, numbers: dict[str, Any], values: dict[str, Any], labels: str = "") -> list[bytes]:
        from _json import encode_basestring_ascii as quote

        head = '{"t":%.6f,"step":%d' % (_now(), step)  # noqa: UP031 - as in _number
        parts = (
            [',"m":{' + ",".join(quote(self._prefix + k) + ":" + _number(v) for k, v in numbers.items()) + "}"]
            if numbers
            else []
        )
        if labels and numbers:
            parts = [parts[0] + ',"labels":' + labels]
        if values:
            import json

            from ._bounds import MAX_VALUE

            if self._prefix:
                values = {self._prefix + k: v for k, v in values.items()}
            text = json.dumps(values)
            if len(text) <= MAX_VALUE and not labels:
                parts = ["".join(parts) + ',"values":' + text]
            else:
                parts += [
                    ',"values":' + json.dumps(part["values"]) for part in divided({"values": values}, self._left_out)
                ]
        return [(head + part + "}\n").encode() for part in parts]

    def _write(self, record: dict[str, Any]) -> None:
        """Append one record with the current time.

        A record that cannot be written is reported once and counted. Raises UsageError if the run is finished.
        """
        import json

        if self._over():
            return
        try:
            text = json.dumps({"t": round(_now(), 6), **record})
            texts = [text]
            if not small(record, text):
                texts = [json.dumps({"t": round(_now(), 6), **part}) for part in divided(record, self._left_out)]
        except (TypeError, ValueError, RecursionError) as e:
            warn_once(("record", next(iter(record), "")), f"a line with {', '.join(record)} was not recorded: {e}")
            self._lose(1)
            return
        with self._lock:
            for text in texts:
                self._put((text + "\n").encode())

    def _lose(self, count: int) -> None:
        """Count rows or values that are not recorded.

        The number is written at once, because the process may die before it can.
        """
        self._lost += count
        self._words.say(self._lost_rows)

    def _left_out(self, key: str) -> None:
        from ._bounds import not_recorded

        self._lose(1)
        warn_once(
            ("long", self.run_id, key),
            not_recorded([key], "it has more than 1 MiB or 10,000 values; keep it as a file with run.save()"),
        )

    def _put(self, line: bytes) -> None:
        """Write one line. The caller holds the lock."""
        try:
            self._journal.write(line)
        except OSError as e:
            self._failed(e)

    def _failed(self, e: OSError) -> None:
        self._lose(1)
        warn_once(
            ("lost", self.run_id),
            f"recording fails: {e.strerror or e} ({self._folder}); training continues, and lost rows are counted: "
            + advice(e),
        )

    @property
    def _lost_rows(self) -> int:
        """The number of rows and values that this process could not write."""
        return self._lost - self._journal.repaired

    def _over(self) -> bool:
        """Report whether the run ended with the process.

        There is nowhere to record to then. That is told once, because a thread or a __del__ that outlives the run can
        do nothing about an error. Raises UsageError if the program finished the run and goes on.
        """
        if self._state and _end.exiting:
            warn_once(
                ("late", self.run_id),
                f"run {self.id} ended with the program; what is logged after that is not recorded",
            )
        elif self._state:
            raise UsageError(
                f"run {self.id} is finished; start another with gitruns.init(), "
                f"or resume it with init(id={self.id!r}, resume='allow')"
            )
        return bool(self._state)

    def define_metric(
        self,
        name: str,
        step_metric: Any = None,
        step_sync: bool | None = None,
        hidden: bool | None = None,
        summary: str | None = None,
        goal: str | None = None,
        overwrite: bool | None = None,
    ) -> Metric:
        """Set the x axis, the summary and the goal of metrics.

        Args:
            name: The key of a metric, or a glob such as "val/*".
            step_metric: The key of the metric on the x axis.
            step_sync: Recorded as it is.
            hidden: Recorded as it is.
            summary: One or more of min, max, mean, best, first, last and none, separated by commas.
            goal: "minimize" or "maximize".
            overwrite: Replace earlier definitions of the same name.

        Raises:
            UsageError: An argument has another value, or summary is "best" without a goal.
        """
        self._over()
        name = getattr(name, "name", name)
        if not isinstance(name, str) or not name:
            raise UsageError(f"define_metric: name must be the key of a metric or a glob, got {name!r}")
        if "*" in name[:-1]:
            raise UsageError(f"define_metric: a glob must have its * at the end, got {name!r}")
        axis = getattr(step_metric, "name", step_metric)
        if axis is not None and not isinstance(axis, str):
            raise UsageError(f"define_metric: step_metric must be the key of a metric, got {type(axis).__name__}")
        from ._values import key_of

        name = key_of(name)
        axis = key_of(axis) if axis else None
        if not isinstance(summary, (str, list, tuple, type(None))) or any(type(s) is not str for s in summary or ()):
            raise UsageError(f"define_metric: summary must be a text, got {type(summary).__name__}")
        kinds = [s.strip() for s in ",".join([summary] if isinstance(summary, str) else summary or ()).split(",")]
        kinds = [s for s in kinds if s]
        for kind in kinds:
            if kind not in ("min", "max", "mean", "last", "first", "best", "none", "copy"):
                raise UsageError(
                    f"define_metric: summary must be min, max, mean, last, first, best or none, got {kind!r}"
                )
        goals = {"min": "min", "minimize": "min", "max": "max", "maximize": "max", None: None, "": None}
        if not isinstance(goal, (str, type(None))) or goal not in goals:
            raise UsageError(f"define_metric: goal must be 'minimize' or 'maximize', got {goal!r}")
        direction = goals[goal]
        if "best" in kinds and direction is None:
            raise UsageError("define_metric: summary 'best' requires goal='minimize' or goal='maximize'")
        record: dict[str, Any] = {"name": name}
        if axis:
            record["step_metric"] = axis
        if step_sync is not None:
            record["step_sync"] = bool(step_sync)
        if hidden is not None:
            record["hidden"] = bool(hidden)
        if kinds:
            record["summary"] = ",".join(kinds)
        if direction:
            record["goal"] = direction
        with self._lock:
            if overwrite:
                self._definitions = [d for d in self._definitions if d[0] != name]
            if kinds and kinds != ["last"]:
                self._definitions.insert(0, (name, kinds, direction))
                self._templates.clear()
            self._write({"metric": record})
        return Metric(name, axis, direction)

    def _track(self, numbers: dict[str, Any]) -> None:
        for key, value in numbers.items():
            for name, kinds, direction in self._definitions:
                if key == name or name.endswith("*") and key.startswith(name[:-1]):
                    self._tracked[key] = _stats(self._tracked.get(key) or {}, kinds, direction, value)
                    break

    def log_dataset(self, path: Any, name: str | None = None, role: str | None = None) -> None:
        """Record a file or a folder as a dataset, by its hash. See gitruns.log_dataset."""
        from ._dataset import log_dataset

        with room():
            log_dataset(self, path, name, role)

    def save(self, glob_str: Any = None, base_path: Any = None, policy: str = "live") -> list[str] | bool:
        """Keep files with the run.

        Args:
            glob_str: A path or a glob. Without it the call does nothing and returns True.
            base_path: The folder that the names in the run are relative to.
            policy: "live" and "end" copy the files now and again when the run finishes, "now" only now.

        Returns:
            The paths of the copies.
        """
        if glob_str is None:
            return True  # old programs call it to upload; here everything is on disk
        from ._save import save

        with room():
            return save(self, glob_str, base_path, policy)

    def restore(self, name: Any, run_path: str | None = None, replace: bool = False, root: Any = None) -> TextIO | None:
        """Copy back a file that a run kept. See gitruns.restore."""
        from ._restore import restored

        with room():
            return restored(self, name, run_path, replace, root)

    def log_artifact(
        self,
        artifact_or_path: Any,
        name: str | None = None,
        type: str | None = None,
        aliases: Any = None,
        tags: Any = None,
    ) -> Artifact:
        """Keep an Artifact, a file or a folder with the run.

        Args:
            artifact_or_path: An Artifact, or the path of a file or folder to make one from.
            name: The name of the artifact. The default is the last part of the path.
            type: The type of the artifact, for example "model".
            aliases: Names of this version besides "latest".
            tags: Not used.

        Returns:
            The artifact, now a version that use_artifact finds.
        """
        from ._artifact import log_artifact

        with room():
            return log_artifact(self, artifact_or_path, name=name, type=type, aliases=aliases)

    def use_artifact(
        self, artifact_or_name: Any, type: str | None = None, aliases: Any = None, use_as: Any = None
    ) -> Artifact:
        """Return an artifact of a run, and record that this run uses it.

        artifact_or_name is "name:alias", "name:v3" or "name:digest". Raises CommError if there is no such artifact.
        """
        from ._artifact import use_artifact

        with room():
            return use_artifact(self, artifact_or_name, type=type)

    def log_model(
        self,
        model: Any = None,
        name: str | None = None,
        aliases: Any = None,
        *,
        path: Any = None,
        signature: Any = None,
        input_example: Any = None,
        metadata: Any = None,
    ) -> Any:
        """Keep a model: an object of its library, or a file or a folder.

        A file or a folder becomes an artifact of type "model", which is returned. A model of scikit-learn, XGBoost or
        LightGBM becomes a folder that MLflow loads too, and its path in the run is returned. To register it after the
        run, use `runs model register RUN:NAME MODEL`.

        Args:
            model: The model, or the path of a file or a folder.
            name: The name of the artifact, or of the folder. The default for an object is "model".
            aliases: Further names of an artifact.
            path: The same as model, as W&B names it.
            signature: The types of inputs and outputs, as a dict or as MLflow's ModelSignature. By default it is made
                from input_example.
            input_example: A DataFrame or an array that the model can predict.
            metadata: A dict for the file MLmodel.
        """
        from ._errors import UsageError

        if (model is None) == (path is None):
            raise UsageError("log_model: give a model, or the path of a file or a folder")
        model = path if model is None else model
        if isinstance(model, (str, bytes, os.PathLike)):
            from ._artifact import log_model

            if signature is not None or input_example is not None or metadata is not None:
                raise UsageError("log_model: signature, input_example and metadata require a model object, not a path")
            with room():
                return log_model(self, model, name=name, aliases=aliases)
        from ._model import log_model as log_object

        if aliases is not None:
            raise UsageError("log_model: aliases require a path; give a model an alias with 'runs model alias'")
        with room():
            return log_object(self, model, name or "model", signature, input_example, metadata)

    def use_model(self, name: str) -> str:
        """Return the path of a model that a run kept.

        It is the path of its file, or of its folder if it has several files.
        """
        from ._artifact import use_model

        with room():
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
        """Record histograms of gradients and parameters of torch modules.

        Args:
            models: A module, or a list of them.
            criterion: Not used.
            log: "gradients", "parameters", "all" or None.
            log_freq: The number of backward passes between two records.
            idx: The number that the first model's keys begin with.
            log_graph: Not used, with a warning.
        """
        from ._watch import watch

        return watch(self, models, criterion, log, log_freq, idx, log_graph)

    def unwatch(self, models: Any = None) -> None:
        """Remove the hooks of watch()."""
        from ._watch import unwatch

        unwatch(self, models)

    def alert(self, title: str, text: str, level: Any = None, wait_duration: Any = None) -> None:
        """Print an alert on stderr and record it as text under the key `alert`.

        Raises ValueError if level is not INFO, WARN or ERROR.
        """
        kind = str(getattr(level, "value", level) or "INFO").upper()
        if kind not in ("INFO", "WARN", "ERROR"):
            raise ValueError(f"alert: level must be INFO, WARN or ERROR, got {level!r}")
        from ._values import long_text

        text = long_text(f"{kind}: {title}: {text}", "the alert")
        progress("alert " + text[:2000])
        self._write({"step": self._step, "values": {"alert": text}})

    def log_code(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: init records the exact source, including uncommitted files."""

    def mark_preempting(self) -> None:
        """Declare that the scheduler is about to stop the process.

        If the run then fails, it counts as preempted.
        """
        self._preempting = True

    def status(self) -> Status:
        """Return what is still to be written, which is always nothing."""
        return Status()

    # Properties

    @property
    def id(self) -> str:
        """The id that init was given, otherwise the random part of the run's id.

        init(id=…, resume=…) finds the run by either.
        """
        return self._key or self._short_id

    @property
    def _short_id(self) -> str:
        return self.run_id.rsplit("-", 1)[-1]

    @property
    def _title(self) -> str:
        return f"{self._name} ({self._short_id})" if self._name else self._short_id

    @property
    def name(self) -> str:
        """The name, or the random part of the id if it has none. It can be set."""
        return self._name or self._short_id

    @name.setter
    def name(self, name: str) -> None:
        from ._values import label_of

        if name is None:  # programs assign an optional argument
            return
        if not isinstance(name, (str, int)):
            raise TypeError(f"run.name must be a string, got {type(name).__name__}")
        self._name = label_of(str(name), "name")
        self._annotate("name", [self.run_id, "--", self._name])

    @property
    def notes(self) -> str:
        """The note. It can be set."""
        return self._notes

    @notes.setter
    def notes(self, notes: str) -> None:
        from ._values import long_text

        if notes is not None and not isinstance(notes, str):
            raise TypeError(f"run.notes must be a string, got {type(notes).__name__}")
        if (notes or "") == self._notes:
            return
        self._notes = notes or ""
        self._annotate("note", [self.run_id, "--", long_text(self._notes, "the note").replace("\0", "\ufffd")])

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags, a tuple of strings. They can be set, and extended with +=."""
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
            warn(f"the {what} of run {self.id} was not recorded: " + why.replace("\n", "; ")[:500])

    @property
    def config(self) -> Config:
        """The params. Assigning a dict updates them."""
        return self._config

    @config.setter
    def config(self, config: Any) -> None:
        self._config.update(config)

    @property
    def summary(self) -> Summary:
        """The summary: the last value of each metric, and the values that were set."""
        return self._summary

    @property
    def step(self) -> int:
        """The current step. The next row gets it if no step is given."""
        return self._step

    @property
    def resumed(self) -> bool:
        """Whether the run resumes an earlier one."""
        return self._resumed

    @property
    def dir(self) -> str:
        """A folder whose files are kept as artifacts of the run.

        After finish() it is the folder of the artifacts.
        """
        if self._finished_dir:
            return os.path.join(self._finished_dir, "artifacts")
        path = os.path.join(self._folder, "files")
        try:
            os.makedirs(path, exist_ok=True)
        except OSError as e:
            warn_once(("dir", self.run_id), f"the folder {path} could not be created: {e.strerror}")
        return path

    @property
    def path(self) -> str:
        """The project and the run's id, separated by a slash."""
        return "/".join(p for p in (self.entity, self.project, self.id) if p)

    @property
    def url(self) -> str | None:
        """The file: URL of the run's folder."""
        return _url(os.path.abspath(self._finished_dir or self._folder))

    def get_url(self) -> str | None:
        """Return the same as url."""
        return self.url

    def get_project_url(self) -> str | None:
        """Return the file: URL of the folder of runs."""
        return _url(self._runs)

    project_url = property(get_project_url)
    sweep_id = None
    sweep_url = None

    @property
    def offline(self) -> bool:
        """True: recording needs no server."""
        return True

    @property
    def settings(self) -> Any:
        """The settings that init was given."""
        return self._settings

    @property
    def mode(self) -> str:
        """Always "offline"."""
        return "offline"

    def project_name(self) -> str:
        """Return the project."""
        return self.project

    @property
    def _is_finished(self) -> bool:
        return bool(self._state)

    @property
    def _label(self) -> Callable[..., None]:
        return lambda *a, **k: None

    def display(self, *args: Any, **kwargs: Any) -> bool:
        """Show the run in a notebook. Returns False anywhere else."""
        import sys

        if "IPython" not in sys.modules:
            return False
        from IPython.display import display

        display(self)
        return True

    def to_html(self, height: int = 420, hidden: bool = False) -> str:
        """Return the HTML that a notebook shows for the run."""
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

    if not TYPE_CHECKING:  # a type checker accepts only the names that exist

        def __getattr__(self, name: str) -> Any:
            from ._refused import of

            return of(Run, "run", name)

    # Finishing

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """Finish the run: turn its journals into a record under .runs.

        Args:
            exit_code: The exit status of the program. A status other than 0 means that the run failed.
            quiet: Print no message about the end of the run.

        Raises:
            TypeError, ValueError: exit_code is not an exit status.
        """
        from ._end import finish

        finish(self, exit_code, quiet)

    def join(self, exit_code: int | None = None) -> None:
        """Do the same as finish."""
        self.finish(exit_code)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        from ._end import finish_with

        finish_with(self, kind, error, trace)

    def __reduce__(self) -> tuple[Any, ...]:
        return (attach, (self._folder, self.run_id))


def rank_prefix() -> str:
    """Return the prefix of the keys that a rank above 0 logs."""
    rank = os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or "0"
    return f"rank{int(rank)}/" if rank.isdigit() and int(rank) > 0 else ""


def join(
    folder: str, allow_val_change: bool, wanted: dict[str, Any] | None = None, worker: bool = False
) -> tuple[Run | None, dict[str, Any]]:
    """Join the run of another process, by its folder.

    wanted has the experiment, group, key and resume policy of this program. worker says that this process has not
    called init, and so does not know when the run ends. Returns the run and the answer of `runs`;
    the run is None if this program resumes another run. Raises Error if the run no longer exists.
    """
    from ._binary import client
    from ._preload import preload

    started = client("join", {"pid": os.getpid(), "dir": folder, **(wanted or {})}, meanwhile=preload)
    if started.get("apart"):
        return None, started
    run = Run(started, joined=True, prefix=rank_prefix(), allow_val_change=allow_val_change)
    run._journal.transient = worker
    run._open()
    run._config._load(started.get("params") or {})
    return run, started


def attach(folder: str, run_id: str) -> Run:
    """Return a run that came from another process, by pickle or through RUNS_ID.

    It records into the same run, which its starter finishes. Raises UsageError if that run is finished.
    """
    run: Run
    for run in _live.runs:
        if run.run_id == run_id:
            return run
    try:
        joined = join(folder, True, None, True)[0]
    except Error as e:
        raise UsageError(
            f"joining run {run_id}: {e}; a process that gets the run by pickle or RUNS_ID must start before it ends"
        ) from None
    assert joined is not None  # only a resume policy could lead to another run
    return joined


class Metric:
    """The definition of a metric by define_metric."""

    def __init__(self, name: str, step_metric: str | None, goal: str | None) -> None:
        self.name = name
        self.step_metric = step_metric
        self.goal = goal


class Status:
    """The result of Run.status: nothing is ever pending."""

    sync_items_total = 0
    sync_items_pending = 0
    sync_time = None


def _integral(step: Any) -> int:
    """Return a step as an integer.

    A float without a fraction and a numpy or torch scalar are accepted. Raises TypeError for anything else.
    """
    from ._values import number_of

    try:
        number = number_of(step)
        if number is not None and number == int(number):
            return int(number)
    except Exception:
        pass
    from ._values import repr_of

    raise TypeError(f"log: step must be an integer, got {repr_of(step)}")


def _number(v: float | int) -> str:
    text = "%.17g" % v  # noqa: UP031 - faster than an f-string here
    if "n" in text:
        return "NaN" if text in ("nan", "-nan") else "Infinity" if text == "inf" else "-Infinity"
    return text


def _url(path: str) -> str:
    from urllib.parse import quote

    if os.name == "nt":
        path = "/" + path.replace("\\", "/")
    return "file://" + quote(path, safe="/:" if os.name == "nt" else "/")


def _short(number: int) -> str:
    return str(number) if abs(number) < 1 << 128 else f"with {number.bit_length()} bits"


def _repr(value: Any) -> str:
    from ._values import repr_of

    return repr_of(value)


def _stats(stats: dict[str, Any], kinds: list[Any], direction: str | None, value: Any) -> dict[str, Any]:
    if value != value:
        return stats
    for name in kinds:
        kind = (direction or "min") if name == "best" else name
        old = stats.get(name)
        if kind == "mean":
            n = stats.get("_count", 0) + 1
            stats["_count"] = n
            stats["mean"] = value if old is None else old + (value - old) / n
        elif kind == "first":
            stats.setdefault("first", value)
        elif kind == "min":
            stats[name] = value if old is None else min(old, value)
        elif kind == "max":
            stats[name] = value if old is None else max(old, value)
        elif kind in ("last", "copy"):
            stats[name] = value
    return stats


def _after_fork() -> None:
    """Give a forked process its own journal.

    It does not finish the run of its parent.
    """
    for run in _live.runs:
        run._lock = RLock()
        run._journal.close()
        run._journal.transient = True
        run._words.close()
        run._words = LastWords(run._folder, run._host)
        run._journal.created = run._words.open
        run._lost = run._journal.repaired = 0
    _inherit.inherit_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
