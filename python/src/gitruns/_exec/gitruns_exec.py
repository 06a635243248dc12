"""MLflow's stores in files of the project, and with --mlflow its servers, replaced by the listener of `runs exec`.

`runs exec` puts this folder on PYTHONPATH. MLflow finds the entry points beside this file and imports it at every
`import mlflow`, so that it imports nothing itself. It does not need the package gitruns: gitruns_exec_client has what
the stores need of it.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# A program may change MLFLOW_TRACKING_URI, which set_tracking_uri() of MLflow does as well.
_ADDRESS = "RUNS_MLFLOW_ADDRESS"
_TOKEN = "RUNS_MLFLOW_TOKEN"
_PROJECT = "RUNS_MLFLOW_PROJECT"  # the folder whose stores are replaced
_REGISTRY = "RUNS_MLFLOW_REGISTRY"  # what MLFLOW_REGISTRY_URI was before
_SERVERS = "RUNS_MLFLOW_SERVERS"  # "taken" if servers that the program names are replaced too


def __getattr__(name: str) -> Any:
    """Return the factory that an entry point names.

    Raises AttributeError for other names.
    """
    if name not in _FACTORIES:
        raise AttributeError(f"gitruns_exec has no {name!r}")
    if name.endswith("_files") or name == "artifacts":
        _plain_paths(name)
    return _FACTORIES[name]


def _plain_paths(name: str) -> None:
    """Register a factory for plain paths as well, whose scheme is empty.

    An entry point cannot have an empty name.
    """
    module, registry = {
        "tracking_files": ("mlflow.tracking._tracking_service.utils", "_tracking_store_registry"),
        "registry_files": ("mlflow.tracking._model_registry.utils", "_model_registry_store_registry"),
        "artifacts": ("mlflow.store.artifact.artifact_repository_registry", "_artifact_repository_registry"),
    }[name]
    found = getattr(sys.modules.get(module), registry, None)
    if found is not None:
        found.register("", _FACTORIES[name])


def _artifacts(artifact_uri: str, *args: Any, **options: Any) -> Any:
    from gitruns_exec_client._mlflow_artifacts import followed

    return followed(_credentials, artifact_uri, *args, **options)


def _tracking_files(store_uri: str, artifact_uri: str | None = None) -> Any:
    if _taken(store_uri, _file_path(store_uri)):
        return _tracking_gitruns(store_uri)
    from mlflow.tracking._tracking_service.utils import _get_file_store

    return _get_file_store(store_uri, artifact_uri=artifact_uri)


def _tracking_sqlite(store_uri: str, artifact_uri: str | None = None) -> Any:
    if _taken(store_uri, _sqlite_path(store_uri)):
        return _tracking_gitruns(store_uri)
    from mlflow.tracking._tracking_service.utils import _get_sqlalchemy_store

    return _get_sqlalchemy_store(store_uri, artifact_uri)


def _tracking_gitruns(store_uri: str, artifact_uri: str | None = None) -> Any:
    from gitruns_exec_client._mlflow_store import TrackingStore

    _say_when_left()
    return TrackingStore(store_uri, _Listener)


def _say_when_left() -> None:
    """Tell `runs exec` when Python exits.

    A process that was killed cannot, and so did not end its runs.
    """
    import atexit

    atexit.unregister(_leave)
    atexit.register(_leave)


def _leave() -> None:
    from mlflow.utils.rest_utils import http_request

    try:
        http_request(_credentials(), "/gitruns/left", "POST", json={}, max_retries=0, timeout=5)
    except Exception:  # the listener has ended
        pass


def _tracking_http(store_uri: str, artifact_uri: str | None = None) -> Any:
    if store_uri.rstrip("/") == os.environ.get(_ADDRESS):
        return _tracking_gitruns(store_uri)
    taken = os.environ.get(_SERVERS) == "taken"
    _tell({"uri": store_uri, "server": True, "taken": taken})
    if taken:
        return _tracking_gitruns(store_uri)
    _restore_settings()
    from mlflow.tracking._tracking_service.utils import _get_rest_store

    return _get_rest_store(store_uri)


def _restore_settings() -> None:
    """Take back what `runs exec` has set for its listener: a server is asked."""
    registry = os.environ.get(_REGISTRY)
    if os.environ.get("MLFLOW_TRACKING_TOKEN") == os.environ.get(_TOKEN):
        os.environ.pop("MLFLOW_TRACKING_TOKEN", None)
    if os.environ.get("MLFLOW_REGISTRY_URI") == os.environ.get(_ADDRESS):
        os.environ.pop("MLFLOW_REGISTRY_URI", None)
        if registry:
            os.environ["MLFLOW_REGISTRY_URI"] = registry


def _registry_files(store_uri: str, tracking_uri: str | None = None) -> Any:
    if _taken(store_uri, _file_path(store_uri)):
        return _registry_gitruns(store_uri)
    from mlflow.tracking._model_registry.utils import _get_file_store

    return _get_file_store(store_uri)


def _registry_sqlite(store_uri: str, tracking_uri: str | None = None) -> Any:
    if _taken(store_uri, _sqlite_path(store_uri)):
        return _registry_gitruns(store_uri)
    from mlflow.tracking._model_registry.utils import _get_sqlalchemy_store

    return _get_sqlalchemy_store(store_uri)


def _registry_gitruns(store_uri: str, tracking_uri: str | None = None) -> Any:
    from mlflow.store.model_registry.rest_store import RestStore

    return RestStore(_credentials)


_FACTORIES = {
    "artifacts": _artifacts,
    "tracking_files": _tracking_files,
    "tracking_gitruns": _tracking_gitruns,
    "tracking_http": _tracking_http,
    "tracking_sqlite": _tracking_sqlite,
    "registry_files": _registry_files,
    "registry_gitruns": _registry_gitruns,
    "registry_sqlite": _registry_sqlite,
}


def _credentials() -> Any:
    from mlflow.utils.rest_utils import MlflowHostCreds

    address = os.environ.get(_ADDRESS)
    if not address:
        from mlflow.exceptions import MlflowException

        raise MlflowException("this process has no listener of 'runs exec'; install gitruns, or run it by 'runs exec'")
    return MlflowHostCreds(address, token=f"{os.environ.get(_TOKEN)}.{os.getpid()}")


class _Listener:
    """The listener of `runs exec`, as a service of the stores of gitruns."""

    credentials = staticmethod(_credentials)

    @staticmethod
    def answers() -> bool:
        """Report that a call is not worth repeating: the listener ends with `runs exec`."""
        return True


def _file_path(uri: str) -> str:
    from mlflow.utils.file_utils import local_file_uri_to_path

    return str(local_file_uri_to_path(uri))


def _sqlite_path(uri: str) -> str | None:
    """Return the path of the database that a URI names, or None for one in memory."""
    path = uri.partition("://")[2].partition("?")[0]
    path = path[1:].removeprefix("file:")
    return None if path in ("", ":memory:") else path


def _taken(uri: str, path: str | None) -> bool:
    """Report whether the store at a path is replaced, and tell `runs exec`."""
    project = os.environ.get(_PROJECT)
    if path is None or not project:
        return False
    path, project = os.path.realpath(path), os.path.realpath(project)
    taken = path == project or path.startswith(os.path.join(project, ""))
    _tell({"uri": uri, "path": path, "taken": taken})
    return taken


def _tell(told: dict[str, Any]) -> None:
    """Tell `runs exec` about a store that the program names."""
    from mlflow.utils.rest_utils import http_request

    try:
        http_request(_credentials(), "/gitruns/store", "POST", json=told, max_retries=0, timeout=5)
    except Exception:  # the message of runs exec lacks it, but the program goes on
        pass
