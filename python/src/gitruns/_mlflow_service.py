"""The service that answers MLflow's calls for a project: `runs mlflow serve`, or the listener of `runs exec`."""

from __future__ import annotations

import os
import socket
import sys
import threading
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.tracking._model_registry import utils
from mlflow.utils.rest_utils import MlflowHostCreds, http_request

_services: dict[str, Service] = {}
_lock = threading.Lock()


def service(uri: str) -> Service:
    """Return the service for the project of a URI.

    It is gitruns:, gitruns:PATH or gitruns:///PATH.
    """
    path = uri.partition(":")[2]
    if path.startswith("//"):
        path = path[2:]
    path = os.path.realpath(path or ".")
    with _lock:
        if path not in _services:
            _services[path] = Service(path)
        return _services[path]


class Service:
    """The service for the project in a folder.

    It is found, or started, at the first call, and again if it has ended meanwhile.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._address = ""
        self._token = ""
        self._told = 0  # the process that the service knows
        self._lock = threading.Lock()

    def credentials(self) -> MlflowHostCreds:
        """Return where MLflow's calls go now.

        Raises MlflowException if the service cannot be started.
        """
        with self._lock:
            pid = os.getpid()
            if not self.answers():
                self._find()
                self._told = 0
            token = f"{self._token}.{pid}"
            creds = MlflowHostCreds(self._address, token=token)
            if self._told != pid:
                self._tell(creds)
                self._told = pid
            return creds

    def answers(self) -> bool:
        """Report whether somebody listens at the address: a service ends when it is idle."""
        if not self._address:
            return False
        host, _, port = self._address.rpartition("//")[2].rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError:
            return False
        return True

    def _find(self) -> None:
        _without_proxy()
        address, project = os.environ.get("RUNS_MLFLOW_ADDRESS"), os.environ.get("RUNS_MLFLOW_PROJECT")
        if address and project and os.path.join(self.path, "").startswith(os.path.join(os.path.realpath(project), "")):
            self._address, self._token = address, os.environ.get("RUNS_MLFLOW_TOKEN", "")
            if self.answers():  # that of runs exec
                return
        from ._binary import client
        from ._errors import Error

        if not os.path.isdir(self.path):
            raise MlflowException(f"gitruns:{self.path} does not name a folder; write gitruns:PATH with a project")
        try:
            answer = client("mlflow", {"pid": os.getpid()}, cwd=self.path)
        except Error as e:
            raise MlflowException(f"gitruns: {e}") from e
        self._address, self._token = answer["address"], answer["token"]

    def _tell(self, creds: MlflowHostCreds) -> None:
        """Tell the service what this program is, which it records with the runs."""
        from ._init import _command, _interpreter

        command, entry = _command()
        try:
            folder = os.getcwd()
        except OSError:  # it was removed
            folder = self.path
        about = {"command": command, "entry": entry, "dir": folder, "python": _interpreter()}
        http_request(creds, "/gitruns/program", "POST", json=about, timeout=10)


def _without_proxy() -> None:
    """Keep calls to this machine from a proxy."""
    for name in ("NO_PROXY", "no_proxy"):
        given = [host for host in os.environ.get(name, "").split(",") if host]
        if "127.0.0.1" not in given:
            os.environ[name] = ",".join([*given, "127.0.0.1"])


def quicken() -> None:
    """Keep MLflow from looking for Spark at every call of its API.

    It costs more than the call. There is a session of Spark only if pyspark was imported.
    """
    look = getattr(utils, "_get_registry_uri_from_spark_session", None)
    if look is None or hasattr(look, "_gitruns"):
        return

    def look_if_imported() -> Any:
        return look() if "pyspark" in sys.modules else None

    look_if_imported._gitruns = True  # type: ignore[attr-defined]
    utils._get_registry_uri_from_spark_session = look_if_imported
