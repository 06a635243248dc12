"""The callback for xgboost, with small models of scikit-learn's breast cancer data."""

from __future__ import annotations

import os
import unittest

from library import Training, need


def setUpModule() -> None:
    need("xgboost", "sklearn")


def data():
    import xgboost
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    return xgboost.DMatrix(x[:400], y[:400]), xgboost.DMatrix(x[400:], y[400:])


PARAMS = {"objective": "binary:logistic", "eta": 0.3, "max_depth": 2, "eval_metric": ["aucpr", "logloss"]}


class Record(Training):
    def test_train(self) -> None:
        import xgboost

        import gitruns
        from gitruns.integrations.xgboost import GitrunsCallback

        train, valid = data()
        history: dict = {}
        with gitruns.init():
            model = xgboost.train(
                PARAMS,
                train,
                60,
                evals=[(train, "train"), (valid, "valid")],
                early_stopping_rounds=3,
                evals_result=history,
                verbose_eval=False,
                callbacks=[GitrunsCallback(save_model=True)],
            )
        r = self.show()
        self.assertEqual(r["status"], "finished")
        self.assertEqual(self.points("valid/logloss"), list(enumerate(history["valid"]["logloss"])))
        self.assertEqual(self.points("train/aucpr"), list(enumerate(history["train"]["aucpr"])))
        self.assertEqual(r["metrics"]["valid/aucpr"]["goal"], "max")
        self.assertEqual(
            {k: r["params"]["xgboost"][k] for k in ("eta", "max_depth", "objective", "eval_metric")}, PARAMS
        )
        self.assertNotIn("rng_state", r["params"]["xgboost"])
        self.assertEqual(r["summary"]["best_iteration"], model.best_iteration)
        self.assertEqual(r["summary"]["best_score"], model.best_score)
        self.assertIn("model.json", [os.path.basename(a["path"]) for a in r["artifacts"]])

    def test_cv_and_period(self) -> None:
        import xgboost

        import gitruns
        from gitruns.integrations.xgboost import GitrunsCallback

        with gitruns.init():
            got = xgboost.cv(
                PARAMS, data()[0], 6, nfold=3, callbacks=[GitrunsCallback(period=4, prefix="cv/")], as_pandas=False
            )
        self.assertEqual(self.points("cv/test/logloss"), [(i, got["test-logloss-mean"][i]) for i in (0, 4, 5)])
        self.assertEqual(self.points("cv/test/logloss_std"), [(i, got["test-logloss-std"][i]) for i in (0, 4, 5)])
        self.assertEqual(self.show()["params"]["xgboost"]["cv_folds"], 3)

    def test_an_estimator(self) -> None:
        from sklearn.datasets import load_iris
        from xgboost import XGBClassifier

        import gitruns
        from gitruns.integrations.xgboost import GitrunsCallback

        x, y = load_iris(return_X_y=True)
        with gitruns.init():
            XGBClassifier(n_estimators=4, callbacks=[GitrunsCallback()]).fit(x, y, eval_set=[(x, y)], verbose=False)
        self.assertEqual(len(self.points("validation_0/mlogloss")), 4)
        self.assertEqual(self.show()["metrics"]["validation_0/mlogloss"]["goal"], "min")

    def test_importance(self) -> None:
        need("pyarrow")
        import xgboost

        import gitruns
        from gitruns.integrations.xgboost import GitrunsCallback

        train, _ = data()
        with gitruns.init():
            model = xgboost.train(
                PARAMS, train, 3, verbose_eval=False, callbacks=[GitrunsCallback(importance="gain", prefix="m/")]
            )
        scores = model.get_score(importance_type="gain")
        got = self.table("m/feature_importance")
        self.assertEqual(list(got), ["feature", "gain"])
        self.assertEqual(dict(zip(got["feature"], got["gain"])), scores)
        self.assertEqual(got["gain"], sorted(scores.values(), reverse=True))

    def test_failures(self) -> None:
        import xgboost

        import gitruns
        from gitruns.integrations.xgboost import GitrunsCallback

        def broken(predictions, matrix):
            raise RuntimeError("broken objective")

        train, _ = data()
        with self.assertRaisesRegex(gitruns.Error, "gitruns.init"):
            xgboost.train(PARAMS, train, 2, callbacks=[GitrunsCallback()])
        with self.assertRaises(RuntimeError), gitruns.init():
            xgboost.train(PARAMS, train, 2, obj=broken, callbacks=[GitrunsCallback()])
        r = self.show()
        self.assertEqual((r["status"], r["end_reason"]), ("failed", "RuntimeError: broken objective"))
        # A finished run does not end the training.
        run = gitruns.init()
        run.finish()
        xgboost.train(PARAMS, train, 2, evals=[(train, "train")], verbose_eval=False, callbacks=[GitrunsCallback(run)])
        with self.assertRaises(ValueError):
            GitrunsCallback(period=0)


if __name__ == "__main__":
    unittest.main()
