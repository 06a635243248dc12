"""The client API without an active run: batches, times, a status, a rename, and a param that must not change."""

import time

import mlflow
from mlflow.entities import Metric, Param, RunTag
from report import report

client = mlflow.MlflowClient()
experiment = client.create_experiment("by client", tags={"owner": "ada"})
assert client.get_experiment_by_name("by client").experiment_id == experiment
run_id = client.create_run(experiment, tags={"kind": "batch"}, run_name="batches").info.run_id
now = int(time.time() * 1000)
points = [Metric(f"m{i % 4}", i / 8, now + i, i) for i in range(1000)]
client.log_batch(run_id, points, [Param(f"p{i}", str(i)) for i in range(100)], [RunTag("batch", "1")])
client.log_batch(run_id)
client.log_param(run_id, "p7", "7")
try:
    client.log_param(run_id, "p7", "8")
except mlflow.MlflowException as e:
    assert e.error_code == "INVALID_PARAMETER_VALUE", e.error_code
else:
    raise AssertionError("a param has changed")
client.log_text(run_id, "hello", "texts/hello.txt")
client.update_run(run_id, name="renamed")
client.set_terminated(run_id)
assert client.get_run(run_id).info.status == "FINISHED"
for wrong in ("x" * 32, "20200101-000000-aaaaaaaa"):
    try:
        client.get_run(wrong)
    except mlflow.MlflowException as e:
        assert e.error_code == "RESOURCE_DOES_NOT_EXIST", (wrong, e.error_code, str(e))
    else:
        raise AssertionError(wrong)
report(run_id)
