"""The fluent API: params of each kind, metrics with and without steps, tags, a note, and two runs in turn."""

import math

import mlflow
from report import report

mlflow.set_experiment("fluent")
with mlflow.start_run(run_name="first", description="a note\nof two lines", tags={"team": "ä"}) as first:
    mlflow.log_param("lr", 0.1)
    mlflow.log_params({"layers": 3, "model.kind": "cnn", "shuffle": True, "seed": "007", "none": None, "tiny": 1e-7})
    for step in range(5):
        mlflow.log_metrics({"loss": 1 / (step + 1), "acc": step / 5}, step=step)
    mlflow.log_metric("bare", 1)
    mlflow.log_metric("bare", 2)
    mlflow.log_metric("odd key/with: marks-1.x", 3.5, step=7)
    mlflow.log_metric("nan", math.nan, step=1)
    mlflow.set_tags({"stage": "dev", "number": 7})
    mlflow.delete_tag("stage")
with mlflow.start_run(run_name="second") as second:
    mlflow.log_metric("loss", 0.5, step=-3)
    mlflow.log_metric("loss", 0.25, step=1 << 40)
    mlflow.log_metric("loss", 0.75, step=5)  # MLflow's value is that of the greatest step
assert mlflow.get_run(first.info.run_id).data.params["seed"] == "007"
assert math.isnan(mlflow.get_run(first.info.run_id).data.metrics["nan"])
report(second.info.run_id)
