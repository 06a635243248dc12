"""What the client does not have says what to use instead."""

from __future__ import annotations

import unittest

import project  # noqa: F401  puts the client on the path

import gitruns
from gitruns import _refused

# The public names of the module wandb 0.31: what dir() of it shows beside private ones.
PUBLIC = """
AlertLevel Api Artifact ArtifactTTL Audio Classes CommError Config Error EvalTable Graph Histogram Html Image JoinedTable Molecule Object3D Plotly Run
Settings Table UsageError Video agent agents alert analytics api apis attach box3d catboost config controller data_types define_metric
ensure_configured env errors finish gym helper init integration join jupyter keras lightgbm link_model log log_artifact log_model login mark_preempting
patched pin_config_keys plot plot_table profiler proto require restore run sacred sagemaker_auth save sdk setup sklearn summary sweep teardown tensorboard
tensorflow termerror termlog termsetup termwarn trigger unwatch use_artifact use_model util visualize wandb_agent wandb_lib wandb_sdk wandb_torch watch xgboost
""".split()


class Refused(unittest.TestCase):
    def test_every_public_name_has_an_answer(self) -> None:
        have = set(gitruns.__all__)
        self.assertEqual([n for n in PUBLIC if n not in have and n not in _refused._CALLS and n not in _refused._NAMES], [])

    def test_nothing_is_there_and_refused(self) -> None:
        self.assertEqual([n for n in (*_refused._CALLS, *_refused._NAMES) if n in gitruns.__all__], [])

    def test_each_says_what_to_use(self) -> None:
        for name in _refused._CALLS:
            with self.subTest(name), self.assertRaisesRegex(gitruns.UsageError, f"gitruns has no wandb.{name}; use instead: .{{8}}"):
                getattr(gitruns, name)(1, a=2)
        for name in _refused._NAMES:
            with self.subTest(name), self.assertRaisesRegex(AttributeError, f"gitruns has no wandb.{name}; use .{{8}}"):
                getattr(gitruns, name)
        with self.assertRaisesRegex(gitruns.UsageError, "testdata/recipes"):
            gitruns.sweep({})

    def test_rewinding_is_refused(self) -> None:
        for option in ("resume_from", "fork_from"):
            with self.assertRaisesRegex(gitruns.UsageError, "resume='allow'"):
                gitruns.init(**{option: "run?_step=3"})


if __name__ == "__main__":
    unittest.main()
