"""The recipes of testdata/recipes run unchanged."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import unittest

from project import Project

RECIPES = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "testdata", "recipes"
)


class Recipes(Project):
    def setUp(self) -> None:
        super().setUp()
        if not os.path.isdir(RECIPES):
            self.skipTest("the repository's recipes are not here")
        for name in os.listdir(RECIPES):
            if os.path.isfile(os.path.join(RECIPES, name)):
                shutil.copy(os.path.join(RECIPES, name), self.dir)

    def needs(self, module: str) -> None:
        if importlib.util.find_spec(module) is None:
            print(f"skipped: {module} is not installed for {sys.executable}", file=sys.stderr)
            self.skipTest(f"{module} is not installed")

    def call(self, *command: str, **env: str) -> subprocess.CompletedProcess:
        done = subprocess.run(
            command, cwd=self.dir, env=self.env(**env), capture_output=True, text=True, timeout=300, check=False
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def test_array_without_slurm(self) -> None:
        bash = shutil.which("bash")
        if not bash:
            self.skipTest("bash is not installed")
        bin = os.path.join(self.dir, "bin")
        os.mkdir(bin)
        os.symlink(sys.executable, os.path.join(bin, "python3"))
        path = os.pathsep.join([bin, os.environ.get("PATH", os.defpath)])
        self.call(bash, "-c", "for i in 0 1 2 3 4 5; do SLURM_ARRAY_TASK_ID=$i bash array.sbatch; done", PATH=path)
        runs = self.list()
        self.assertEqual(
            sorted((r["params"]["lr"], r["params"]["seed"]) for r in runs),
            [(lr, s) for lr in (0.03, 0.1, 0.3) for s in (0, 1)],
        )
        self.assertEqual(
            {(r["group"], r["status"], r["metrics"]["loss"]["count"]) for r in runs}, {("line-local", "finished", 50)}
        )
        self.assertLess(min(r["metrics"]["loss"]["last"] for r in runs), 0.1)

    def test_a_task_of_slurm(self) -> None:
        bash = shutil.which("bash")
        if not bash:
            self.skipTest("bash is not installed")
        os.mkdir(os.path.join(self.dir, "bin"))
        os.symlink(sys.executable, os.path.join(self.dir, "bin", "python3"))
        path = os.pathsep.join([os.path.join(self.dir, "bin"), os.environ.get("PATH", os.defpath)])
        # Slurm runs a copy in another folder, and sets the folder where it was submitted.
        spool = os.path.join(self.dir, "spool")
        os.mkdir(spool)
        shutil.move(os.path.join(self.dir, "array.sbatch"), spool)
        self.call(
            bash,
            os.path.join(spool, "array.sbatch"),
            PATH=path,
            SLURM_ARRAY_TASK_ID="4",
            SLURM_ARRAY_JOB_ID="77",
            SLURM_JOB_ID="81",
            SLURM_PROCID="0",
            SLURM_SUBMIT_DIR=self.dir,
        )
        r = self.show()
        self.assertEqual((r["group"], r["params"]), ("line-77", {"lr": 0.1, "seed": 1}))

    def test_hydra(self) -> None:
        self.needs("hydra")
        self.call(sys.executable, "hydra_sweep.py", "-m", "lr=0.3,0.1", "seed=0,1")
        runs = self.list()
        self.assertEqual(
            sorted((r["params"]["lr"], r["params"]["seed"]) for r in runs), [(0.1, 0), (0.1, 1), (0.3, 0), (0.3, 1)]
        )
        self.assertEqual(len({r["group"] for r in runs}), 1)

    def test_optuna(self) -> None:
        self.needs("optuna")
        done = self.call(sys.executable, "optuna_plain.py")
        runs = self.list()
        self.assertEqual({r["name"] for r in runs}, {f"trial-{i}" for i in range(8)})
        best = min(runs, key=lambda r: r["metrics"]["loss"]["min"])
        self.assertTrue(done.stdout.startswith(best["name"] + " "), done.stdout)

    def test_optuna_with_the_callback(self) -> None:
        self.needs("optuna")
        self.call(sys.executable, "optuna_callback.py")
        runs = self.list()
        (study,) = [r for r in runs if "parent" not in r]
        trials = [r for r in runs if r.get("parent") == study["id"]]
        self.assertEqual((study["name"], len(trials)), ("search", 8))
        self.assertTrue(all("lr" in r["params"] for r in trials))


if __name__ == "__main__":
    unittest.main()
