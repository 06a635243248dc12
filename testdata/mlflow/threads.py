"""Log from threads, asynchronously, to nested runs and through the client; search while runs are open; resume."""

import threading

import mlflow

mlflow.set_experiment("threads")
client = mlflow.MlflowClient()
with mlflow.start_run(run_name="outer", description="two words") as outer:
    for step in range(50):
        mlflow.log_metric("async", step / 10, step=step, synchronous=False)
    mlflow.log_param("late", "x", synchronous=False)

    def work(i):
        for step in range(20):
            client.log_metric(outer.info.run_id, f"thread{i}", step, step=step)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    mlflow.flush_async_logging()
    for i in range(3):
        with mlflow.start_run(run_name=f"inner{i}", nested=True):
            mlflow.log_metrics({"a": i, "b": float("nan"), "c": float("inf")})
    found = mlflow.search_runs(filter_string=f"tags.mlflow.parentRunId = '{outer.info.run_id}' AND metrics.a >= 1")
    assert len(found) == 2, found
assert len(client.get_metric_history(outer.info.run_id, "async")) == 50
assert all(len(client.get_metric_history(outer.info.run_id, f"thread{i}")) == 20 for i in range(8))
run = client.get_run(outer.info.run_id)
assert run.data.params["late"] == "x" and run.data.tags["mlflow.note.content"] == "two words", run.data
with mlflow.start_run(run_id=outer.info.run_id):
    mlflow.log_metric("again", 1)
assert client.get_run(outer.info.run_id).data.metrics["again"] == 1
try:
    client.log_param(outer.info.run_id, "late", "y")
except mlflow.MlflowException as e:
    assert e.error_code == "INVALID_PARAMETER_VALUE", e
else:
    raise AssertionError("a param was changed")
