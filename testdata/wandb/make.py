"""Makes the W&B runs whose logs are beside this file.

Run it offline in an empty Git repository, with each version of wandb whose logs are to be imported: python make.py,
python make.py fail, python make.py kill.
"""

import math
import os
import signal
import sys
import time

import wandb

run = wandb.init(
    project="penguins",
    mode="offline",
    id=sys.argv[2] if len(sys.argv) > 2 else None,
    name="first try",
    notes="depth from the paper\nsecond line",
    tags=["baseline", "cpu"],
    group="depths",
    job_type="train",
    config={"lr": 0.1, "model": {"depth": 3, "act": "relu"}, "sizes": [8, 4], "seed": None, "augment": True},
    settings=wandb.Settings(host="laptop", _disable_stats=True)
    if wandb.__version__ < "0.17"
    else wandb.Settings(host="laptop", x_disable_stats=False),
)
wandb.define_metric("epoch", hidden=True)
wandb.define_metric("val/*", step_metric="epoch", summary="min")
wandb.define_metric("acc", summary="max")
for i in range(20):
    wandb.log({"loss": 1 / (i + 1), "acc": i / 20, "grad": {"norm": i, "max": i / 2}, "big": 2**60 + i})
wandb.log({"val/loss": 0.5, "epoch": 1})
wandb.log({"val/loss": math.nan, "epoch": 2, "diverged": math.inf})
wandb.log(
    {
        "hist": wandb.Histogram(np_histogram=([1, 2, 1], [0.0, 1.0, 2.0, 3.0])),
        "preds": wandb.Table(columns=["x", "y"], data=[[1, "a"], [2, "b"]]),
        "page": wandb.Html("<p>hi</p>"),
        "text": "fine",
        "short": [1, 2, 3],
        "ok": True,
    }
)
wandb.log({"late": 1}, step=200)
wandb.config.update({"lr": 0.2}, allow_val_change=True)
run.summary["best"] = 0.9
run.alert("careful", "loss is high")
print("trained")
if sys.argv[1:2] == ["fail"]:
    raise ValueError("no such penguin")
if sys.argv[1:2] == ["kill"]:
    time.sleep(5)
    os.kill(os.getpid(), signal.SIGKILL)
wandb.finish()
