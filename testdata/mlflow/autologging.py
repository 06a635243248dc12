"""Autolog scikit-learn and, where they are installed, XGBoost and LightGBM, with a search of hyperparameters."""

import warnings

import mlflow
import numpy as np
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

warnings.filterwarnings("ignore", category=UserWarning)
warnings.filterwarnings("ignore", category=FutureWarning)
rng = np.random.default_rng(0)
x = rng.normal(size=(60, 3))
y = x @ [1.0, 2.0, 3.0]
client = mlflow.MlflowClient()
mlflow.set_experiment("autologging")


def last(name):
    runs = client.search_runs([experiment], f"attributes.run_name = '{name}'")
    assert runs, name
    return runs[0]


experiment = client.get_experiment_by_name("autologging").experiment_id
mlflow.sklearn.autolog(max_tuning_runs=2)
with mlflow.start_run(run_name="grid") as run:
    GridSearchCV(Ridge(), {"alpha": [0.1, 1.0, 10.0]}, cv=2).fit(x, y)
grid = client.get_run(run.info.run_id)
assert "best_alpha" in grid.data.params and "best_cv_score" in grid.data.metrics, grid.data
assert grid.inputs.dataset_inputs, grid.inputs
children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{run.info.run_id}'")
assert len(children) == 2, children
mlflow.sklearn.autolog(disable=True)
try:
    import xgboost
except ImportError:
    pass
else:
    mlflow.xgboost.autolog()
    with mlflow.start_run(run_name="xgboost") as run:
        data = xgboost.DMatrix(x, y)
        xgboost.train({"max_depth": 2}, data, num_boost_round=3, evals=[(data, "train")])
    assert len(client.get_metric_history(run.info.run_id, "train-rmse")) == 3
    mlflow.xgboost.load_model(f"runs:/{run.info.run_id}/model")
try:
    import lightgbm
except ImportError:
    pass
else:
    mlflow.lightgbm.autolog()
    with mlflow.start_run(run_name="lightgbm") as run:
        data = lightgbm.Dataset(x, y)
        lightgbm.train({"verbose": -1}, data, num_boost_round=3, valid_sets=[data], valid_names=["train"])
    assert len(client.get_metric_history(run.info.run_id, "train-l2")) == 3
    mlflow.lightgbm.load_model(f"runs:/{run.info.run_id}/model")
print("done")
