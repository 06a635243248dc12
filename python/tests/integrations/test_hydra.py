"""The callback for Hydra, with programs that use hydra.main."""

from __future__ import annotations

import json
import os
import pickle
import unittest

from library import Training, need

PROGRAM = """
import hydra
import gitruns

@hydra.main(version_base=None, config_path=None, config_name="config")
def main(cfg):
    for step in range(3):
        gitruns.log({"loss": cfg.lr / (step + 1)})
    if cfg.lr > 5:
        raise RuntimeError("broken job")
    return float(cfg.lr)

from hydra.core.config_store import ConfigStore
ConfigStore.instance().store(name="config", node={"lr": 0.1, "twice": "${lr}", "model": {"layers": [1, 2]}})
main()
"""
CALLBACK = "+hydra.callbacks.gitruns._target_=gitruns.integrations.hydra.GitrunsCallback"


def setUpModule() -> None:
    need("hydra")


class Record(Training):
    def test_a_job(self) -> None:
        self.python(
            PROGRAM,
            CALLBACK,
            "+hydra.callbacks.gitruns.project=penguins",
            "+hydra.callbacks.gitruns.tags=[a]",
            "lr=0.5",
        )
        (r,) = self.list()
        r = self.show()
        self.assertEqual((r["status"], r["experiment"]), ("finished", "penguins"))
        self.assertEqual(r["params"], {"lr": 0.5, "twice": 0.5, "model": {"layers": [1, 2]}})
        self.assertEqual((r["tags"]["overrides"], r["tags"]["a"]), ("lr=0.5", "yes"))
        self.assertEqual(r["summary"]["return_value"], 0.5)
        self.assertEqual(self.points("loss"), [(i, 0.5 / (i + 1)) for i in range(3)])

    def test_a_job_elsewhere(self) -> None:
        outside = self.dir + "-outside"
        self.addCleanup(lambda: __import__("shutil").rmtree(outside, ignore_errors=True))
        self.python(PROGRAM, CALLBACK, "hydra.job.chdir=True", "hydra.run.dir=" + outside)
        (r,) = self.list()
        self.assertEqual((r["status"], r["tags"]["output_dir"]), ("finished", outside))
        self.assertFalse(os.path.exists(os.path.join(outside, ".runs")))

    def test_a_failing_job(self) -> None:
        self.python(PROGRAM, CALLBACK, "lr=10", status=1)
        r = self.show()
        self.assertEqual((r["status"], r["end_reason"]), ("failed", "RuntimeError: broken job"))
        self.assertIn("traceback.txt", [os.path.basename(a["path"]) for a in r["artifacts"]])

    def test_a_sweep(self) -> None:
        self.python(PROGRAM, "-m", CALLBACK, "lr=0.1,10,0.2", status=1)
        runs = {r["params"]["lr"]: r for r in self.list()}
        self.assertEqual({lr: r["status"] for lr, r in runs.items()}, {0.1: "finished", 10: "failed", 0.2: "finished"})
        self.assertEqual({r["name"] for r in runs.values()}, {"lr=0.1", "lr=10", "lr=0.2"})
        self.assertEqual([runs[lr]["tags"]["job"] for lr in (0.1, 10, 0.2)], ["0", "1", "2"])
        groups = {r["group"] for r in runs.values()}
        self.assertEqual(len(groups), 1)
        self.assertTrue(groups.pop().startswith("multirun/"))
        self.assertEqual(len({r["id"] for r in runs.values()}), 3)

    def test_a_sweep_inside_exec(self) -> None:
        import sys

        self.write("train.py", PROGRAM)
        self.runs("exec", "--", sys.executable, "train.py", "-m", CALLBACK, "lr=0.1,0.2")
        runs = self.list()
        (outer,) = [r for r in runs if not r.get("parent")]
        self.assertEqual(sorted(r["params"]["lr"] for r in runs if r.get("parent") == outer["id"]), [0.1, 0.2])

    def test_it_is_pickled(self) -> None:
        from omegaconf import OmegaConf

        from gitruns.integrations.hydra import GitrunsCallback

        made = GitrunsCallback(project="p", tags=OmegaConf.create(["a"]))
        made.on_multirun_start(OmegaConf.create({"hydra": {"sweep": {"dir": "multirun/x"}}}))
        again = pickle.loads(pickle.dumps(made))
        self.assertEqual((again._group, again._init), ("multirun/x", {"tags": ["a"]}))
        json.dumps(vars(again))  # it has only plain values

    def test_without_a_record_the_job_runs(self) -> None:
        done = self.python(PROGRAM, CALLBACK, "+hydra.callbacks.gitruns.nonsense=1", "lr=0.5", status=1)
        self.assertIn("the job is not recorded", done.stderr)


if __name__ == "__main__":
    unittest.main()
