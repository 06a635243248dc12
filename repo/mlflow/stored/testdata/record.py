"""Makes a store with MLflow itself, and prints what MLflow's own client says is in it.

    python record.py KIND DIR

KIND is sqlite or file. The store is DIR/mlflow.db or DIR/mlruns; artifacts are in DIR/mlruns. The
output is JSON: for each run its id, status, times, params, tags, metric histories and datasets.
"""

import json
import math
import os
import sys

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"  # MLflow 3.17 refuses stores of files otherwise
os.environ["GIT_PYTHON_REFRESH"] = "quiet"

import mlflow
from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

VERSION = int(mlflow.__version__.split(".")[0])
if VERSION > 2:
    from mlflow.entities import LoggedModelInput


def point(key, value, time, step, **about):
    return Metric(key, value, time, step, **(about if VERSION > 2 else {}))


def record(root):
    """Record runs of each style with the client at fixed times."""
    client = MlflowClient()
    start = 1700000000000
    home = client.create_experiment(
        "bikes & co", artifact_location=None, tags={"team": "sea", "mlflow.note.content": "a note"}
    )
    gone = client.create_experiment("gone")
    runs = []

    def begin(name=None, experiment=home, tags=None):
        run = client.create_run(experiment, start_time=start + 1000 * len(runs), run_name=name, tags=tags)
        runs.append(run.info.run_id)
        return run.info.run_id

    def end(run, status="FINISHED", seconds=60):
        client.set_terminated(run, status, start + 1000 * seconds)

    plain = begin("plain", tags={"mlflow.user": "ann", "mlflow.source.name": os.path.join(root, "src/train.py")})
    for key, value in {
        "lr": 0.01,
        "n": 3,
        "flag": True,
        "text": "a b",
        "none": None,
        "zeros": "0010",
        "exp": "1e-3",
        "path/with/slashes": "x",
        "unicode é": "ü\nsecond line",
        "long": "x" * 5000,
        "empty": "",
        "nan": "nan",
    }.items():
        client.log_param(plain, key, value)
    for i in range(50):
        client.log_metric(plain, "loss", 1 / (i + 1), start + i * 10, i)
    values = [0.0, -0.0, math.nan, math.inf, -math.inf, 1e-320, 1e308, 5, -3.25]
    for i, value in enumerate(values):
        client.log_metric(plain, "odd/values", value, start + i, i)
    client.log_metric(plain, "again", 1, start, 0)
    client.log_metric(plain, "again", 2, start, 0)
    client.log_metric(plain, "again", 3, start + 5, 0)
    client.log_metric(plain, "backward", 1, start, 10)
    client.log_metric(plain, "backward", 2, start, -10)
    client.set_tag(plain, "mlflow.note.content", "first line\nsecond line")
    client.set_tag(plain, "kind", "test")
    with open(os.path.join(root, "artifact.txt"), "w") as f:
        f.write("an artifact\n")
    client.log_artifact(plain, os.path.join(root, "artifact.txt"), "plots/deep")
    client.log_text(plain, "top", "top.txt")
    end(plain)

    parent = begin("parent")
    child = begin("child", tags={"mlflow.parentRunId": parent})
    client.log_batch(
        child,
        [point(f"m{i % 7}", float(i), start + i, i) for i in range(900)],
        [Param(f"p{i}", str(i)) for i in range(90)],
        [RunTag("a", "b")],
    )
    end(child, "FAILED", 30)
    end(parent, "KILLED", 40)
    open_run = begin("open")
    client.log_metric(open_run, "loss", 0.5, start + 5000, 1)
    deleted = begin("deleted")
    client.delete_run(deleted)
    lost = begin("lost", gone)
    end(lost)
    client.delete_experiment(gone)

    data = begin("data")
    mlflow.end_run()
    with mlflow.start_run(data):
        record_data(client, data, start)
    end(data)
    if VERSION > 2:
        record_models(client, home, begin, end, start)
    record_registry(client, root, plain, deleted)
    return [home, "0"]


def record_registry(client, root, plain, deleted):
    """Register versions with files, without files and of a deleted run."""
    client.create_registered_model("bikes", {"team": "sea"}, "how many bikes")
    uri = client.get_run(plain).info.artifact_uri
    client.create_model_version("bikes", uri + "/plots", plain, {"kind": "plot"}, description="the first")
    client.create_model_version("bikes", os.path.join(root, "mlruns"), plain)
    client.create_model_version("bikes", uri + "/top.txt", plain)
    client.create_model_version("bikes", client.get_run(deleted).info.artifact_uri + "/model", deleted)
    client.create_model_version("bikes", uri + "/plots/deep", plain)
    client.transition_model_version_stage("bikes", "3", "Production")
    client.transition_model_version_stage("bikes", "1", "Archived")
    client.set_registered_model_alias("bikes", "champion", "3")
    client.delete_model_version("bikes", "5")


def record_data(client, run, start):
    """Log two datasets of one name, one of which comes from a file of the project."""
    import numpy

    train = mlflow.data.from_numpy(numpy.arange(12.0).reshape(4, 3), source="data/train.npy", name="rows")
    test = mlflow.data.from_numpy(numpy.arange(6.0).reshape(2, 3), source="https://example.org/test.npy", name="rows")
    mlflow.log_input(train, context="training")
    mlflow.log_input(test, context="eval")
    client.log_metric(run, "loss", 2.0, start + 1, 1)


def record_models(client, home, begin, end, start):
    """Log metrics about two models and a dataset, also from a run that did not make the model."""
    run = begin("models")
    models = [client.create_logged_model(home, name, run).model_id for name in ("first", "second")]
    for model in models:
        client.finalize_logged_model(model, "READY")
    client.create_logged_model(home, "alone", tags={"stage": "candidate"})
    about = {"dataset_name": "some-rows", "dataset_digest": "abc123"}
    for i in range(3):
        client.log_batch(run, [point("acc", i / 4, start + i, i, model_id=models[0])])
        client.log_batch(run, [point("acc", i / 8, start + i, i, model_id=models[1], **about)])
        client.log_batch(run, [point("plain", float(i), start + i, i)])
    client.log_metric(run, "odd", math.nan, start, 0, model_id=models[0])
    client.log_metric(run, "odd", math.inf, start, 1, model_id=models[0])
    end(run)
    evaluation = begin("evaluation")
    client.log_inputs(evaluation, models=[LoggedModelInput(models[1])])
    client.log_metric(evaluation, "acc", 0.75, start, 0, model_id=models[1], **about)
    end(evaluation)


def number(value):
    return str(value) if math.isnan(value) or math.isinf(value) else value


def report(experiments):
    """Return what the client says of each run that is not deleted."""
    client = MlflowClient()
    found = []
    for item in client.search_runs(experiments, max_results=1000):
        run = client.get_run(item.info.run_id)  # a search leaves out models that a run used
        info = run.info
        metrics = {}
        for key in run.data.metrics:
            history = client.get_metric_history(info.run_id, key)
            metrics[key] = [[m.step, m.timestamp, number(m.value)] for m in history]
        models = {}
        if VERSION > 2:
            for model in client.search_logged_models(experiments):
                for m in model.metrics or []:
                    if m.run_id == info.run_id:
                        label = [model.model_id, m.dataset_name or ""]
                        models.setdefault(m.key, []).append([m.step, m.timestamp, number(m.value), *label])
        found.append(
            {
                "id": info.run_id,
                "name": info.run_name,
                "experiment": client.get_experiment(info.experiment_id).name,
                "status": info.status,
                "start": info.start_time,
                "end": info.end_time,
                "params": dict(run.data.params),
                "tags": dict(run.data.tags),
                "metrics": metrics,
                "models": models,
                "datasets": [
                    [d.dataset.name, d.dataset.digest, {t.key: t.value for t in d.tags}.get("mlflow.data.context", "")]
                    for d in run.inputs.dataset_inputs
                ],
                "used": [m.model_id for m in run.inputs.model_inputs] if VERSION > 2 else [],
                "artifacts": sorted(files_of(client, info.run_id, "")),
            }
        )
    return found


def files_of(client, run, path):
    for item in client.list_artifacts(run, path):
        if item.is_dir:
            yield from files_of(client, run, item.path)
        else:
            yield item.path


def main():
    kind, root = sys.argv[1:]
    root = os.path.realpath(root)
    os.chdir(root)
    uri = "sqlite:///" + os.path.join(root, "mlflow.db") if kind == "sqlite" else "file:" + os.path.join(root, "mlruns")
    mlflow.set_tracking_uri(uri)
    experiments = record(root)
    json.dump({"version": mlflow.__version__, "runs": report(experiments)}, sys.stdout)


main()
