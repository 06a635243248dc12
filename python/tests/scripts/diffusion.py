"""Denoising of 8 x 8 images, with an accelerator, trackers, and lists of images and a table for validation."""

import argparse
import math
import os
import random
import struct
import zlib

import wandb


class WandBTracker:
    name = "wandb"

    def __init__(self, run_name, **kwargs):
        self.run = wandb.init(project=run_name, **kwargs)

    def store_init_configuration(self, values):
        wandb.config.update(values, allow_val_change=True)

    def log(self, values, step=None, **kwargs):
        self.run.log(values, step=step, **kwargs)

    def finish(self):
        self.run.finish()


class Accelerator:
    """The parts of an accelerator that one process needs."""

    is_main_process = True

    def __init__(self, log_with):
        self.log_with = log_with
        self.trackers = []

    def init_trackers(self, project_name, config, init_kwargs):
        if self.log_with == "wandb":
            self.trackers = [WandBTracker(project_name, **init_kwargs.get("wandb", {}))]
            self.trackers[0].store_init_configuration(config)

    def log(self, values, step=None):
        for tracker in self.trackers:
            tracker.log(values, step=step)

    def end_training(self):
        for tracker in self.trackers:
            tracker.finish()


def save_png(path, pixels):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(min(255, max(0, int(v * 255))) for v in row) for row in pixels)
    with open(path, "wb") as f:
        f.write(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", len(pixels[0]), len(pixels), 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b"")
        )


def log_validation(accelerator, strength, prompts, step, args):
    paths = []
    rng = random.Random(7)
    for i, _ in enumerate(prompts):
        clean = [[(x + i) % 2 * 1.0 for x in range(8)] for _ in range(8)]
        noisy = [[v + rng.gauss(0, 0.3) for v in row] for row in clean]
        paths.append(os.path.join(args.output_dir, f"val-{step}-{i}.png"))
        save_png(paths[-1], [[v * (1 - strength) + 0.5 * strength for v in row] for row in noisy])
    for tracker in accelerator.trackers:
        if tracker.name == "wandb":
            tracker.log(
                {"validation": [wandb.Image(path, caption=f"{i}: {prompts[i]}") for i, path in enumerate(paths)]},
                step=step,
            )
            table = wandb.Table(columns=["prompt", "strength", "step"])
            for prompt in prompts:
                table.add_data(prompt, strength, step)
            tracker.log({"samples": table}, step=step)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--report_to", default="wandb")
    parser.add_argument("--output_dir", default="sd-out")
    parser.add_argument("--max_train_steps", type=int, default=30)
    parser.add_argument("--validation_prompt", nargs="+", default=["stripes", "stripes, moved"])
    args = parser.parse_args()
    os.makedirs(args.output_dir, exist_ok=True)
    accelerator = Accelerator(log_with=args.report_to)
    if accelerator.is_main_process:
        tracker_config = dict(vars(args))
        tracker_config.pop("validation_prompt")
        accelerator.init_trackers(
            "denoise",
            config=tracker_config,
            init_kwargs={"wandb": {"name": "small", "group": "g", "dir": args.output_dir}},
        )
    strength = 0.9
    for global_step in range(1, args.max_train_steps + 1):
        grad = 2 * (strength - 0.2)
        strength -= 0.05 * grad
        accelerator.log(
            {"train_loss": (strength - 0.2) ** 2, "lr": 0.05, "grads": {"norm": abs(grad)}}, step=global_step
        )
        if global_step % 15 == 0:
            log_validation(accelerator, strength, args.validation_prompt, global_step, args)
    if accelerator.is_main_process:
        accelerator.log({"final/bits": -math.log2(1 - strength)}, step=args.max_train_steps)
    accelerator.end_training()


if __name__ == "__main__":
    main()
