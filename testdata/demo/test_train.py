"""Tests of the demo's training program, cmd/runs/demo/train.py. Run: python3 testdata/demo/test_train.py"""

import argparse
import contextlib
import copy
import csv
import hashlib
import importlib.util
import io
import json
import math
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

DEMO = pathlib.Path(__file__).resolve().parents[2] / "cmd" / "runs" / "demo"
FEATURES = ["bill_length_mm", "flipper_length_mm"]


def load(path):
    """Import a program without writing bytecode into its folder."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec = importlib.util.spec_from_file_location("train", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


train = load(DEMO / "train.py")


def clean_environment(**extra):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("RUNS_", "GIT_"))}
    return {**env, "PYTHONDONTWRITEBYTECODE": "1", **extra}


class InFolder(unittest.TestCase):
    """Runs the program in a copy of the demo project."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.project = pathlib.Path(scratch.name).resolve() / "project"
        shutil.copytree(DEMO, self.project)
        self.run_dir = self.project.parent / "active"
        self.run_dir.mkdir()

    def start(self, *args, **env):
        return subprocess.Popen(
            [sys.executable, "train.py", *args],
            cwd=self.project,
            env=clean_environment(**env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def train(self, *args, **env):
        process = self.start(*args, **env)
        out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, err), (0, ""))
        return process.pid, out

    def record(self, *args, **env):
        """Train within a run and return the records of its journal."""
        for old in self.run_dir.iterdir():
            old.unlink()
        pid, _ = self.train(*args, RUNS_DIR=str(self.run_dir), **env)
        [journal] = self.run_dir.iterdir()
        self.assertRegex(journal.name, rf"\Ajournal-[a-z0-9._]+-{pid}-[0-9a-f]+\.jsonl\Z")
        text = journal.read_bytes()
        self.assertTrue(text.endswith(b"\n"))
        return [json.loads(line) for line in text.splitlines()]

    def points(self, *args):
        return [(r["step"], r["m"]) for r in self.record(*args) if "m" in r]


class Program(InFolder):
    def test_journal(self):
        began = time.time()
        records = self.record("--epochs", "7", "--lr", "0.2", "--batch-size", "32", RUNS_ID="20261123-142530-k7qx2m9a")
        times = [r.pop("t") for r in records]
        self.assertEqual(times, sorted(times))
        self.assertTrue(began - 1 <= times[0] and times[-1] <= time.time() + 1, times)
        self.assertEqual(
            records[0],
            {
                "p": {
                    "lr": 0.2,
                    "batch_size": 32,
                    "epochs": 7,
                    "l2": 0.0003,
                    "seed": 0,
                    "val_fraction": 0.25,
                    "features": FEATURES,
                }
            },
        )
        self.assertEqual(records[1], {"dataset": {"path": "penguins.csv", "name": "penguins"}})
        self.assertEqual([r["step"] for r in records[2:-2]], list(range(1, 8)))
        for r in records[2:-2]:
            self.assertEqual(set(r), {"step", "m"})
            self.assertEqual(set(r["m"]), {"train/loss", "val/loss", "val/acc"})
            self.assertTrue(all(isinstance(v, float) and math.isfinite(v) for v in r["m"].values()), r)
        model = self.project / "out" / "20261123-142530-k7qx2m9a" / "model.json"
        self.assertEqual(records[-2], {"artifact": {"path": str(model), "name": "model.json"}})
        self.assertEqual(records[-1], {"event": "end"})

    def test_model_is_the_one_that_was_measured(self):
        last = self.points("--epochs", "5")[-1][1]
        model = json.loads((self.project / "out" / "by-hand" / "model.json").read_text())
        parts = train.split(train.read(self.project / "penguins.csv"), 0.25, random.Random(0))
        for part, key in zip(parts, ("train/loss", "val/loss")):
            xs, ys = train.prepare(part, model["columns"], model["mean"], model["std"])
            loss, acc = train.evaluate(model["weights"], xs, ys)
            self.assertAlmostEqual(loss, last[key], places=12)
        self.assertEqual(acc, last["val/acc"])

    def test_end_is_recorded_when_training_fails(self):
        (self.project / "penguins.csv").unlink()
        process = self.start(RUNS_DIR=str(self.run_dir))
        _, err = process.communicate(timeout=60)
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("penguins.csv", err)
        [journal] = self.run_dir.iterdir()
        self.assertEqual(json.loads(journal.read_text().splitlines()[-1])["event"], "end")

    def test_a_record_outlives_the_process(self):
        process = self.start("--epochs", "100000", RUNS_DIR=str(self.run_dir))
        with process.stdout:
            for line in process.stdout:
                if line.startswith("epoch  20 "):
                    break
            process.kill()
        process.wait()
        process.stderr.close()
        [journal] = self.run_dir.iterdir()
        records = [json.loads(line) for line in journal.read_text().splitlines()]
        self.assertGreaterEqual(records[-1]["step"], 20)

    def test_without_a_run(self):
        files = {p.relative_to(self.project) for p in self.project.rglob("*")}
        _, out = self.train("--epochs", "40")
        self.assertRegex(out, r"\A256 birds to learn from, 86 to validate on; always guessing Adelie .* 44\.2%\n")
        self.assertEqual(re.findall(r"^epoch +(\d+) .*val/acc", out, re.M), ["20", "40"])
        new = {p.relative_to(self.project).as_posix() for p in self.project.rglob("*")} - {p.as_posix() for p in files}
        self.assertEqual(new, {"out", "out/by-hand", "out/by-hand/model.json"})
        self.assertEqual(list(self.run_dir.iterdir()), [])

    def test_a_seed_decides_everything(self):
        first = self.points("--epochs", "4")
        self.assertEqual(first, self.points("--epochs", "4"))
        self.assertEqual(first, self.points("--epochs", "8")[:4], "an epoch must not depend on later ones")
        self.assertNotEqual(first, self.points("--epochs", "4", "--seed", "1"))

    def test_settings_differ_as_the_demo_says(self):
        slow, good, wild = (self.points("--lr", lr) for lr in ("0.003", "0.1", "10"))
        losses = [[m["val/loss"] for _, m in points] for points in (slow, good, wild)]
        self.assertGreater(good[-1][1]["val/acc"], 0.44 + 0.45, "hardly better than a guess of the most common species")
        self.assertGreater(losses[0][-1], 1.5 * losses[1][-1], "a small learning rate must be slow")
        self.assertGreater(losses[2][-1], 1.5 * losses[1][-1], "a large learning rate must not converge")
        self.assertGreater(min(losses[2]), min(losses[1]), "the noisy run must not rank first by luck")
        noise = [max(loss[-20:]) - min(loss[-20:]) for loss in losses]
        self.assertGreater(noise[2], 10 * noise[1])

    def test_nothing_is_learned_from_the_validation_part(self):
        birds = self.project / "penguins.csv"
        _, val = train.split(train.read(birds), 0.25, random.Random(0))
        with open(birds, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        spoiled = 0
        for row in rows:
            if row in val:
                row.update(dict.fromkeys(FEATURES, "1e6"))
                spoiled += 1
        self.assertGreaterEqual(spoiled, 86)
        model = self.project / "out" / "by-hand" / "model.json"
        before = self.points("--epochs", "3")
        learned = model.read_text()
        with open(birds, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
        after = self.points("--epochs", "3")
        self.assertEqual(learned, model.read_text())
        self.assertEqual([m["train/loss"] for _, m in before], [m["train/loss"] for _, m in after])
        self.assertNotEqual([m["val/loss"] for _, m in before], [m["val/loss"] for _, m in after])

    def test_divergence_is_recorded(self):
        self.assertTrue(math.isnan(self.points("--epochs", "2", "--lr", "1e300")[-1][1]["val/loss"]))

    def test_wrong_settings(self):
        for args in (["--epochs", "0"], ["--batch-size", "0"], ["--val-fraction", "1"], ["--features", "year"]):
            with self.subTest(args):
                process = self.start(*args, RUNS_DIR=str(self.run_dir))
                process.communicate(timeout=60)
                self.assertEqual(process.returncode, 2)
                self.assertEqual(list(self.run_dir.iterdir()), [])

    def test_change(self):
        if shutil.which("git") is None:
            self.skipTest("git is not installed: the patch cannot be applied")
        before = self.points()[-1][1]
        for command in (["init", "-q"], ["apply", "--check", "train-change.patch"], ["apply", "train-change.patch"]):
            done = subprocess.run(
                ["git", *command], cwd=self.project, env=clean_environment(), capture_output=True, text=True
            )
            self.assertEqual((done.returncode, done.stderr), (0, ""), command)
        after = self.points()[-1][1]
        self.assertLess(after["val/loss"], 0.75 * before["val/loss"])
        self.assertGreater(after["val/acc"], before["val/acc"])
        model = json.loads((self.project / "out" / "by-hand" / "model.json").read_text())
        self.assertEqual(model["columns"], FEATURES + ["female", "male"])
        changed = load(self.project / "train.py")
        seen = {sex: list(changed.columns({"sex": sex}, []).values()) for sex in ("female", "male", "NA")}
        self.assertEqual(seen, {"female": [1.0, 0.0], "male": [0.0, 1.0], "NA": [0.0, 0.0]})


class Batches(unittest.TestCase):
    def test_each_epoch_takes_every_bird_once_in_another_order(self):
        taken = []

        def gradient(weights, xs, ys, l2):
            taken.append([tuple(x) for x in xs])
            return [[0.0] * len(w) for w in weights]

        args = argparse.Namespace(
            lr=0.1, batch_size=100, epochs=2, l2=0.0, seed=0, val_fraction=0.25, features=train.MEASURES
        )
        with (
            contextlib.redirect_stdout(io.StringIO()),
            mock.patch.multiple(train, gradient=gradient, DATA=DEMO / "penguins.csv"),
        ):
            train.train(args, mock.Mock())
        self.assertEqual([len(batch) for batch in taken], [100, 100, 56] * 2)
        first, second = sum(taken[:3], []), sum(taken[3:], [])
        self.assertEqual(len(set(first)), 256)
        self.assertEqual(sorted(first), sorted(second))
        self.assertNotEqual(first, second)


class Mathematics(unittest.TestCase):
    def setUp(self):
        rng = random.Random(7)
        self.xs = [[rng.gauss(0, 2), rng.gauss(0, 2), 1.0] for _ in range(20)]
        self.ys = [rng.randrange(3) for _ in self.xs]
        self.weights = [[rng.gauss(0, 1) for _ in range(3)] for _ in range(3)]

    def test_gradient_is_the_derivative_of_the_loss(self):
        for l2 in (0.0, 0.3):
            grad = train.gradient(self.weights, self.xs, self.ys, l2)
            for c in range(3):
                for i in range(3):
                    with self.subTest(l2=l2, species=c, weight=i):
                        loss = []
                        for h in (-1e-5, 1e-5):
                            moved = copy.deepcopy(self.weights)
                            moved[c][i] += h
                            loss.append(train.evaluate(moved, self.xs, self.ys, l2)[0])
                        self.assertAlmostEqual((loss[1] - loss[0]) / 2e-5, grad[c][i], places=8)

    def test_log_softmax(self):
        for weights in (self.weights, [[1e5, 0, 0], [-1e5, 0, 0], [0, 1e5, 0]]):
            for x in self.xs:
                self.assertAlmostEqual(sum(map(math.exp, train.log_softmax(weights, x))), 1.0)

    def test_loss_of_a_model_that_knows_nothing(self):
        loss, _ = train.evaluate([[0.0] * 3] * 3, self.xs, self.ys, 5.0)
        self.assertAlmostEqual(loss, math.log(3))

    def test_standardization(self):
        vectors = [[1.0, 5.0], [3.0, 5.0]]
        self.assertEqual(train.standardization(vectors), ([2.0, 5.0], [1.0, 1.0]))


class Data(unittest.TestCase):
    def test_the_table_is_unchanged(self):
        content = (DEMO / "penguins.csv").read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        self.assertEqual(digest, "f204db2c753b0937caac3cb35258562c14f073e4bbc76be24b4c51ce22767a93")
        self.assertIn(digest, (DEMO / "penguins.md").read_text(encoding="utf-8"))
        lines = content.decode().splitlines()
        self.assertEqual(lines[0], "species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year")
        self.assertEqual(len(lines), 345)

    def test_birds_without_measures_are_left_out(self):
        rows = train.read(DEMO / "penguins.csv")
        self.assertEqual(len(rows), 342)
        self.assertEqual(sum(row["sex"] == "NA" for row in rows), 9)

    def test_split(self):
        rows = train.read(DEMO / "penguins.csv")
        left, right = train.split(rows, 0.25, random.Random(3))
        self.assertEqual(sorted(map(id, left + right)), sorted(map(id, rows)), "each bird is in one part")
        for species, number in (("Adelie", 38), ("Chinstrap", 17), ("Gentoo", 31)):
            self.assertEqual(sum(row["species"] == species for row in right), number)
        self.assertEqual(train.split(rows, 0.25, random.Random(3)), (left, right))
        self.assertNotEqual(train.split(rows, 0.25, random.Random(4)), (left, right))


if __name__ == "__main__":
    unittest.main()
