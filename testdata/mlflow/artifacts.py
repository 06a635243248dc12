"""Artifacts of each kind: files, folders, text, JSON, YAML, a picture, a figure and a table."""

import os

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import mlflow
import numpy as np
from report import report

with mlflow.start_run(run_name="artifacts") as run:
    os.makedirs("out/deep", exist_ok=True)
    for name in ("out/a.txt", "out/deep/b ü %.txt"):
        with open(name, "w") as file:
            file.write(name)
    mlflow.log_artifact("out/a.txt")
    mlflow.log_artifact("out/a.txt", "again/and again")
    mlflow.log_artifacts("out", "all")
    mlflow.log_text("text", "notes/plain.txt")
    mlflow.log_dict({"a": [1, 2]}, "conf/a.json")
    mlflow.log_dict({"a": [1, 2]}, "conf/a.yaml")
    mlflow.log_image(np.zeros((8, 8, 3), dtype=np.uint8), "picture.png")
    figure, axes = plt.subplots()
    axes.plot([1, 2, 3])
    mlflow.log_figure(figure, "figure.png")
    mlflow.log_table({"q": ["a", "b"], "score": [0.5, 1.0]}, "table.json")
    mlflow.log_table({"q": ["c"], "score": [0.25]}, "table.json")
    for wrong in ("../outside.txt", "/etc/outside.txt", "a/../../outside.txt"):
        try:
            mlflow.log_text("no", wrong)
        except Exception:
            continue
        raise AssertionError(wrong)
assert len(mlflow.load_table("table.json", run_ids=[run.info.run_id])) == 3
assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/notes/plain.txt") == "text"
with open(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="all/deep/b ü %.txt")) as file:
    assert file.read() == "out/deep/b ü %.txt"
report(run.info.run_id)
