"""Search runs while they are open and after they have ended, as a sweep does that looks for its best run."""

import mlflow
from report import report

mlflow.set_experiment("sweep")
ids = []
for i, lr in enumerate((0.3, 0.1, 0.2)):
    with mlflow.start_run(run_name=f"trial-{i}") as run:
        ids.append(run.info.run_id)
        mlflow.log_param("lr", lr)
        mlflow.log_metric("loss", 10 * lr)
        mlflow.set_tag("round", i % 2)
        open_ = mlflow.search_runs(filter_string="attributes.status = 'RUNNING'")
        assert list(open_.run_id) == [run.info.run_id], open_
best = mlflow.search_runs(order_by=["metrics.loss ASC"], max_results=1)
assert best.loc[0, "params.lr"] == "0.1" and best.loc[0, "status"] == "FINISHED", best
assert len(mlflow.search_runs(filter_string="metrics.loss < 2.5 and params.lr LIKE '0.%'")) == 2
assert len(mlflow.search_runs(filter_string="tags.round = '1' and attributes.run_name ILIKE 'TRIAL-%'")) == 1
assert len(mlflow.search_runs(experiment_names=["sweep"])) == 3
assert len(mlflow.search_runs(experiment_names=["no such experiment"])) == 0
try:
    mlflow.search_runs(filter_string="metrics.loss >")
except mlflow.MlflowException as e:
    assert e.error_code == "INVALID_PARAMETER_VALUE", e.error_code
else:
    raise AssertionError("the filter is not valid")
report(*ids)
