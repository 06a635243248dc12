"""The callback for transformers, with small models that this file defines."""

from __future__ import annotations

import json
import os
import sys
import unittest

from library import Training, need


def setUpModule() -> None:
    need("torch", "transformers", "accelerate")


def trainer(callbacks=None, **arguments):
    """Return a Trainer of a GPT-2 with a few hundred parameters."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

    import gitruns  # noqa: F401  makes the name known

    torch.manual_seed(0)
    rows = [{"input_ids": row, "labels": row} for row in torch.arange(32 * 8).reshape(32, 8) % 13]
    words = {
        "output_dir": "out",
        "report_to": "gitruns",
        "max_steps": 6,
        "logging_steps": 2,
        "per_device_train_batch_size": 4,
        "use_cpu": True,
        "save_strategy": "no",
        "disable_tqdm": True,
        **arguments,
    }

    def model(trial=None):
        return GPT2LMHeadModel(
            GPT2Config(vocab_size=16, n_positions=8, n_embd=8, n_layer=1, n_head=1, bos_token_id=0, eos_token_id=0)
        )

    made = Trainer(
        None,
        TrainingArguments(**words),
        train_dataset=rows[:24],
        eval_dataset=rows[24:],
        callbacks=callbacks,
        model_init=model,
    )
    return made


class Record(Training):
    def test_a_training(self) -> None:
        import gitruns

        t = trainer(
            run_name="counting",
            eval_strategy="steps",
            eval_steps=3,
            metric_for_best_model="loss",
            greater_is_better=False,
            learning_rate=0.01,
        )
        t.train()
        self.assertIsNotNone(gitruns.run)
        t.evaluate()
        t.predict(t.eval_dataset)
        gitruns.finish()
        r = self.show()
        self.assertEqual((r["name"], r["status"]), ("counting", "finished"))
        self.assertEqual([s for s, _ in self.points("train/loss")], [2, 4, 6])
        self.assertEqual([s for s, _ in self.points("eval/loss")], [3, 6, 6])
        self.assertEqual([s for s, _ in self.points("test/loss")], [6])
        logged = [(h["step"], h["loss"]) for h in t.state.log_history if "loss" in h]
        self.assertEqual(self.points("train/loss"), logged)
        self.assertEqual(r["params"]["learning_rate"], 0.01)
        self.assertEqual(r["params"]["max_steps"], 6)
        self.assertEqual(r["params"]["model_config"]["n_embd"], 8)
        self.assertEqual(r["params"]["num_parameters"], t.model.num_parameters())
        self.assertEqual(r["metrics"]["eval/loss"]["goal"], "min")
        for key in ("train_runtime", "train_loss", "total_flos", "train_samples_per_second", "train_steps_per_second"):
            self.assertIn(key, r["summary"])
            self.assertNotIn("train/" + key, r["metrics"])
            self.assertNotIn(key, r["metrics"])
        self.assertEqual(len(self.list()), 1)

    def test_the_run_of_the_caller_stays_open(self) -> None:
        import gitruns

        with gitruns.init(name="mine", config={"learning_rate": 1.0, "mine": 1}) as run:
            trainer(run_name="other", learning_rate=0.5).train()
            self.assertIs(gitruns.run, run)
            trainer(max_steps=2, logging_steps=1).train()
            self.assertIs(gitruns.run, run)
            gitruns.log({"after": 1})
        r = self.show()
        self.assertEqual((r["name"], r["status"], len(self.list())), ("mine", "finished", 1))
        self.assertEqual(r["params"]["mine"], 1)
        self.assertEqual(self.points("after")[0][1], 1)

    def test_trainings_one_after_the_other_are_runs_of_their_own(self) -> None:
        import gitruns

        first = trainer(run_name="first")
        first.evaluate()  # before the training: the same run
        first.train()
        trainer(run_name="second", max_steps=4).train()
        self.assertEqual(gitruns.run.name, "second")
        gitruns.finish()
        self.assertEqual([r["status"] for r in self.list()], ["finished", "finished"])
        self.assertEqual([s for s, _ in self.points("train/loss", "first")], [2, 4, 6])
        self.assertEqual([s for s, _ in self.points("eval/loss", "first")], [0])
        self.assertEqual([s for s, _ in self.points("train/loss", "second")], [2, 4])

    def test_finish_at_train_end(self) -> None:
        import gitruns
        from gitruns.integrations.transformers import GitrunsCallback

        trainer(
            [GitrunsCallback(project="penguins", name="n", finish=True, tags=["a"], group="g")], report_to="none"
        ).train()
        self.assertIsNone(gitruns.run)
        r = self.show()
        self.assertEqual(
            (r["experiment"], r["name"], r["group"], r["tags"], r["status"]),
            ("penguins", "n", "g", {"a": "yes"}, "finished"),
        )

    def test_two_callbacks_record_once(self) -> None:
        import gitruns
        from gitruns.integrations.transformers import GitrunsCallback

        trainer([GitrunsCallback(name="passed")]).train()
        gitruns.finish()
        self.assertEqual(len(self.list()), 1)
        self.assertEqual([s for s, _ in self.points("train/loss")], [2, 4, 6])
        self.assertEqual(self.show()["metrics"]["train/loss"]["count"], 3)

    def test_other_ranks_record_nothing(self) -> None:
        import gitruns

        t = trainer()
        t.is_world_process_zero = lambda: False
        t.state.is_world_process_zero = False
        t.train()
        t.evaluate()
        self.assertIsNone(gitruns.run)
        self.assertFalse(os.path.exists(".runs"))

    def test_disabled(self) -> None:
        import gitruns

        os.environ["RUNS_MODE"] = "disabled"
        trainer().train()
        self.assertTrue(gitruns.run.disabled)
        gitruns.finish()
        self.assertFalse(os.path.exists(".runs"))

    def test_wrong_words(self) -> None:
        from gitruns.integrations.transformers import GitrunsCallback

        with self.assertRaisesRegex(ValueError, "log_model must be end, checkpoint or false, got 'best'"):
            GitrunsCallback(log_model="best")
        with self.assertRaisesRegex(TypeError, "nonsense"):
            trainer([GitrunsCallback(nonsense=1)], report_to="none").train()


class Resume(Training):
    def test_a_checkpoint_goes_on_with_its_run(self) -> None:
        import gitruns

        trainer(run_name="long", max_steps=4, save_strategy="steps", save_steps=2).train()
        first = gitruns.run.run_id
        gitruns.finish()
        # As in another process, which knows only the checkpoint.
        trainer(run_name="long", max_steps=6, save_strategy="steps", save_steps=2).train(resume_from_checkpoint=True)
        second = gitruns.run
        self.assertTrue(second.resumed)
        gitruns.finish()
        r = self.show(second.run_id)
        self.assertEqual(r["resumes"], first)
        self.assertEqual(r["params"]["max_steps"], 6)
        self.assertEqual([s for s, _ in self.points("train/loss", second.run_id)][-1], 6)

    def test_the_open_run_goes_on(self) -> None:
        import gitruns

        t = trainer(max_steps=4, save_strategy="steps", save_steps=2)
        t.train()
        run = gitruns.run
        t.args.max_steps = 6
        t.train(resume_from_checkpoint=True)
        self.assertIs(gitruns.run, run)
        gitruns.finish()
        self.assertEqual([s for s, _ in self.points("train/loss")], [2, 4, 6])

    def test_a_checkpoint_from_before(self) -> None:
        """A checkpoint that was written without the callback has no entry for it, but the Trainer expects one."""
        import gitruns

        trainer(report_to="none", max_steps=2, save_strategy="steps", save_steps=2).train()
        trainer(max_steps=4, save_strategy="steps", save_steps=2).train(resume_from_checkpoint=True)
        gitruns.finish()
        self.assertEqual([s for s, _ in self.points("train/loss")], [4])
        with open("out/checkpoint-4/trainer_state.json", encoding="utf-8") as f:
            kept = json.load(f)["stateful_callbacks"]["GitrunsCallback"]["attributes"]
        self.assertEqual(kept["run_id"], self.show()["id"].rsplit("-", 1)[-1])

    def test_restored_callbacks(self) -> None:
        import gitruns
        from gitruns.integrations.transformers import GitrunsCallback

        words = {
            "report_to": "none",
            "save_strategy": "steps",
            "save_steps": 2,
            "restore_callback_states_from_checkpoint": True,
        }
        trainer([GitrunsCallback(project="p", tags=["a"])], max_steps=2, **words).train()
        first = gitruns.run.run_id
        gitruns.finish()
        trainer([GitrunsCallback(project="other")], max_steps=4, **words).train(resume_from_checkpoint=True)
        second = gitruns.run.run_id
        gitruns.finish()
        self.assertEqual(self.show(second)["resumes"], first)
        self.assertEqual(self.show(second)["experiment"], "p")


class Models(Training):
    def test_the_model_at_the_end(self) -> None:
        import gitruns
        from gitruns.integrations.transformers import GitrunsCallback

        trainer([GitrunsCallback(log_model="end")], report_to="none").train()
        gitruns.finish()
        paths = [a["path"] for a in self.show()["artifacts"]]
        self.assertTrue([p for p in paths if p.endswith("model.safetensors")], paths)
        self.assertTrue([p for p in paths if p.endswith("config.json")], paths)

    def test_checkpoints(self) -> None:
        import gitruns

        os.environ["WANDB_LOG_MODEL"] = "checkpoint"
        trainer(save_strategy="steps", save_steps=3).train()
        gitruns.finish()
        paths = [a["path"] for a in self.show()["artifacts"]]
        self.assertEqual(len([p for p in paths if p.endswith("trainer_state.json")]), 2, paths)

    def test_watch(self) -> None:
        import gitruns
        from gitruns.integrations.transformers import GitrunsCallback

        t = trainer([GitrunsCallback(watch="gradients")], report_to="none", max_steps=101, logging_steps=50)
        t.train()
        gitruns.finish()
        self.assertFalse(any(m._backward_hooks for m in t.model.modules()))
        self.assertIn("gradients/", json.dumps(self.show()) + self.runs("show", "last"))


class Search(Training):
    def setUp(self) -> None:
        need("optuna")
        super().setUp()

    def search(self, t, trials=2):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        return t.hyperparameter_search(
            hp_space=lambda trial: {"learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True)},
            backend="optuna",
            n_trials=trials,
            direction="minimize",
            hp_name=lambda trial: f"trial-{trial.number}",
        )

    def test_trials_are_runs(self) -> None:
        import gitruns

        t = trainer(run_name="search", eval_strategy="steps", eval_steps=3)
        best = self.search(t)
        gitruns.finish()
        runs = {r["name"]: r for r in self.list()}
        self.assertEqual(sorted(runs), ["trial-0", "trial-1"])
        self.assertEqual({r["group"] for r in runs.values()}, {"search"})
        self.assertEqual({r["status"] for r in runs.values()}, {"finished"})
        name = f"trial-{best.run_id}"
        self.assertEqual(runs[name]["params"]["learning_rate"], best.hyperparameters["learning_rate"])
        self.assertEqual(self.points("eval/loss", name)[-1], (6, best.objective))

    def test_trials_below_the_run_of_the_caller(self) -> None:
        import gitruns

        with gitruns.init(name="study") as study:
            self.search(trainer(eval_strategy="steps", eval_steps=3))
            self.assertIs(gitruns.run, study)
            study.log({"done": 1})
            trainer(max_steps=2).train()  # the training after the search records to the caller's run
        runs = {r["name"]: r for r in self.list()}
        self.assertEqual(sorted(runs), ["study", "trial-0", "trial-1"])
        self.assertEqual({runs[n].get("parent") for n in ("trial-0", "trial-1")}, {study.run_id})
        self.assertEqual({r["status"] for r in runs.values()}, {"finished"})
        self.assertIn("train/loss", runs["study"]["metrics"])

    def test_a_trial_that_fails(self) -> None:
        from transformers import TrainerCallback

        import gitruns

        class Broken(TrainerCallback):
            def on_step_end(self, args, state, control, **kwargs):
                if state.trial_name == "trial-0" and state.global_step == 3:
                    raise ValueError("no")

        t = trainer([Broken()], eval_strategy="steps", eval_steps=3)
        t.hyperparameter_search(
            hp_space=lambda trial: {"learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2)},
            backend="optuna",
            n_trials=2,
            direction="minimize",
            hp_name=lambda trial: f"trial-{trial.number}",
            catch=(ValueError,),
        )
        gitruns.finish()
        self.assertEqual({r["name"]: r["status"] for r in self.list()}, {"trial-0": "failed", "trial-1": "finished"})


class Programs(Training):
    def test_the_example(self) -> None:
        self.example("train_transformers.py")
        r = self.show()
        self.assertEqual((r["name"], r["status"]), ("counting", "finished"))
        self.assertEqual([s for s, _ in self.points("train/loss")], [5, 10, 15, 20])
        self.assertEqual([s for s, _ in self.points("eval/loss")], [10, 20, 20])
        loss = [v for _, v in self.points("train/loss")]
        self.assertLess(loss[-1], loss[0])

    def test_a_crash(self) -> None:
        done = self.python(
            PROGRAM.format(
                head="from transformers import Trainer, TrainingArguments, TrainerCallback\nimport gitruns",
                report="gitruns",
            )
            + "raise_at(3)\n",
            status=1,
        )
        self.assertIn("broken data", done.stderr)
        r = self.show()
        self.assertEqual((r["status"], r["exit_code"]), ("failed", 1))
        self.assertEqual([s for s, _ in self.points("train/loss")], [1, 2])


PROGRAM = """
{head}
import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments, TrainerCallback
torch.manual_seed(0)
rows = [{{"input_ids": row, "labels": row}} for row in torch.arange(32 * 8).reshape(32, 8) % 13]
model = GPT2LMHeadModel(GPT2Config(
    vocab_size=16, n_positions=8, n_embd=8, n_layer=1, n_head=1, bos_token_id=0, eos_token_id=0))
arguments = TrainingArguments(
    output_dir="out", report_to="{report}", run_name="mine", max_steps=4, logging_steps=1, use_cpu=True,
    save_strategy="no", disable_tqdm=True)

class Broken(TrainerCallback):
    def __init__(self, at): self.at = at
    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step + 1 == self.at:
            raise RuntimeError("broken data")

def raise_at(step):
    Trainer(model, arguments, train_dataset=rows[:24], eval_dataset=rows[24:], callbacks=[Broken(step)]).train()
"""


class Shim(Training):
    def test_the_librarys_own_wandb_callback(self) -> None:
        program = PROGRAM.format(head="", report="wandb") + "raise_at(99)\n"
        self.write("train.py", program)
        self.runs("exec", "--wandb", "--", sys.executable, "train.py", WANDB_LOG_MODEL="end")
        r = self.show()
        self.assertEqual((r["status"], r["params"]["max_steps"], r["params"]["n_embd"]), ("finished", 4, 8))
        self.assertEqual(len(self.points("train/loss")), 4)
        self.assertEqual([v for _, v in self.points("train/global_step")], [1, 2, 3, 4, 4])
        self.assertIn("train_runtime", r["summary"])
        self.assertTrue([a for a in r["artifacts"] if a["path"].endswith("model.safetensors")])


class Registry(Training):
    git = False

    def test_import_order(self) -> None:
        """The name is known in both orders of the imports, and `import gitruns` imports no library."""
        for first, second in (
            ("gitruns", "transformers.integrations.integration_utils"),
            ("transformers.integrations.integration_utils", "gitruns"),
        ):
            done = self.python(f"""
import sys
import {first}
if "{first}" == "gitruns":
    assert not [m for m in ("torch", "transformers", "accelerate", "lightning", "numpy") if m in sys.modules]
import {second}
from transformers.integrations import integration_utils
from transformers.integrations.integration_utils import get_reporting_integration_callbacks
print(get_reporting_integration_callbacks(["gitruns"]))
assert "exec_module" not in vars(integration_utils.__spec__.loader)
""")
            self.assertIn("gitruns.integrations.transformers.GitrunsCallback", done.stdout)


if __name__ == "__main__":
    unittest.main()
