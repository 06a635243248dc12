"""Load each registered model with MLflow and with the client, and compare what it predicts."""

import json
import os
import shutil
import sys

import mlflow.pyfunc
import pandas

import gitruns

native = {"linear": "sklearn", "xgb": "xgboost", "lgb": "lightgbm"}
x = pandas.DataFrame({"a": [float(n) for n in range(40)], "b": [n % 5 for n in range(40)]})
with open("predicted.json") as f:
    predicted = json.load(f)
for name, library in native.items():
    folder = os.path.join(sys.argv[1], name)
    __import__(f"mlflow.{library}")
    loaded = {
        "pyfunc": mlflow.pyfunc.load_model(folder),
        library: getattr(mlflow, library).load_model(folder),
        "client": gitruns.load_model(f"models:/{name}/1"),
    }
    for way, model in loaded.items():
        got = [float(v) for v in model.predict(x)]
        assert all(abs(a - b) < 1e-4 for a, b in zip(predicted[name], got)), (name, way, predicted[name], got)
    signature = mlflow.models.get_model_info(folder).signature
    assert [c.name for c in signature.inputs.inputs] == ["a", "b"] and signature.outputs, signature
    if name == "linear":  # a pickle of a folder is not read without trust
        shutil.copytree(folder, "copy")
        try:
            gitruns.load_model("copy")
        except gitruns.UsageError as e:
            assert "trust=True" in str(e), e
        else:
            raise SystemExit("an untrusted pickle was loaded")
for name in "array", "unnamed":  # MLflow reads the example back, and the signature accepts it
    loaded = mlflow.pyfunc.load_model(os.path.join(sys.argv[1], name))
    got = [float(v) for v in loaded.predict(loaded.input_example)]
    assert len(got) == 3 and all(abs(a - b) < 1e-4 for a, b in zip([0, 3, 6], got)), (name, got)
print("all equal")
