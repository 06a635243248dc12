"""The shim passes the checks of Ultralytics and trl for wandb, and the calls that they make."""

from __future__ import annotations

import importlib.util
import sys
import unittest

from library import Training

ULTRALYTICS = """
import pathlib
import wandb as wb
assert hasattr(wb, "__version__")

assert not wb.run
wb.init(project="Ultralytics", name="train", config={"epochs": 2, "lr0": 0.01, "data": None},
        id="train_20260101_000000", resume=None, dir="out")
for prefix in ("train", "lr", "metrics", "val"):
    wb.run.define_metric(f"{prefix}/*", step_metric="epoch")
wb.run.config.setdefaults({"epochs": 3, "batch": 16})
assert wb.run.config["epochs"] == 2 and wb.run.config["batch"] == 16

pathlib.Path("labels.png").write_bytes(bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080000000"
    "03a7e9b550000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"))
pathlib.Path("best.pt").write_bytes(b"weights")
for epoch in range(2):
    wb.run.log({"train/box_loss": 1.0 / (epoch + 1), "epoch": epoch + 1}, commit=False)
    wb.run.log({"lr/pg0": 0.01}, commit=False)
    wb.run.log({"labels": wb.Image("labels.png")}, commit=False)
    wb.run.log({"metrics/mAP50(B)": 0.5, "epoch": epoch + 1}, commit=True)
table = wb.Table(data=[("a", 0.5, 0.1), ("b", 0.25, 0.2)], columns=["class", "y", "x"])
chart = wb.plot_table(
    "wandb/area-under-curve/v0", table, fields={"x": "x", "y": "y", "class": "class"},
    string_fields={"title": "Precision Recall Curve", "x-axis-title": "Recall", "y-axis-title": "Precision"},
)
wb.log({"curves/Precision-Recall(B)": chart}, commit=False)
art = wb.Artifact(type="model", name=f"run_{wb.run.id}_model")
art.add_file(pathlib.Path("best.pt"))
wb.run.log_artifact(art, aliases=["best"])
wb.run.log({"epoch": 2}, commit=True)
wb.finish()
wb.finish(exit_code=1)
"""

TRL = """
import importlib.metadata
import importlib.util
assert importlib.util.find_spec("wandb") is not None  # transformers' check
import wandb
assert hasattr(wandb, "run")
assert importlib.metadata.metadata("wandb")["Name"] == "wandb"  # accelerate's check
assert wandb.run is None
wandb.init(project="huggingface", name="grpo")
assert isinstance(wandb.run.url, str)  # of the model card
wandb.log({"profiling/Time taken: step": 0.1})
assert isinstance(wandb.run.entity + "/" + wandb.run.project, str)
wandb.log({"game_log": wandb.Table(columns=["Prompt", "Policy"], data=[["p", "c"]])})
try:
    import pandas
except ImportError:
    pass
else:
    frame = pandas.DataFrame({"step": [1, 1], "prompt": ["a", "b"], "completion": ["c", "d"]})
    wandb.log({"completions": wandb.Table(dataframe=frame)})
    wandb.log({"frame": frame})
wandb.finish()
"""


class Users(Training):
    def test_ultralytics(self) -> None:
        self.write("train.py", ULTRALYTICS)
        self.runs("exec", "--wandb", "--", sys.executable, "train.py")
        r = self.show()
        self.assertEqual((r["status"], r["params"]["epochs"], r["params"]["batch"]), ("finished", 2, 16))
        self.assertEqual(self.points("train/box_loss"), [(0, 1.0), (1, 0.5)])
        self.assertEqual(self.points("metrics/mAP50(B)"), [(0, 0.5), (1, 0.5)])
        self.assertTrue([a for a in r["artifacts"] if a["path"].endswith("best.pt")])
        self.assertIn("labels", [a.get("key") for a in r["artifacts"]])
        self.assertIn("curves/Precision-Recall(B)", [a.get("key") for a in r["artifacts"]])

    def test_trl(self) -> None:
        self.write("train.py", TRL)
        self.runs("exec", "--wandb", "--", sys.executable, "train.py")
        r = self.show()
        self.assertEqual((r["status"], self.points("profiling/Time taken: step")), ("finished", [(0, 0.1)]))
        keys = {"game_log", *(("completions", "frame") if importlib.util.find_spec("pandas") else ())}
        self.assertEqual({a.get("key") for a in r["artifacts"]} & keys, keys)


if __name__ == "__main__":
    unittest.main()
