"""Log models in each style and load them back, while the run is open. With the ids of an earlier call, load those."""

import sys
import warnings

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

warnings.filterwarnings("ignore", category=UserWarning)
three = int(mlflow.__version__.split(".")[0]) >= 3
x = np.arange(12.0).reshape(6, 2)
y = x @ [1.0, 2.0]


def check(uri):
    predicted = mlflow.sklearn.load_model(uri).predict(x)
    assert np.allclose(predicted, y), (uri, predicted)
    assert np.allclose(mlflow.pyfunc.load_model(uri).predict(x), y), uri


if len(sys.argv) > 1:
    for uri in sys.argv[1:]:
        check(uri)
    sys.exit()

mlflow.set_experiment("models")
model = LinearRegression().fit(x, y)
name = {"name": "model"} if three else {"artifact_path": "model"}
with mlflow.start_run(run_name="models") as run:
    mlflow.log_params({"lr": 0.1, "depth": 3})
    mlflow.log_metric("rmse", 0.25, step=0)
    info = mlflow.sklearn.log_model(model, signature=infer_signature(x, y), **name)
    uris = [f"runs:/{run.info.run_id}/model"]
    if three:
        assert info.model_id.startswith("m-"), info.model_id
        uris.append(f"models:/{info.model_id}")
        mlflow.log_metric("rmse", 0.5, step=1, model_id=info.model_id)
    for uri in uris:
        check(uri)
    mlflow.log_table({"a": [1, 2], "b": ["x", "y"]}, "table.json")
    mlflow.log_dict({"a": 1}, "dict.json")
    mlflow.log_text("hello", "notes/hello.txt")
    mlflow.log_image(np.zeros((4, 4, 3), dtype=np.uint8), "black.png")
    try:
        import matplotlib
    except ImportError:
        pass
    else:
        matplotlib.use("Agg")
        from matplotlib import pyplot

        figure, axes = pyplot.subplots()
        axes.plot([1, 2])
        mlflow.log_figure(figure, "figure.png")
client = mlflow.MlflowClient()
assert mlflow.load_table("table.json", run_ids=[run.info.run_id]).equals(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}))
assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/notes/hello.txt") == "hello"
if three:
    logged = client.get_logged_model(info.model_id)
    assert str(logged.status) == "READY" and logged.source_run_id == run.info.run_id, logged
    assert logged.params == {"lr": "0.1", "depth": "3"}, logged.params
    points = {(m.key, m.value, m.step) for m in logged.metrics}  # log_model() has logged the first one
    assert points == {("rmse", 0.25, 0), ("rmse", 0.5, 1)}, logged.metrics
    client.set_logged_model_tags(info.model_id, {"stage": "a/b c"})
    found = mlflow.search_logged_models(filter_string="name = 'model' AND params.depth = '3'", output_format="list")
    assert info.model_id in [m.model_id for m in found], found
    assert next(m for m in found if m.model_id == info.model_id).tags["stage"] == "a/b c"
    client.delete_logged_model_tag(info.model_id, "stage")
    outputs = client.get_run(run.info.run_id).outputs.model_outputs
    assert [o.model_id for o in outputs] == [info.model_id], outputs
    assert "MLmodel" in [f.path for f in client.list_logged_model_artifacts(info.model_id)]
for uri in uris:
    check(uri)
print("LOAD", *uris)
