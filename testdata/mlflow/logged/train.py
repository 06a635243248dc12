"""Log a model of each library without MLflow, and keep what it predicts."""

import json
import sys

import lightgbm
import pandas
import xgboost
from sklearn.linear_model import LinearRegression

import gitruns

x = pandas.DataFrame({"a": [float(n) for n in range(40)], "b": [n % 5 for n in range(40)]})
y = 2 * x["a"] + x["b"]
models = {
    "linear": LinearRegression().fit(x, y),
    "xgb": xgboost.XGBRegressor(n_estimators=5).fit(x, y),
    "lgb": lightgbm.train({"verbose": -1, "min_data_in_leaf": 1}, lightgbm.Dataset(x, y), num_boost_round=5),
}
with gitruns.init(name="trained") as run:
    for name, model in models.items():
        run.log_model(model, name, input_example=x.head(3))
assert "mlflow" not in sys.modules
with open("predicted.json", "w") as f:
    json.dump({name: [float(v) for v in model.predict(x)] for name, model in models.items()}, f)
