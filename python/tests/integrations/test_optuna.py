"""The callback for Optuna."""

from __future__ import annotations

import threading
import unittest

from library import Training, need


def setUpModule() -> None:
    need("optuna")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)


class Record(Training):
    def runs_of(self, study: str) -> tuple:
        """Return the run of the study, and the runs of the trials by number."""
        every = self.list()
        parents = [r for r in every if not r.get("parent")]
        self.assertEqual(len(parents), 1, [r.get("name") for r in parents])
        trials = {int(r["tags"]["trial"]): r for r in every if r.get("parent") == parents[0]["id"]}
        self.assertEqual(len(trials), len(every) - 1)
        self.assertEqual({r["group"] for r in trials.values()}, {study} if trials else set())
        return self.show(parents[0]["id"]), trials

    def test_states(self) -> None:
        import optuna

        import gitruns
        from gitruns.integrations.optuna import GitrunsCallback, trial_run

        record = GitrunsCallback(init={"project": "penguins"})

        @record.track_in_gitruns()
        def objective(trial):
            x = trial.suggest_float("x", 0, 4)
            assert trial_run() is gitruns.run and gitruns.run.name == f"trial-{trial.number}"
            gitruns.log({"loss": x})
            for step in range(3):
                trial.report(x + step, step)
            trial.set_user_attr("kind", "even")
            if trial.number == 1:
                raise optuna.TrialPruned
            if trial.number == 2:
                return float("nan")
            if trial.number == 3:
                raise RuntimeError("broken trial")
            return x * x

        study = optuna.create_study(study_name="s", sampler=optuna.samplers.RandomSampler(0))
        with record:
            with self.assertRaises(RuntimeError):
                study.optimize(objective, n_trials=10, callbacks=[record])
            study.optimize(objective, n_trials=1, callbacks=[record])
        self.assertIsNone(gitruns.run)
        parent, trials = self.runs_of("s")
        self.assertEqual((parent["name"], parent["experiment"], parent["status"]), ("s", "penguins", "finished"))
        self.assertEqual(
            [trials[i]["status"] for i in range(5)], ["finished", "finished", "failed", "failed", "finished"]
        )
        self.assertEqual(
            [trials[i]["tags"]["state"] for i in range(5)], ["complete", "pruned", "fail", "fail", "complete"]
        )
        self.assertEqual(
            [trials[i].get("end_reason") for i in range(1, 4)],
            ["pruned", "the objective returned NaN", "RuntimeError: broken trial"],
        )
        for t in study.trials:
            self.assertEqual(trials[t.number]["params"], t.params)
            self.assertEqual(
                self.points("intermediate/value", trials[t.number]["id"]), sorted(t.intermediate_values.items())
            )
            self.assertEqual(trials[t.number]["metrics"]["loss"]["last"], t.params["x"])
        self.assertEqual(trials[0]["metrics"]["value"]["last"], study.trials[0].value)
        s = parent["summary"]
        self.assertEqual(
            (s["best_value"], s["best_trial"], s["best_params.x"]),
            (study.best_value, study.best_trial.number, study.best_params["x"]),
        )
        self.assertEqual(s["best_run"], trials[study.best_trial.number]["id"])
        self.assertEqual(
            {k: v for k, v in s.items() if k.startswith("trials.")},
            {"trials.complete": 2, "trials.fail": 2, "trials.pruned": 1},
        )
        self.assertEqual(self.points("value", parent["id"]), [(0, study.trials[0].value), (4, study.trials[4].value)])
        self.assertEqual(parent["params"]["optuna"]["sampler"], "RandomSampler")

    def test_steps_of_reports_are_their_own(self) -> None:
        import contextlib
        import io
        import os

        import optuna

        from gitruns.integrations.optuna import GitrunsCallback, trial_run

        record = GitrunsCallback()

        @record.track_in_gitruns()
        def objective(trial):
            x = trial.suggest_float("x", 0, 4)
            for step in range(3):
                trial_run().log({"loss": x + step})
                trial.report(x, step)
            return x

        study = optuna.create_study(study_name="r")
        said = io.StringIO()
        os.environ["RUNS_SILENT"] = "0"
        with contextlib.redirect_stderr(said), record:
            study.optimize(objective, n_trials=2, callbacks=[record])
        self.assertNotIn("was logged after", said.getvalue())
        parent, trials = self.runs_of("r")
        self.assertEqual({parent.get("experiment")}, {t.get("experiment") for t in trials.values()})
        for t in trials.values():
            self.assertEqual([s for s, _ in self.points("loss", t["id"])], [0, 1, 2])
            self.assertEqual([s for s, _ in self.points("intermediate/value", t["id"])], [0, 1, 2])

    def test_threads_and_own_parent(self) -> None:
        import optuna

        import gitruns
        from gitruns.integrations.optuna import GitrunsCallback, trial_run

        meet = threading.Barrier(2, timeout=20)
        record = GitrunsCallback("score")

        @record.track_in_gitruns()
        def objective(trial):
            x = trial.suggest_int("x", 0, 100)
            meet.wait()  # two trials at the same time
            trial_run().log({"mine": trial.number})
            return x

        study = optuna.create_study(study_name="t", direction="maximize")
        with gitruns.init(name="search") as run:
            study.optimize(objective, n_trials=6, n_jobs=2, callbacks=[record])
            record.finish()
            self.assertIs(gitruns.run, run)
        parent, trials = self.runs_of("t")
        self.assertEqual((parent["name"], len(trials)), ("search", 6))
        for number, r in trials.items():
            self.assertEqual(r["metrics"]["mine"]["last"], number)
            self.assertEqual(r["metrics"]["score"]["goal"], "max")
            self.assertEqual(r["metrics"]["score"]["last"], study.trials[number].value)
        self.assertEqual(parent["summary"]["best_value"], study.best_value)

    def test_callback_alone_with_several_objectives(self) -> None:
        import optuna

        from gitruns.integrations.optuna import GitrunsCallback

        def objective(trial):
            x = trial.suggest_float("x", 0, 1)
            if trial.number == 1:
                raise ValueError("caught")
            return x, 1 - x

        study = optuna.create_study(study_name="m", directions=["minimize", "maximize"])
        with GitrunsCallback(["low", "high"]) as record:
            study.optimize(objective, n_trials=3, callbacks=[record], catch=(ValueError,))
        parent, trials = self.runs_of("m")
        self.assertEqual([trials[i]["status"] for i in range(3)], ["finished", "failed", "finished"])
        self.assertEqual([trials[0]["metrics"][k]["last"] for k in ("low", "high")], study.trials[0].values)
        self.assertEqual([trials[0]["metrics"][k]["goal"] for k in ("low", "high")], ["min", "max"])
        self.assertIn("best_trials", parent["summary"])

    def test_failures(self) -> None:
        import optuna

        from gitruns.integrations.optuna import GitrunsCallback

        study = optuna.create_study()
        with self.assertRaisesRegex(ValueError, "got 2 for"):
            study.optimize(lambda trial: 1.0, n_trials=1, callbacks=[GitrunsCallback(["a", "b"])])
        with self.assertRaises(RuntimeError), GitrunsCallback() as record:
            study.optimize(record.track_in_gitruns()(lambda trial: 1.0), n_trials=1, callbacks=[record])
            raise RuntimeError("the study's own code")
        parents = [r for r in self.list() if not r.get("parent")]
        self.assertEqual([r["status"] for r in parents], ["failed"])


if __name__ == "__main__":
    unittest.main()
