"""Programs that use W&B's own callbacks record under `runs exec --wandb`, without a change."""

from __future__ import annotations

import os
import sys
import unittest

from library import Training, need

XGBOOST = """
import numpy, wandb, xgboost
from wandb.integration.xgboost import WandbCallback
from wandb.xgboost import WandbCallback as Old
assert Old is WandbCallback
x = numpy.random.default_rng(0).random((100, 3))
with wandb.init():
    model = xgboost.XGBRegressor(n_estimators=4, callbacks=[WandbCallback(log_model=True)])
    model.fit(x, x[:, 0], eval_set=[(x, x[:, 0])], verbose=False)
"""

LIGHTGBM = """
import lightgbm, numpy, wandb
from wandb.integration.lightgbm import log_summary, wandb_callback
x = numpy.random.default_rng(0).random((200, 3))
data = lightgbm.Dataset(x, x[:, 0])
wandb.init()
params = {"objective": "regression", "metric": "l2", "verbosity": -1, "num_threads": 1}
model = lightgbm.train(params, data, 4, valid_sets=[data], valid_names=["valid"], callbacks=[wandb_callback()])
log_summary(model, save_model_checkpoint=True)
"""

CATBOOST = """
import catboost, numpy, wandb
from wandb.integration.catboost import WandbCallback, log_summary
x = numpy.random.default_rng(0).random((100, 3))
wandb.init()
model = catboost.CatBoostRegressor(iterations=4, verbose=0, allow_writing_files=False)
model.fit(x, x[:, 0], eval_set=(x, x[:, 0]), callbacks=[WandbCallback()])
log_summary(model)
"""

KERAS = """
import os
os.environ["KERAS_BACKEND"] = "torch"
import keras, numpy, wandb
from wandb.integration.keras import WandbEvalCallback, WandbMetricsLogger, WandbModelCheckpoint
from wandb.keras import WandbCallback

class Samples(WandbEvalCallback):
    def add_ground_truth(self, logs=None):
        self.data_table.add_data(0, 1.0)
    def add_model_predictions(self, epoch, logs=None):
        self.pred_table.add_data(epoch, self.data_table_ref.data[0][1], 0.5)

x = numpy.random.default_rng(0).random((32, 3)).astype("float32")
wandb.init()
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(x, x[:, :1], epochs=2, verbose=0, validation_data=(x, x[:, :1]), callbacks=[
    WandbMetricsLogger(), WandbModelCheckpoint("model-{epoch}.keras"), WandbCallback(save_model=False),
    Samples(["id", "y"], ["epoch", "y", "prediction"]),
])
"""

SB3 = """
import wandb
from stable_baselines3 import A2C
from wandb.integration.sb3 import WandbCallback
wandb.init()
A2C("MlpPolicy", "CartPole-v1", device="cpu", seed=0).learn(600, callback=WandbCallback(
    model_save_path="models", gradient_save_freq=50, verbose=2))
"""

DIFFUSERS = """
import wandb
from diffusers import DiffusionPipeline
from PIL import Image
from wandb.integration.diffusers import autolog
autolog(init={"project": "birds"})
class Pipeline(DiffusionPipeline):
    def __call__(self, prompt, guidance_scale=7.5):
        return ([Image.new("RGB", (2, 2))],)
Pipeline()("a heron")
"""


class Callbacks(Training):
    def run_with(self, source: str, *modules: str) -> dict:
        need(*modules)
        self.write("train.py", source)
        self.runs("exec", "--wandb", "--", sys.executable, "train.py")
        r = self.show()
        self.assertEqual(r["status"], "finished")
        return r

    def files(self, r: dict) -> list:
        return [os.path.basename(a["path"]) for a in r["artifacts"]]

    def test_xgboost(self) -> None:
        r = self.run_with(XGBOOST, "xgboost", "sklearn")
        self.assertEqual([step for step, _ in self.points("validation_0-rmse")], [0, 1, 2, 3])
        self.assertIn("model.json", self.files(r))
        self.assertIn("f0", self.table("feature_importance")["feature"])

    def test_lightgbm(self) -> None:
        r = self.run_with(LIGHTGBM, "lightgbm")
        self.assertEqual([step for step, _ in self.points("valid_l2")], [0, 1, 2, 3])
        self.assertIn("model.txt", self.files(r))

    def test_catboost(self) -> None:
        r = self.run_with(CATBOOST, "catboost")
        self.assertEqual([step for step, _ in self.points("validation-RMSE")], [1, 2, 3, 4])
        self.assertEqual(r["params"]["catboost"]["iterations"], 4)

    def test_keras(self) -> None:
        r = self.run_with(KERAS, "keras", "torch")
        self.assertEqual([step for step, _ in self.points("epoch/val_loss")], [0, 1])
        self.assertEqual([step for step, _ in self.points("val_loss")], [0, 1])
        self.assertEqual(self.points("epoch/epoch"), [(0, 0.0), (1, 1.0)])
        self.assertEqual({f for f in self.files(r) if f.startswith("model-")}, {"model-1.keras", "model-2.keras"})
        self.assertEqual(self.table("val_data"), {"id": [0], "y": [1.0]})
        self.assertEqual([a["step"] for a in r["artifacts"] if a.get("key") == "eval_data"], [0, 1])

    def test_sb3(self) -> None:
        r = self.run_with(SB3, "stable_baselines3")
        self.assertIn("rollout/ep_rew_mean", r["metrics"])
        self.assertIn("model.zip", self.files(r))

    def test_diffusers(self) -> None:
        r = self.run_with(DIFFUSERS, "diffusers", "torch", "PIL")
        self.assertEqual(r["experiment"], "birds")
        self.assertEqual([a.get("caption") for a in r["artifacts"]], ["a heron"])


if __name__ == "__main__":
    unittest.main()
