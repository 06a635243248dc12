"""The callback for CatBoost, with a small model."""

from __future__ import annotations

import os
import unittest

from library import Training, need


def setUpModule() -> None:
    need("catboost", "numpy")


class Record(Training):
    def test_fit(self) -> None:
        import catboost
        import numpy

        import gitruns
        from gitruns.integrations.catboost import GitrunsCallback, log_summary

        x = numpy.random.default_rng(0).random((200, 4))
        model = catboost.CatBoostRegressor(iterations=5, metric_period=2, verbose=0, allow_writing_files=False)
        with gitruns.init():
            model.fit(x, x[:, 0], eval_set=(x, x[:, 0]), callbacks=[GitrunsCallback()])
            log_summary(model, save_model=True)
        r = self.show()
        history = model.get_evals_result()["validation"]["RMSE"]
        self.assertEqual(self.points("validation/RMSE"), list(zip((1, 3, 5), history)))
        self.assertEqual(len(self.points("learn/RMSE")), 3)
        self.assertEqual(r["params"]["catboost"]["iterations"], 5)
        self.assertEqual(r["summary"]["best_iteration"], model.get_best_iteration())
        self.assertIn("model.cbm", [os.path.basename(a["path"]) for a in r["artifacts"]])
        self.assertEqual(len(self.table("feature_importance")["feature"]), 4)

    def test_wrong(self) -> None:
        import gitruns
        from gitruns.integrations.catboost import log_summary

        with gitruns.init(), self.assertRaisesRegex(TypeError, "must be a trained CatBoost model, got int"):
            log_summary(1)


if __name__ == "__main__":
    unittest.main()
