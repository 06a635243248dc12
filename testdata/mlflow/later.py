"""Asynchronous logging, which returns before the listener has answered."""

import mlflow
from report import report

mlflow.enable_system_metrics_logging()
mlflow.set_system_metrics_sampling_interval(1)
with mlflow.start_run(run_name="later", log_system_metrics=False) as run:
    waiting = [mlflow.log_metric("loss", 1 / (step + 1), step=step, synchronous=False) for step in range(200)]
    waiting.append(mlflow.log_params({"lr": 0.1, "b": 2}, synchronous=False))
    waiting.append(mlflow.set_tag("late", "yes", synchronous=False))
    for one in waiting:
        one.wait()
mlflow.flush_async_logging()
assert len(mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")) == 200
report(run.info.run_id)
