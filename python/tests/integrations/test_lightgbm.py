"""The callback for LightGBM, with small models of scikit-learn's breast cancer data."""

from __future__ import annotations

import os
import unittest

from library import Training, need


def setUpModule() -> None:
    need("lightgbm", "sklearn")


def data():
    import lightgbm
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    train = lightgbm.Dataset(x[:400], y[:400])
    return train, lightgbm.Dataset(x[400:], y[400:], reference=train)


PARAMS = {
    "objective": "binary",
    "metric": ["auc", "binary_logloss"],
    "num_leaves": 4,
    "verbosity": -1,
    "num_threads": 1,
}


class Record(Training):
    def test_train(self) -> None:
        import lightgbm

        import gitruns
        from gitruns.integrations.lightgbm import gitruns_callback, log_summary

        train, valid = data()
        history: dict = {}
        with gitruns.init():
            model = lightgbm.train(
                PARAMS,
                train,
                100,
                valid_sets=[valid],
                valid_names=["valid"],
                callbacks=[
                    gitruns_callback(),
                    lightgbm.record_evaluation(history),
                    lightgbm.early_stopping(3, verbose=False),
                ],
            )
            log_summary(model, importance=None, save_model=True)
        r = self.show()
        self.assertEqual(r["status"], "finished")
        self.assertEqual(self.points("valid/binary_logloss"), list(enumerate(history["valid"]["binary_logloss"])))
        self.assertEqual(
            (r["metrics"]["valid/auc"]["goal"], r["metrics"]["valid/binary_logloss"]["goal"]), ("max", "min")
        )
        self.assertEqual(r["params"]["lightgbm"]["num_leaves"], 4)
        self.assertEqual(r["summary"]["best_iteration"], model.best_iteration)
        self.assertEqual(r["summary"]["best_score.valid.auc"], model.best_score["valid"]["auc"])
        self.assertIn("model.txt", [os.path.basename(a["path"]) for a in r["artifacts"]])

    def test_cv_and_tuples(self) -> None:
        import lightgbm

        import gitruns
        from gitruns.integrations.lightgbm import gitruns_callback

        with gitruns.init():
            got = lightgbm.cv(PARAMS, data()[0], 5, nfold=3, callbacks=[gitruns_callback(period=3)])
        self.assertEqual(self.points("valid/auc"), [(i, got["valid auc-mean"][i]) for i in (0, 3, 4)])
        self.assertEqual(self.points("valid/auc_std"), [(i, got["valid auc-stdv"][i]) for i in (0, 3, 4)])

        class Env:  # as in versions before 4.7
            params: dict = {}
            iteration = begin_iteration = 0
            end_iteration = 1
            evaluation_result_list = [("valid", "l2", 0.5, False), ("cv_agg", "valid auc", 0.25, True, 0.125)]

        with gitruns.init():
            gitruns_callback()(Env())
        self.assertEqual(
            {k: m["last"] for k, m in self.show()["metrics"].items()},
            {"valid/l2": 0.5, "cv/valid/auc": 0.25, "cv/valid/auc_std": 0.125},
        )

    def test_importance(self) -> None:
        need("pyarrow")
        import lightgbm

        import gitruns
        from gitruns.integrations.lightgbm import log_summary

        model = lightgbm.train(PARAMS, data()[0], 3)
        with gitruns.init():
            log_summary(model)
            log_summary(model, prefix="m/", importance="split")
        for key, kind in (("feature_importance", "gain"), ("m/feature_importance", "split")):
            got = self.table(key)
            self.assertEqual(list(got), ["feature", kind])
            self.assertEqual(
                dict(zip(got["feature"], got[kind])),
                dict(zip(model.feature_name(), model.feature_importance(kind).tolist())),
            )
            self.assertEqual(got[kind], sorted(got[kind], reverse=True))

    def test_failures(self) -> None:
        import lightgbm

        import gitruns
        from gitruns.integrations.lightgbm import gitruns_callback, log_summary

        def broken(predictions, dataset):
            raise RuntimeError("broken metric")

        with self.assertRaisesRegex(gitruns.Error, "gitruns.init"):
            lightgbm.train(PARAMS, data()[0], 2, callbacks=[gitruns_callback()])
        with self.assertRaises(RuntimeError), gitruns.init():
            train, valid = data()
            lightgbm.train(PARAMS, train, 2, valid_sets=[valid], feval=broken, callbacks=[gitruns_callback()])
        self.assertEqual(self.show()["status"], "failed")
        with gitruns.init(), self.assertRaises(TypeError):
            log_summary(object())
        with self.assertRaises(ValueError):
            gitruns_callback(period=0)


if __name__ == "__main__":
    unittest.main()
