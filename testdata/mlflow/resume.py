"""Resume a run that has ended, in the same program: its history is that of both parts."""

import mlflow

with mlflow.start_run(run_name="resumed") as run:
    mlflow.log_param("lr", 0.1)
    mlflow.log_metric("loss", 1.0, step=0)
with mlflow.start_run(run_id=run.info.run_id) as again:
    assert again.info.run_id == run.info.run_id
    mlflow.log_metric("loss", 0.5, step=1)
    mlflow.log_param("epochs", 2)
client = mlflow.MlflowClient()
got = client.get_run(run.info.run_id)
assert [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "loss")] == [(0, 1.0), (1, 0.5)]
assert got.data.params == {"lr": "0.1", "epochs": "2"} and got.info.status == "FINISHED", got.data.params
