"""Metrics, params and tags of a loop, none of which is a call to the listener."""

import mlflow
from mlflow.store.tracking.rest_store import RestStore
from report import report


def refuse(*args, **options):
    raise AssertionError("a call to the listener")


with mlflow.start_run(run_name="direct") as run:
    usual = {name: getattr(RestStore, name) for name in ("log_metric", "log_batch", "log_param", "set_tag")}
    for name in usual:
        setattr(RestStore, name, refuse)
    for step in range(100):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"a": 0.5, "b": 1.5}, step=step)
    mlflow.log_param("lr", 0.1)
    mlflow.log_params({"layers": 3, "text": "a b"})
    mlflow.set_tag("stage", "dev")
    for name, call in usual.items():
        setattr(RestStore, name, call)
    # What was written so far is there to read, and counts together with what the listener is told.
    seen = mlflow.get_run(run.info.run_id)
    assert seen.data.metrics["loss"] == 0.01, seen.data.metrics
    assert seen.data.params["text"] == "a b" and seen.data.tags["stage"] == "dev"
    mlflow.log_metric("odd/key", 1, step=50)
    try:
        mlflow.log_param("lr", 0.2)
    except mlflow.exceptions.MlflowException:
        pass
    else:
        raise AssertionError("a param was changed")
report(run.info.run_id)
