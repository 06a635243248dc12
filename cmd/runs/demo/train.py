"""Classify Adelie, Chinstrap and Gentoo penguins by their measurements.

Multinomial logistic regression, trained by mini-batch gradient descent. It needs Python 3.9 and no packages:

    python3 train.py --lr 0.1

The same share of each species is held out for validation. Everything else, also the standardization, is learned
from the other birds. Two birds without measurements are left out.
"""

import argparse
import csv
import json
import math
import os
import random
import re
import secrets
import socket
import time
from contextlib import closing
from operator import mul

DATA = "penguins.csv"
SPECIES = ["Adelie", "Chinstrap", "Gentoo"]
MEASURES = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


class Journal:
    """Records into the run of `runs exec`. Without a run it does nothing."""

    def __init__(self):
        self.file = None
        if folder := os.environ.get("RUNS_DIR"):
            host = re.sub("[^a-z0-9.]", "_", socket.gethostname().lower())
            name = f"journal-{host}-{os.getpid()}-{secrets.token_hex(4)}.jsonl"
            self.file = open(os.path.join(folder, name), "ab", buffering=0)

    def add(self, **record):
        """Append one line with one unbuffered write, so that it survives any end of this process."""
        if self.file:
            self.file.write((json.dumps({"t": time.time(), **record}) + "\n").encode())

    def close(self):
        if self.file:
            self.add(event="end")
            self.file.close()


def read(path):
    """Return the birds with all measurements, whatever the features are, so that every run has the same split."""
    with open(path, newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if all(row[name] != "NA" for name in MEASURES)]


def split(rows, fraction, rng):
    """Return the training and the validation part. The latter has this fraction of each species."""
    train, val = [], []
    for species in SPECIES:
        birds = [row for row in rows if row["species"] == species]
        rng.shuffle(birds)
        cut = round(fraction * len(birds))
        val += birds[:cut]
        train += birds[cut:]
    return train, val


def columns(row, features):
    """Return the inputs of the model for one bird, by name."""
    seen = {name: float(row[name]) for name in features}
    return seen


def standardization(vectors):
    """Return the mean and the standard deviation of each column. The latter is 1 for a constant column."""
    mean = [sum(column) / len(column) for column in zip(*vectors)]
    var = [sum((v - m) ** 2 for v in column) / len(column) for column, m in zip(zip(*vectors), mean)]
    return mean, [math.sqrt(v) or 1.0 for v in var]


def prepare(rows, features, mean, std):
    """Return the standardized inputs, each with a 1 for the bias at its end, and the indices of the species."""
    vectors = [columns(row, features).values() for row in rows]
    xs = [[(v - m) / s for v, m, s in zip(vector, mean, std)] + [1.0] for vector in vectors]
    return xs, [SPECIES.index(row["species"]) for row in rows]


def log_softmax(weights, x):
    """Return the log of each species' probability. The largest score is subtracted, so that exp cannot overflow."""
    scores = [sum(map(mul, w, x)) for w in weights]
    top = max(scores)
    log_sum = top + math.log(sum(math.exp(s - top) for s in scores))
    return [s - log_sum for s in scores]


def evaluate(weights, xs, ys, l2=0.0):
    """Return the loss and the accuracy.

    The loss is the mean cross-entropy in nats, plus l2 / 2 times the squared weights without the biases. With l2 = 0,
    losses of different settings can be compared.
    """
    loss, right = 0.0, 0
    for x, y in zip(xs, ys):
        log_p = log_softmax(weights, x)
        loss -= log_p[y]
        right += log_p[y] == max(log_p)
    penalty = l2 / 2 * sum(v * v for w in weights for v in w[:-1])
    return loss / len(xs) + penalty, right / len(xs)


def gradient(weights, xs, ys, l2):
    """Return the derivative of the loss of evaluate by each weight."""
    grad = [[l2 * v for v in w[:-1]] + [0.0] for w in weights]
    for x, y in zip(xs, ys):
        for c, log_p in enumerate(log_softmax(weights, x)):
            error = (math.exp(log_p) - (c == y)) / len(xs)
            grad[c] = [g + error * v for g, v in zip(grad[c], x)]
    return grad


def train(args, journal):
    """Train a model, record the metrics of every epoch, and return the model."""
    rng = random.Random(args.seed)
    train_rows, val_rows = split(read(DATA), args.val_fraction, rng)
    names = list(columns(train_rows[0], args.features))
    mean, std = standardization([columns(row, args.features).values() for row in train_rows])
    xs, ys = prepare(train_rows, args.features, mean, std)
    val_xs, val_ys = prepare(val_rows, args.features, mean, std)
    common = max(range(len(SPECIES)), key=ys.count)
    print(
        f"{len(xs)} birds to learn from, {len(val_xs)} to validate on; "
        f"always guessing {SPECIES[common]} would be right for {val_ys.count(common) / len(val_ys):.1%}",
        flush=True,
    )

    weights = [[0.0] * (len(names) + 1) for _ in SPECIES]
    order = list(range(len(xs)))
    for epoch in range(1, args.epochs + 1):
        rng.shuffle(order)
        for start in range(0, len(order), args.batch_size):
            batch = order[start : start + args.batch_size]
            grad = gradient(weights, [xs[i] for i in batch], [ys[i] for i in batch], args.l2)
            weights = [[v - args.lr * g for v, g in zip(w, gw)] for w, gw in zip(weights, grad)]
        train_loss, _ = evaluate(weights, xs, ys)
        val_loss, val_acc = evaluate(weights, val_xs, val_ys)
        journal.add(step=epoch, m={"train/loss": train_loss, "val/loss": val_loss, "val/acc": val_acc})
        if epoch % 20 == 0 or epoch == args.epochs:
            print(
                f"epoch {epoch:3}   train/loss {train_loss:.4f}   val/loss {val_loss:.4f}   val/acc {val_acc:.3f}",
                flush=True,
            )
    return {"species": SPECIES, "columns": names, "mean": mean, "std": std, "weights": weights}


def main():
    parser = argparse.ArgumentParser(description="Train a classifier of penguins, in the folder of this program.")
    parser.add_argument("--lr", type=float, default=0.1, help="learning rate")
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--l2", type=float, default=0.0003, help="weight of the penalty on large weights")
    parser.add_argument("--seed", type=int, default=0, help="seed of the split and of the order of the birds")
    parser.add_argument("--val-fraction", type=float, default=0.25, help="share of the birds for validation")
    parser.add_argument("--features", nargs="+", choices=MEASURES, default=["bill_length_mm", "flipper_length_mm"])
    args = parser.parse_args()
    if args.epochs < 1 or args.batch_size < 1 or not 0.01 <= args.val_fraction <= 0.99:
        parser.error("--epochs and --batch-size must be 1 or more, --val-fraction 0.01 to 0.99")

    with closing(Journal()) as journal:
        journal.add(p=vars(args))
        journal.add(dataset={"path": DATA, "name": "penguins"})
        model = train(args, journal)
        path = os.path.abspath(os.path.join("out", os.environ.get("RUNS_ID", "by-hand"), "model.json"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(model, file, indent=2)
        journal.add(artifact={"path": path, "name": "model.json"})


if __name__ == "__main__":
    main()
