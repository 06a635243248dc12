"""MLflow's stores on the service of a project.

Calls go to the service as to any tracking server. What programs call in a loop does not: metrics, params and tags are
appended to a journal of this process, as the client itself does, and the service reads them when it is asked.
"""

from __future__ import annotations

import copy
import os
import re
import sys
import threading
import time
import warnings
from json.encoder import encode_basestring_ascii as _quote
from typing import Any

from mlflow.entities import RunStatus, _DatasetSummary
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import _artifact_repository_registry
from mlflow.store.model_registry.rest_store import RestStore as RegistryRestStore
from mlflow.store.tracking.rest_store import RestStore
from mlflow.tracking._tracking_service.client import TrackingServiceClient
from mlflow.utils.rest_utils import http_request, verify_rest_response
from mlflow.utils.validation import _validate_metric

from ._journal import Journal
from ._mlflow_artifacts import Artifacts, followed
from ._mlflow_service import Service, quicken, service

# Keys that need no look at the rules of the service, which reports an error for others.
_plain_key = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\- ]{0,200}").fullmatch
_MOST_PARAM, _MOST_TAG = 6000, 8000  # characters; the rest is cut
_MOST_METRICS, _MOST_PARAMS = 1000, 100  # of a batch
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})").fullmatch
_FLOAT = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-][0-9]+)?").fullmatch


_fractional: set[str] = set()  # metrics of this process with steps that are not integers


class _Repeating:
    """Repeats a call if the service ended during it."""

    _service: Service

    def _call_endpoint(self, *args: Any, **options: Any) -> Any:
        call = super()._call_endpoint  # type: ignore[misc]
        try:
            return call(*args, **options)
        except MlflowException:
            if self._service.answers():
                raise
        return call(*args, **options)


class RegistryStore(_Repeating, RegistryRestStore):  # type: ignore[misc]
    """MLflow's store of registered models."""

    def __init__(self, store_uri: str) -> None:
        self._service = service(store_uri)
        super().__init__(self._service.credentials)


class _Artifacts(Artifacts):
    """The artifacts of a run.

    A finished run does not change: what is added goes into a run that resumes it.
    """

    def __init__(self, store: TrackingStore, run_id: str, uri: str, ended: bool) -> None:
        super().__init__(uri)
        self._store, self._run_id, self.ended = store, run_id, ended

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        self._write("log_artifact", local_file, artifact_path)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        self._write("log_artifacts", local_dir, artifact_path)

    def _write(self, call: str, source: str, artifact_path: str | None) -> None:
        if not self.ended:
            getattr(super(), call)(source, artifact_path)
            return
        place = Artifacts(self._open(done=False))
        try:
            getattr(place, call)(source, artifact_path)
        finally:
            self._open(done=True)

    def _open(self, done: bool) -> str:
        answer = http_request(
            self._store.get_host_creds(),
            "/api/2.0/mlflow/gitruns/artifacts",
            "POST",
            json={"run_id": self._run_id, "done": done},
            timeout=60,
        )
        return str(verify_rest_response(answer, "artifacts").json()["artifact_uri"])


def _follow_artifacts(credentials: Any) -> None:
    """Make addresses of artifacts lead to where they are now.

    A program may have been given them earlier.
    """

    def follow(artifact_uri: str, *args: Any, **options: Any) -> Any:
        return followed(credentials, artifact_uri, *args, **options)

    for scheme in ("", "file"):
        _artifact_repository_registry.register(scheme, follow)


def _quiet() -> None:
    """Keep MLflow 2 from printing where to view a run.

    The address ends with the program or the service.
    """
    usual = getattr(TrackingServiceClient, "_log_url", None)
    if usual is None or hasattr(usual, "_gitruns"):
        return

    def log_url(self: Any, run_id: str) -> None:
        if not isinstance(self.store, TrackingStore):
            usual(self, run_id)

    log_url._gitruns = True  # type: ignore[attr-defined]
    TrackingServiceClient._log_url = log_url


def _place_artifacts() -> None:
    """Make MLflow's client ask the store where the artifacts of a run are.

    They move when the run is finished.
    """
    usual = TrackingServiceClient._get_artifact_repo
    if hasattr(usual, "_gitruns"):
        return

    def place(self: Any, resource_id: str, **options: Any) -> Any:
        store = self.store
        if isinstance(store, TrackingStore) and options.get("resource", "run") == "run":
            return store.artifacts(resource_id)
        return usual(self, resource_id, **options)

    place._gitruns = True  # type: ignore[attr-defined]
    TrackingServiceClient._get_artifact_repo = place


class TrackingStore(_Repeating, RestStore):  # type: ignore[misc]
    """MLflow's tracking store.

    The service is that of the project of the URI, or the one given.
    """

    def __init__(self, store_uri: str, found: Any = None) -> None:
        self._service = found or service(store_uri)
        super().__init__(self._service.credentials)
        self._direct: dict[str, _Direct | None] = {}  # the runs in progress of this process; None: not directly
        self._pid = os.getpid()
        self._lock = threading.RLock()
        # The address is nothing to open in a browser.
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        self._artifacts: dict[str, _Artifacts] = {}  # of runs in progress that this process writes to
        quicken()
        _place_artifacts()
        _follow_artifacts(self._service.credentials)
        _quiet()

    def artifacts(self, run_id: str) -> _Artifacts:
        """Return where the artifacts of a run are now."""
        with self._lock:
            found = self._artifacts.get(run_id)
        if found is None:
            info = self.get_run(run_id).info
            found = _Artifacts(
                self, run_id, info.artifact_uri, RunStatus.is_terminated(RunStatus.from_string(info.status))
            )
            if not found.ended and run_id in self._direct:
                with self._lock:
                    self._artifacts[run_id] = found
        return found

    def _run(self, run_id: str) -> _Direct | None:
        """Return the journal of a run, or None if its calls go to the service.

        The caller holds the lock.
        """
        if os.getpid() != self._pid:  # a fork
            self._direct, self._pid = {}, os.getpid()
        if run_id in self._direct:
            run = self._direct[run_id]
            if not run or not run.deleted():
                return run
            run.end()
            del self._direct[run_id]
        answer = http_request(
            self.get_host_creds(), "/api/2.0/mlflow/gitruns/journal", "POST", json={"run_id": run_id}, timeout=30
        )
        run = _Direct(answer.json()) if answer.status_code == 200 else None
        if run or answer.status_code == 404:  # a run that has ended, unless it is resumed
            self._direct[run_id] = run
        return run

    def create_run(
        self, experiment_id: str, user_id: str, start_time: int, tags: Any, run_name: str | None, *args: Any
    ) -> Any:
        """Begin a run.

        Tags that are not texts become texts, as in MLflow's store of SQLite.
        """
        return super().create_run(experiment_id, user_id, start_time, _as_texts(tags), run_name, *args)

    def create_experiment(self, name: str, artifact_location: str | None = None, tags: Any = None, **more: Any) -> str:
        """Make an experiment, whose tags become texts."""
        return str(super().create_experiment(name, artifact_location, _as_texts(tags), **more))

    def set_tag(self, run_id: str, tag: Any) -> None:
        """Set a tag."""
        tag = _as_texts([tag])[0]
        with self._lock:
            run = self._run(run_id)
            if run and run.may_be_tag(tag):
                run.tags([tag])
                return
        super().set_tag(run_id, tag)

    def log_metric(self, run_id: str, metric: Any) -> None:
        """Log a point."""
        with self._lock:
            run = self._run(run_id)
            line = run and _metric_line(metric)
            if run and line:
                run.write(line)
                return
        super().log_metric(run_id, _checked(metric))

    def log_param(self, run_id: str, param: Any) -> None:
        """Log a param."""
        with self._lock:
            run = self._run(run_id)
            if run and run.may_be_param(param):
                run.params([param])
                return
        super().log_param(run_id, param)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag."""
        with self._lock:
            super().delete_tag(run_id, key)
            run = self._direct.get(run_id)
            if run:
                run.removed.add(key)

    def log_batch(self, run_id: str, metrics: Any, params: Any, tags: Any) -> None:
        """Log points, params and tags."""
        metrics, params, tags = [_checked(m) for m in metrics], list(params), _as_texts(tags)
        many = len(metrics) > _MOST_METRICS or len(params) > _MOST_PARAMS or len(tags) > _MOST_PARAMS
        many = many or len({p.key for p in params}) < len(params)  # the service refuses them
        if not many and len(metrics) + len(params) + len(tags) <= _MOST_METRICS:
            with self._lock:
                run = self._run(run_id)
                if run:
                    lines = [_metric_line(m) for m in metrics]
                    # The service goes first: if it refuses something, nothing of the batch is recorded.
                    rest = (
                        [] if all(lines) else [m for m, line in zip(metrics, lines) if not line],
                        [p for p in params if not run.may_be_param(p)],
                        [t for t in tags if not run.may_be_tag(t)],
                    )
                    if any(rest):
                        super().log_batch(run_id, *rest)
                    run.params([p for p in params if run.may_be_param(p)])
                    run.write("".join(filter(None, lines)))
                    run.tags([t for t in tags if run.may_be_tag(t)])
                    return
        super().log_batch(run_id, metrics, params, tags)

    def _search_datasets(self, experiment_ids: Any) -> list[Any]:
        """Return the datasets of experiments, for MLflow's pages."""
        answer = http_request(
            self.get_host_creds(),
            "/api/2.0/mlflow/experiments/search-datasets",
            "POST",
            json={"experiment_ids": list(experiment_ids)},
            timeout=30,
        )
        found = verify_rest_response(answer, "search-datasets").json().get("dataset_summaries", [])
        return [_DatasetSummary(d["experiment_id"], d["name"], d["digest"], d.get("context")) for d in found]

    def update_run_info(self, run_id: str, run_status: Any, end_time: Any, run_name: Any) -> Any:
        """Change the status or the name of a run."""
        with self._lock:
            self._artifacts.pop(run_id, None)
            if self._direct.get(run_id) is None:
                self._direct.pop(run_id, None)
        if run_status is not None and RunStatus.is_terminated(run_status):
            with self._lock:
                run = self._direct.pop(run_id, None)
                if run:
                    run.end()
            if run_status == RunStatus.FINISHED and _failing():
                run_status = RunStatus.FAILED
        return super().update_run_info(run_id, run_status, end_time, run_name)


def _failing() -> bool:
    """Report whether Python exits because of an exception.

    MLflow ends its runs as finished then as well.
    """
    return getattr(sys, "last_value", None) is not None and not threading.main_thread().is_alive()


def _as_texts(tags: Any) -> list[Any]:
    """Return tags whose values are texts."""
    return [t if type(t.value) is str else type(t)(t.key, str(t.value)) for t in tags or []]


def _checked(metric: Any) -> Any:
    """Return a point as the service takes it, whose step is an integer.

    Raises MlflowException for what MLflow's store of SQLite does not take.
    """
    step, value, at = metric.step, metric.value, metric.timestamp
    if type(step) is int and type(value) is float and type(at) is int and abs(step) < 1 << 63:
        return metric
    _validate_metric(metric.key, value, at, step)
    metric = copy.copy(metric)
    metric._step, metric._timestamp = int(step), int(at)
    if abs(metric._step) >= 1 << 63:
        raise MlflowException.invalid_parameter_value(f"the step {step} of metric {metric.key!r} has more than 64 bits")
    if metric._step != step and metric.key not in _fractional:
        _fractional.add(metric.key)
        warnings.warn(
            f"step {step} of metric {metric.key!r} is recorded as {metric._step}: a step is an integer here, "
            "and later steps of this metric become integers too",
            stacklevel=2,
        )
    return metric


def _metric_line(metric: Any) -> str | None:
    """Return the line of a point, or None if only the service can record it."""
    key, value, at, step = metric.key, metric.value, metric.timestamp, metric.step
    if (
        type(value) is not float
        or value - value != 0  # NaN, or infinite
        or type(at) is not int
        or type(step) is not int
        or not 0 < at < 1 << 43
        or not -1 << 53 < step < 1 << 53
        or type(key) is not str
        or not _plain_key(key)
        or getattr(metric, "model_id", None)
        or getattr(metric, "dataset_name", None)
    ):
        return None
    return '{"t":%d.%03d,"step":%d,"m":{"%s":%.17g}}\n' % (at // 1000, at % 1000, step, key, value)  # noqa: UP031


class _Direct:
    """The journal of this process for a run, and what it must know of the run."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self._journal = Journal(answer["dir"], answer["host"])
        self._mark = os.path.join(answer["dir"], answer["deleted"])
        self._params: dict[str, str] = answer["params"]
        self.removed: set[str] = set(answer["removed"])

    def deleted(self) -> bool:
        """Report whether the run was deleted.

        The service refuses what is logged then.
        """
        return os.access(self._mark, os.F_OK)

    def write(self, lines: str) -> None:
        """Append lines. Raises OSError if they were not written."""
        if lines:
            self._journal.write(lines.encode())

    def may_be_param(self, param: Any) -> bool:
        """Report whether a param can be set without the service.

        The service refuses another value of a param.
        """
        key, text = param.key, param.value
        return (
            type(text) is str
            and type(key) is str
            and bool(_plain_key(key))
            and self._params.get(key, text[:_MOST_PARAM]) == text[:_MOST_PARAM]
        )

    def may_be_tag(self, tag: Any) -> bool:
        """Report whether a tag can be set without the service.

        Which way a tag goes depends on its key alone, so that the last value wins.
        """
        key = tag.key
        return (
            type(tag.value) is str
            and type(key) is str
            and bool(_plain_key(key))
            and not key.startswith("mlflow.")
            and key not in self.removed
        )

    def params(self, params: list[Any]) -> None:
        """Set params. One that is set again stays as it is."""
        new = {p.key: p.value[:_MOST_PARAM] for p in params if p.key not in self._params}
        if new:
            self.write(_texts("p", {key: _typed(text) for key, text in new.items()}))
            self._params.update(new)

    def tags(self, tags: list[Any]) -> None:
        """Set tags."""
        if tags:
            self.write(_texts("tags", {t.key: _text(t.value[:_MOST_TAG]) for t in tags}))

    def end(self) -> None:
        """Close the journal, so that a finish need not wait for it."""
        if self._journal.written():
            self.write('{"t":%.6f,"event":"end"}\n' % time.time())  # noqa: UP031
        self._journal.end()


def _texts(member: str, values: dict[str, str]) -> str:
    pairs = ",".join(f"{_quote(key)}:{value}" for key, value in values.items())
    return '{"t":%.6f,"%s":{%s}}\n' % (time.time(), member, pairs)  # noqa: UP031


def _typed(text: str) -> str:
    """Return a param as JSON, with a type only where str() of it gives the same text."""
    if text in ("True", "False"):
        return text.lower()
    if _WHOLE(text) and str(int(text)) == text:
        return text
    if _FLOAT(text) and repr(float(text)) == text:
        return text
    return _text(text)


def _text(text: str) -> str:
    """Return a text as JSON.

    It has an escape where a journal would take it for a number.
    """
    if text in ("NaN", "Infinity", "-Infinity"):
        return f'"\\u{ord(text[0]):04x}{text[1:]}"'
    return _quote(text)
