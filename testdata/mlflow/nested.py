"""Nested runs: two children of one parent, and a child of a child."""

import mlflow
from report import report

ids = []
with mlflow.start_run(run_name="parent") as parent:
    ids.append(parent.info.run_id)
    for lr in (0.1, 0.2):
        with mlflow.start_run(run_name=f"child {lr}", nested=True) as child:
            ids.append(child.info.run_id)
            mlflow.log_param("lr", lr)
            mlflow.log_metric("loss", lr * 2)
            with mlflow.start_run(run_name="grandchild", nested=True) as grandchild:
                ids.append(grandchild.info.run_id)
                mlflow.log_metric("loss", lr)
    mlflow.log_metric("best", 0.1)
found = mlflow.search_runs(filter_string=f"tags.`mlflow.parentRunId` = '{ids[0]}'", order_by=["params.lr"])
assert list(found["tags.mlflow.runName"]) == ["child 0.1", "child 0.2"], found
report(*ids)
