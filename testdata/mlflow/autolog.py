"""Autolog of scikit-learn, LightGBM and, if it is installed, XGBoost, without their models."""

import importlib.util

import lightgbm
import mlflow
import numpy as np
from report import report
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

mlflow.sklearn.autolog(log_models=False, log_datasets=False)
random = np.random.default_rng(1)
x, y = random.normal(size=(80, 3)), random.integers(0, 2, 80)
ids = []
with mlflow.start_run(run_name="fit") as run:
    ids.append(run.info.run_id)
    model = LogisticRegression(max_iter=50).fit(x, y)
    model.score(x, y)
with mlflow.start_run(run_name="grid") as run:
    GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2).fit(x, y)
children = mlflow.search_runs(filter_string=f"tags.`mlflow.parentRunId` = '{run.info.run_id}'")
assert len(children) == 2, children
mlflow.lightgbm.autolog(log_models=False, log_datasets=False)
with mlflow.start_run(run_name="lightgbm") as run:
    ids.append(run.info.run_id)
    data = lightgbm.Dataset(x, y)
    lightgbm.train({"objective": "binary", "verbose": -1}, data, 5, valid_sets=[data], valid_names=["train"])
if importlib.util.find_spec("xgboost"):
    import xgboost

    mlflow.xgboost.autolog(log_models=False, log_datasets=False)
    with mlflow.start_run(run_name="xgboost") as run:
        ids.append(run.info.run_id)
        data = xgboost.DMatrix(x, y)
        xgboost.train({"max_depth": 2, "objective": "binary:logistic"}, data, 5, evals=[(data, "train")])
    assert len(mlflow.MlflowClient().get_metric_history(run.info.run_id, "train-logloss")) == 5
data = mlflow.get_run(ids[0]).data
assert data.params["max_iter"] == "50" and "training_score" in data.metrics, data
assert len(mlflow.MlflowClient().get_metric_history(ids[1], "train-binary_logloss")) == 5
report(*ids)
