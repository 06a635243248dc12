"""Fits y = 2x + 1 by gradient descent. The recipes for sweeps run it many times.

python train.py --lr 0.1 --seed 1
"""

import argparse
import os
import random

import gitruns


def fit(lr, seed, steps=50):
    """Yield the mean squared error after each step."""
    rng = random.Random(seed)
    data = [(x, 2 * x + 1 + rng.gauss(0, 0.1)) for x in (rng.uniform(-1, 1) for _ in range(32))]
    a = b = 0.0
    for _ in range(steps):
        errors = [(a * x + b - y, x) for x, y in data]
        a -= lr * 2 * sum(e * x for e, x in errors) / len(errors)
        b -= lr * 2 * sum(e for e, _ in errors) / len(errors)
        yield sum(e * e for e, _ in errors) / len(errors)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    # SWEEP is the group of all tasks of a job array.
    with gitruns.init(project="line", config=vars(args), group=os.environ.get("SWEEP")) as run:
        for loss in fit(args.lr, args.seed):
            run.log({"loss": loss})
