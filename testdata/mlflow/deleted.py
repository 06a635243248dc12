"""The run that stands for the program can be deleted like any other; the program goes on with another."""

import mlflow
from mlflow.entities import ViewType
from report import report

mlflow.set_experiment("d")
with mlflow.start_run(run_name="bad") as bad:
    mlflow.log_metric("loss", float("nan"))
mlflow.delete_run(bad.info.run_id)
client = mlflow.MlflowClient()
assert client.get_run(bad.info.run_id).info.lifecycle_stage == "deleted"
with mlflow.start_run(run_name="good") as good:
    mlflow.log_metric("loss", 1.0)
with mlflow.start_run(run_name="dropped") as dropped:
    pass
client.delete_run(dropped.info.run_id)


def names(view):
    return sorted(r.info.run_name for r in mlflow.search_runs(run_view_type=view, output_format="list"))


assert names(ViewType.ACTIVE_ONLY) == ["good"], names(ViewType.ACTIVE_ONLY)
assert names(ViewType.DELETED_ONLY) == ["bad", "dropped"], names(ViewType.DELETED_ONLY)
report(good.info.run_id)
