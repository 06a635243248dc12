"""Log inputs: two datasets of one name, a file of the project, and a URL. Read them back while the run is open."""

import mlflow
import pandas as pd

frame = pd.DataFrame({"x": [1, 2, 3], "y": [0.5, 1.5, 2.5]})
frame.to_csv("train.csv", index=False)
train = mlflow.data.from_pandas(frame, source="train.csv", targets="y")
test = mlflow.data.from_pandas(frame.tail(1), source="https://ada:secret@example.com/test.csv?token=1")
mlflow.set_experiment("inputs")
with mlflow.start_run(run_name="inputs") as run:
    mlflow.log_input(train, context="training")
    mlflow.log_input(train, context="training")
    mlflow.log_input(test, context="test")
    mlflow.log_metric("rmse", 0.25, step=1)
client = mlflow.MlflowClient()
inputs = client.get_run(run.info.run_id).inputs.dataset_inputs
got = [(i.dataset.name, i.dataset.digest, {t.key: t.value for t in i.tags}) for i in inputs]
assert got == [
    ("dataset", train.digest, {"mlflow.data.context": "training"}),
    ("dataset", test.digest, {"mlflow.data.context": "test"}),
], got
assert "mlflow_colspec" in inputs[0].dataset.schema and "num_rows" in inputs[0].dataset.profile
for wanted, n in (("test", 1), ("other", 0)):
    where = f"attributes.run_id = '{run.info.run_id}' and dataset.context = '{wanted}'"
    assert len(mlflow.search_runs(filter_string=where)) == n, wanted
