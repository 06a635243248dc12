"""MLflow's access to artifacts in files, which move when their run is finished."""

from __future__ import annotations

import os
import re
from typing import Any, Callable

from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.rest_utils import http_request, verify_rest_response

_MODELS = "models/"  # where a run has its logged models

# Where the artifacts of a run are, or were, in a project: while it is in progress, or for a program that reads them.
_PLACE = re.compile(r".*/(?:active/([^/]+)/files|runs/cache/artifacts/[^/]+/([^/]+?)(?:-whole)?)((?:/.*)?)")


class Artifacts(LocalArtifactRepository):  # type: ignore[misc]
    """Artifacts in files.

    Some may be hard links of artifacts of finished runs.
    """

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        self._unlink(local_file, artifact_path or "", os.path.basename(local_file))
        super().log_artifact(local_file, artifact_path)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        for folder, _, names in os.walk(local_dir):
            below = os.path.relpath(folder, local_dir)
            for name in names:
                self._unlink(os.path.join(folder, name), artifact_path or "", below, name)
        super().log_artifacts(local_dir, artifact_path)

    def _unlink(self, source: str, *parts: str) -> None:
        """Remove a hard link: MLflow 2 would write through it."""
        at = os.path.normpath(os.path.join(self._artifact_dir, *parts))
        if os.path.isfile(at) and os.stat(at).st_nlink > 1 and not os.path.samefile(source, at):
            os.unlink(at)


class _Followed(Artifacts):
    """The artifacts of a run.

    MLflow's own store has the logged models of a run beside them, and does not list them.
    """

    run_id = ""
    credentials: Callable[[], Any]

    def list_artifacts(self, path: str | None = None) -> Any:
        found = super().list_artifacts(path)
        if not self.run_id or not any(f"{f.path}/".startswith(_MODELS) for f in found):
            return found
        answer = _list(self.credentials(), {"run_id": self.run_id, "path": path or ""})
        listed = {f["path"] for f in answer["files"]}
        return [f for f in found if f.path in listed]


def _list(credentials: Any, query: dict[str, str]) -> Any:
    url = "/api/2.0/mlflow/artifacts/list"
    answer = http_request(credentials, url, "GET", params=query, max_retries=0, timeout=60)
    return verify_rest_response(answer, url).json()


def followed(credentials: Callable[[], Any], artifact_uri: str, *args: Any, **options: Any) -> Artifacts:
    """Return the access to a folder of files.

    If it is one that a program was given for a run, and is not there any more, it leads to where the artifacts are now.
    """
    found = _Followed(artifact_uri, *args, **options)
    was = _PLACE.fullmatch(found._artifact_dir.replace(os.sep, "/"))
    if was and not was[3].strip("/"):
        found.run_id, found.credentials = was[1] or was[2], credentials
    if was and not os.path.exists(found._artifact_dir):
        found._artifact_dir = _moved(found._artifact_dir, was, credentials)
    return found


def _moved(path: str, was: re.Match[str], credentials: Callable[[], Any]) -> str:
    try:
        root = local_file_uri_to_path(_list(credentials(), {"run_id": was[1] or was[2]})["root_uri"])
    except Exception:  # it stays what it is: a folder that does not exist
        return path
    return str(root) + was[3].replace("/", os.sep)
