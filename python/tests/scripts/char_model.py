"""A model of letter pairs. Its options are globals, and key=value on the command line replaces them."""

import math
import os
import random
import sys

out_dir = "out"
eval_interval = 20
log_interval = 5
max_iters = 60
learning_rate = 0.5
seed = 1337
wandb_log = True
wandb_project = "letters"
wandb_run_name = "pairs"
backend = "nccl"

config_keys = [k for k, v in globals().items() if not k.startswith("_") and isinstance(v, (int, float, bool, str))]
for word in sys.argv[1:]:
    key, _, value = word.lstrip("-").partition("=")
    assert key in globals(), key
    globals()[key] = type(globals()[key])(value)
config = {k: globals()[k] for k in config_keys}

ddp = int(os.environ.get("RANK", -1)) != -1
rank = int(os.environ["RANK"]) if ddp else 0
master_process = rank == 0

text = "the cat sat on the mat and the dog sat on the log " * 4
letters = sorted(set(text))
index = {c: i for i, c in enumerate(letters)}
n = len(letters)
rng = random.Random(seed + rank)
weights = [[rng.gauss(0, 0.1) for _ in range(n)] for _ in range(n)]
pairs = [(index[a], index[b]) for a, b in zip(text, text[1:])]


def softmax(row):
    top = max(row)
    parts = [math.exp(v - top) for v in row]
    total = sum(parts)
    return [p / total for p in parts]


def loss_of(some):
    return -sum(math.log(softmax(weights[a])[b]) for a, b in some) / len(some)


def lr_at(it):
    return learning_rate * min(1.0, (it + 1) / 10)


if wandb_log and master_process:
    import wandb

    wandb.init(project=wandb_project, name=wandb_run_name, config=config)

best_val_loss = 1e9
for iter_num in range(max_iters):
    lr = lr_at(iter_num)
    if iter_num % eval_interval == 0 and master_process:
        losses = {"train": loss_of(pairs[:100]), "val": loss_of(pairs[100:])}
        print(f"step {iter_num}: train {losses['train']:.4f}, val {losses['val']:.4f}")
        if wandb_log:
            wandb.log(
                {"iter": iter_num, "train/loss": losses["train"], "val/loss": losses["val"], "lr": lr, "mfu": -1 * 100}
            )
        best_val_loss = min(best_val_loss, losses["val"])
    for a, b in rng.sample(pairs[:100], 20):
        p = softmax(weights[a])
        for j in range(n):
            weights[a][j] -= lr * (p[j] - (j == b))
