"""The plugin for MLflow: `mlflow.set_tracking_uri("gitruns:")`, or "gitruns:PATH" for the project in PATH.

MLflow loads this module at every `import mlflow`, so that it imports nothing. The stores themselves are in
_mlflow_store.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def tracking_store(store_uri: str, artifact_uri: str | None = None) -> Any:
    """Return MLflow's tracking store for a project.

    Under `mlflow server`, artifact_uri is a place of the server, but the artifacts of runs are in the project. Raises
    MlflowException if the service cannot be started.
    """
    from ._mlflow_store import TrackingStore

    return TrackingStore(store_uri)


def registry_store(store_uri: str, tracking_uri: str | None = None) -> Any:
    """Return MLflow's store of registered models for a project.

    Raises MlflowException if the service cannot be started.
    """
    from ._mlflow_store import RegistryStore

    return RegistryStore(store_uri)
