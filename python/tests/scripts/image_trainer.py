"""Training of a classifier from the command line: rows of an OrderedDict go to a CSV file and to the tracker."""

import argparse
import csv
import logging
import math
import os
import random
from collections import OrderedDict

try:
    import wandb

    has_wandb = True
except ImportError:
    has_wandb = False

_logger = logging.getLogger("train")


def update_summary(epoch, train_metrics, eval_metrics, filename, lr=None, write_header=False, log_wandb=False):
    row = OrderedDict(epoch=epoch)
    row.update([("train_" + k, v) for k, v in train_metrics.items()])
    row.update([("eval_" + k, v) for k, v in eval_metrics.items()])
    if lr is not None:
        row["lr"] = lr
    if log_wandb:
        wandb.log(row)
    with open(filename, mode="a") as f:
        writer = csv.DictWriter(f, fieldnames=row.keys())
        if write_header:
            writer.writeheader()
        writer.writerow(row)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--lr", type=float, default=0.5)
    parser.add_argument("--output", default="output")
    parser.add_argument("--experiment", default="blobs")
    parser.add_argument("--log-wandb", action="store_true")
    parser.add_argument("--wandb-tags", default=[], nargs="+")
    parser.add_argument("--wandb-resume-id", default="")
    args = parser.parse_args()
    os.makedirs(args.output, exist_ok=True)

    if args.log_wandb:
        if has_wandb:
            resume = {"id": args.wandb_resume_id, "resume": "must"} if args.wandb_resume_id else {}
            wandb.init(project="blobs", name=args.experiment, config=args, tags=args.wandb_tags, **resume)
        else:
            _logger.warning("metrics are not logged: no wandb")

    rng = random.Random(0)
    data = [([rng.gauss(c, 1), rng.gauss(-c, 1)], (c + 1) // 2) for c in (rng.choice((-1, 1)) for _ in range(200))]
    w, b = [0.0, 0.0], 0.0

    def predict(x):
        return 1 / (1 + math.exp(-(w[0] * x[0] + w[1] * x[1] + b)))

    def evaluate(part):
        loss = -sum(math.log(max(p if y else 1 - p, 1e-12)) for p, y in ((predict(x), y) for x, y in part)) / len(part)
        top1 = 100 * sum((predict(x) > 0.5) == bool(y) for x, y in part) / len(part)
        return OrderedDict([("loss", loss), ("top1", top1)])

    best = None
    for epoch in range(args.epochs):
        lr = args.lr * 0.5 * (1 + math.cos(math.pi * epoch / args.epochs))
        for x, y in data[:150]:
            g = predict(x) - y
            w[0], w[1], b = w[0] - lr * g * x[0], w[1] - lr * g * x[1], b - lr * g
        train, val = OrderedDict(loss=evaluate(data[:150])["loss"]), evaluate(data[150:])
        update_summary(
            epoch,
            train,
            val,
            os.path.join(args.output, "summary.csv"),
            lr=lr,
            write_header=best is None,
            log_wandb=args.log_wandb and has_wandb,
        )
        best = max(best or 0, val["top1"])
    if args.log_wandb and has_wandb:
        wandb.run.summary["best_metric"] = best


if __name__ == "__main__":
    main()
