"""Register a model, which is refused: the model is kept, and the error says what is not. Lists are empty."""

import mlflow
import numpy as np
from sklearn.linear_model import LinearRegression

x = np.arange(12.0).reshape(6, 2)
model = LinearRegression().fit(x, x @ [1.0, 2.0])
three = int(mlflow.__version__.split(".")[0]) >= 3
name = {"name": "model"} if three else {"artifact_path": "model"}
with mlflow.start_run(run_name="registry") as run:
    try:
        mlflow.sklearn.log_model(model, registered_model_name="taxi", **name)
    except mlflow.MlflowException as e:
        message = str(e)
        assert "the model registry" in message and "\n" not in message, message
    else:
        raise AssertionError("the registration was not refused")
    mlflow.log_metric("after", 1)
assert np.allclose(mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/model").predict(x), x @ [1.0, 2.0])
client = mlflow.MlflowClient()
assert list(client.search_registered_models()) == [] and list(client.search_model_versions()) == []
if three:
    [output] = client.get_run(run.info.run_id).outputs.model_outputs
    assert str(client.get_logged_model(output.model_id).status) == "READY"
    assert list(mlflow.search_traces(return_type="list")) == []
