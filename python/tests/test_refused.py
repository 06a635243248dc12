"""Names that the client does not have raise an error that says what to use instead."""

from __future__ import annotations

import unittest

import gitruns
import project  # noqa: F401  puts the client on the path
from gitruns import _live, _refused

# The public names of the module wandb 0.31, as dir() lists them.
PUBLIC = """
AlertLevel Api Artifact ArtifactTTL Audio Classes CommError Config Error EvalTable Graph Histogram Html Image
JoinedTable Molecule Object3D Plotly Run Settings Table UsageError Video agent agents alert analytics api apis attach
box3d catboost config controller data_types define_metric ensure_configured env errors finish gym helper init
integration join jupyter keras lightgbm link_model log log_artifact log_model login mark_preempting patched
pin_config_keys plot plot_table profiler proto require restore run sacred sagemaker_auth save sdk setup sklearn summary
sweep teardown tensorboard tensorflow termerror termlog termsetup termwarn trigger unwatch use_artifact use_model util
visualize wandb_agent wandb_lib wandb_sdk wandb_torch watch xgboost
""".split()


class Refused(unittest.TestCase):
    def test_every_public_name_has_an_answer(self) -> None:
        have = set(gitruns.__all__)
        self.assertEqual(
            [n for n in PUBLIC if n not in have and n not in _refused._CALLS and n not in _refused._NAMES], []
        )

    def test_nothing_is_there_and_refused(self) -> None:
        self.assertEqual([n for n in (*_refused._CALLS, *_refused._NAMES) if n in gitruns.__all__], [])

    def test_each_says_what_to_use(self) -> None:
        for name in _refused._CALLS:
            with (
                self.subTest(name),
                self.assertRaisesRegex(gitruns.UsageError, f"gitruns has no wandb.{name}; use .{{8}}"),
            ):
                getattr(gitruns, name)(1, a=2)
        for name in _refused._NAMES:
            with self.subTest(name), self.assertRaisesRegex(AttributeError, f"gitruns has no wandb.{name}; use .{{8}}"):
                getattr(gitruns, name)
        with self.assertRaisesRegex(gitruns.UsageError, "testdata/recipes"):
            gitruns.sweep({})

    def test_names_of_mlflow(self) -> None:
        for name, word in (
            ("log_metric", "gitruns.log"),
            ("log_params", "gitruns.config.update"),
            ("log_text", "gitruns.log"),
            ("end_run", "gitruns.finish"),
            ("set_tag", "run.tags"),
            ("start_run", "gitruns.init"),
        ):
            with self.subTest(name), self.assertRaisesRegex(AttributeError, f"gitruns has no {name}; use {word}"):
                getattr(gitruns, name)
        self.assertEqual([n for n in _refused._MLFLOW if n in gitruns.__all__], [])

    def test_of_a_run(self) -> None:
        for run in (
            gitruns.init(mode="disabled"),
            gitruns.Run({"dir": "/nowhere", "host": "h", "id": "20261125-100000-abcdefgh"}),
        ):
            try:
                self.assertEqual(
                    [n for n in (*_refused._RUN_CALLS, *_refused._RUN_VALUES) if n in dir(gitruns.Run)], []
                )
                for name in _refused._RUN_CALLS:
                    with (
                        self.subTest(name),
                        self.assertRaisesRegex(gitruns.UsageError, f"gitruns has no run.{name}; use .{{8}}"),
                    ):
                        getattr(run, name)("x")
                for name, word in (
                    ("starting_step", "run.step"),
                    ("logg", "log$"),
                    ("log_metric", "gitruns.log"),
                    ("nonsense_of_mine", "run.nonsense_of_mine$"),
                ):
                    with self.subTest(name), self.assertRaisesRegex(AttributeError, word):
                        getattr(run, name)
                self.assertFalse(hasattr(run, "_ipython_canary"))
            finally:
                _live.runs[:] = [r for r in _live.runs if r is not run]
                gitruns.finish()

    def test_of_an_artifact(self) -> None:
        a = gitruns.Artifact("a", "t")
        self.assertEqual(
            [n for n in (*_refused._ARTIFACT_CALLS, *_refused._ARTIFACT_VALUES) if n in dir(gitruns.Artifact)], []
        )
        for name in ("logged_by", "delete"):
            with self.assertRaisesRegex(gitruns.UsageError, f"gitruns has no artifact.{name}; use .{{8}}"):
                getattr(a, name)()
        for name, word in (("state", "is_draft"), ("add_fil", "add_file"), ("nonsense_of_mine", "nonsense_of_mine$")):
            with self.assertRaisesRegex(AttributeError, word):
                getattr(a, name)

    def test_a_keyword_that_is_nearly_one(self) -> None:
        with self.assertRaisesRegex(TypeError, "'projct'; did you mean project"):
            gitruns.init(projct="p")
        with self.assertRaisesRegex(TypeError, "'zzzz'$"):
            gitruns.init(zzzz=1)

    def test_rewinding_is_refused(self) -> None:
        for option in ("resume_from", "fork_from"):
            with self.assertRaisesRegex(gitruns.UsageError, "resume='allow'"):
                gitruns.init(**{option: "run?_step=3"})


if __name__ == "__main__":
    unittest.main()
