"""Writes what MLflow's client reads of all runs, so that it can be compared between stores: told.py's tell(FILE)."""

import json
import re

import mlflow

TIMES = re.compile(r"runtime|per_second|time|flos|system/")


def files(items, path=None):
    for item in items(path):
        if item.is_dir:
            yield from files(items, item.path)
        else:
            yield re.sub(r"[0-9a-f]{32}|(?<=tfevents\.)\d+\..*(?=\.\d+\.v2)", "ID", item.path)


def tell(file):
    client = mlflow.MlflowClient()
    experiments = [e.experiment_id for e in client.search_experiments()]
    told = []
    for run in client.search_runs(experiments, order_by=["start_time ASC"]):
        points = {}
        for key in run.data.metrics:
            history = client.get_metric_history(run.info.run_id, key)
            points[key] = [[m.step, None if TIMES.search(key) else round(m.value, 5)] for m in history]
        told.append(
            {
                "status": run.info.status,
                "params": {k: re.sub(r"/\S*|\d{4}-\d\d-\d\d\S*", "PATH", v) for k, v in run.data.params.items()},
                "points": {key: sorted(list_) for key, list_ in points.items()},
                "tags": sorted(k for k in run.data.tags if not k.startswith(("mlflow.source", "mlflow.runName"))),
                "artifacts": sorted(
                    f
                    for f in files(lambda p, r=run: client.list_artifacts(r.info.run_id, p))
                    if not f.startswith("models/")
                ),
                "models": len(run.outputs.model_outputs),
            }
        )
    models = []
    for model in client.search_logged_models(experiments):
        names = files(lambda p, m=model: client.list_logged_model_artifacts(m.model_id, p))
        models.append([model.name, str(model.status), sorted(model.params or {}), sorted(names)])
    with open(file, "w") as out:
        json.dump({"runs": told, "models": sorted(models)}, out, indent=1, sort_keys=True)
