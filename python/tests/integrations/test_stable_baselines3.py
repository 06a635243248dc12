"""The callback for Stable-Baselines3, with a short training of A2C."""

from __future__ import annotations

import os
import unittest

from library import Training, need


def setUpModule() -> None:
    need("stable_baselines3", "gymnasium")


class Record(Training):
    def test_learn(self) -> None:
        from stable_baselines3 import A2C

        import gitruns
        from gitruns.integrations.stable_baselines3 import GitrunsCallback

        with gitruns.init():
            model = A2C("MlpPolicy", "CartPole-v1", n_steps=5, seed=0, device="cpu")
            model.learn(600, callback=GitrunsCallback(save_model=True, watch="gradients", watch_freq=20))
        r = self.show()
        self.assertEqual((r["status"], r["params"]["stable_baselines3"]["algorithm"]), ("finished", "A2C"))
        self.assertEqual(r["params"]["stable_baselines3"]["n_steps"], 5)
        steps = [step for step, _ in self.points("time/total_timesteps")]
        self.assertEqual(steps, [500])
        self.assertIn("rollout/ep_rew_mean", r["metrics"])
        self.assertIn("model.zip", [os.path.basename(a["path"]) for a in r["artifacts"]])

    def test_no_run(self) -> None:
        from stable_baselines3 import A2C

        import gitruns
        from gitruns.integrations.stable_baselines3 import GitrunsCallback

        model = A2C("MlpPolicy", "CartPole-v1", device="cpu")
        with self.assertRaisesRegex(gitruns.Error, r"call gitruns.init\(\) before learn\(\)"):
            model.learn(5, callback=GitrunsCallback())


if __name__ == "__main__":
    unittest.main()
