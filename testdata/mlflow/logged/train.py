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
    rows = x.to_numpy()
    linear = LinearRegression().fit(rows, y)
    for name, example in ("array", rows[:3]), ("unnamed", pandas.DataFrame(rows[:3])):
        run.log_model(linear, name, input_example=example)
    try:
        run.log_model(linear, "wide", input_example=x.assign(c=1))
    except gitruns.UsageError as e:
        assert "input_example" in str(e), e
    else:
        raise SystemExit("logged a model with an example that it cannot predict")
assert "mlflow" not in sys.modules
with open("predicted.json", "w") as f:
    json.dump({name: [float(v) for v in model.predict(x)] for name, model in models.items()}, f)
