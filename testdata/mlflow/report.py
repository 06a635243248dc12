"""What MLflow's own client says of runs, for the test that compares it with what runs says of them."""

import json
import os

import mlflow


def files(client, run_id, path=None):
    for item in client.list_artifacts(run_id, path):
        if item.is_dir:
            yield from files(client, run_id, item.path)
        else:
            yield item.path


def report(*run_ids):
    """Write what the client reads to the file that MLFLOW_TEST_REPORT names."""
    client = mlflow.MlflowClient()
    found = []
    for run_id in run_ids:
        run = client.get_run(run_id)
        history = {key: client.get_metric_history(run_id, key) for key in run.data.metrics}
        found.append(
            {
                "id": run_id,
                "name": run.info.run_name,
                "status": run.info.status,
                "experiment": client.get_experiment(run.info.experiment_id).name,
                "params": run.data.params,
                "tags": {k: v for k, v in run.data.tags.items() if not k.startswith("mlflow.")},
                "note": run.data.tags.get("mlflow.note.content", ""),
                "parent": run.data.tags.get("mlflow.parentRunId", ""),
                "metrics": run.data.metrics,
                "points": {key: [[m.step, m.value] for m in points] for key, points in history.items()},
                "artifacts": sorted(files(client, run_id)),
            }
        )
    with open(os.environ["MLFLOW_TEST_REPORT"], "w") as file:
        json.dump(found, file)
