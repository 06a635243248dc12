"""The callback and the context manager for scikit-learn, on its iris data."""

from __future__ import annotations

import unittest
import warnings

from library import Training, need


def setUpModule() -> None:
    need("sklearn")
    warnings.simplefilter("ignore")


def callbacks() -> None:
    from sklearn.linear_model import LogisticRegression

    if not hasattr(LogisticRegression, "set_callbacks"):
        raise unittest.SkipTest("scikit-learn before 1.9 has no callbacks")


def data():
    from sklearn.datasets import load_iris

    return load_iris(return_X_y=True)


class Callback(Training):
    def test_iterations(self) -> None:
        callbacks()
        from sklearn.linear_model import LogisticRegression

        import gitruns
        from gitruns.integrations.sklearn import GitrunsCallback

        x, y = data()
        with gitruns.init():
            model = LogisticRegression(C=0.5, max_iter=7).set_callbacks(GitrunsCallback(scoring="accuracy")).fit(x, y)
        r = self.show()
        self.assertEqual(
            (r["status"], r["params"]["LogisticRegression"]["C"], r["params"]["LogisticRegression"]["max_iter"]),
            ("finished", 0.5, 7),
        )
        points = self.points("train/accuracy")
        self.assertEqual([s for s, _ in points], list(range(int(model.n_iter_[0]))))
        self.assertEqual(points[-1][1], model.score(x, y))
        self.assertGreater(r["metrics"]["fit_time"]["last"], 0)
        self.assertEqual(r["summary"]["n_iter"], int(model.n_iter_[0]))

    def test_a_search(self) -> None:
        callbacks()
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV

        import gitruns
        from gitruns.integrations.sklearn import GitrunsCallback

        x, y = data()
        for jobs in (1, 2):
            with gitruns.init(name=f"jobs-{jobs}"):
                search = (
                    GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0]}, cv=3, n_jobs=jobs)
                    .set_callbacks(GitrunsCallback(nested=jobs == 1))
                    .fit(x, y)
                )
            r = self.show(f"jobs-{jobs}")
            self.assertEqual(
                self.points("cv/mean_test_score", r["id"]), list(enumerate(search.cv_results_["mean_test_score"]))
            )
            self.assertEqual(
                (r["summary"]["best_score"], r["summary"]["best_params.C"]),
                (search.best_score_, search.best_params_["C"]),
            )
            self.assertEqual(r["params"]["GridSearchCV"]["estimator"], "LogisticRegression")
            nested = [c for c in self.list() if c.get("parent") == r["id"]]
            if jobs == 1:
                self.assertEqual(sorted(c["params"]["C"] for c in nested), [0.01, 1.0])
                best = next(c for c in nested if c["params"]["C"] == 1.0)
                self.assertEqual(
                    [v for _, v in self.points("test_score", best["id"])],
                    [search.cv_results_[f"split{i}_test_score"][1] for i in range(3)],
                )
            else:
                self.assertEqual(nested, [])

    def test_a_pipeline_and_failures(self) -> None:
        callbacks()
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import Pipeline
        from sklearn.preprocessing import StandardScaler

        import gitruns
        from gitruns.integrations.sklearn import GitrunsCallback

        x, y = data()
        pipeline = Pipeline([("scale", StandardScaler()), ("fit", LogisticRegression())]).set_callbacks(
            GitrunsCallback()
        )
        with gitruns.init():
            pipeline.fit(x, y)
        self.assertEqual(len([k for k in self.show()["summary"] if k.startswith("task_time.")]), 2)
        with self.assertRaisesRegex(gitruns.Error, "gitruns.init"):
            pipeline.set_callbacks(GitrunsCallback()).fit(x, y)
        with self.assertRaises(ValueError), gitruns.init():
            pipeline.set_callbacks(GitrunsCallback()).fit(x, y[:-1])
        r = self.show()
        self.assertEqual(r["status"], "failed")
        self.assertNotIn("fit_time", r.get("metrics", {}))


class Results(Training):
    def test_cv_results(self) -> None:
        need("pyarrow")
        from sklearn.model_selection import GridSearchCV
        from sklearn.tree import DecisionTreeClassifier

        import gitruns
        from gitruns.integrations.sklearn import track

        x, y = data()
        grid = [{"max_depth": [1, None]}, {"criterion": ["entropy"], "max_depth": [2]}]
        with (
            gitruns.init(),
            track(GridSearchCV(DecisionTreeClassifier(random_state=0), grid, cv=2), prefix="s/") as search,
        ):
            search.fit(x, y)
        got = self.table("s/cv_results")
        results = search.cv_results_
        self.assertEqual(set(got), {k for k in results if k != "params"})
        self.assertEqual((got["param_max_depth"], got["param_criterion"]), ([1, None, 2], [None, None, "entropy"]))
        for key in ("mean_test_score", "split1_test_score", "rank_test_score", "mean_fit_time"):
            self.assertEqual(got[key], results[key].tolist(), key)


class Track(Training):
    def test_fit_and_score(self) -> None:
        from sklearn.model_selection import GridSearchCV
        from sklearn.tree import DecisionTreeClassifier

        import gitruns
        from gitruns.integrations.sklearn import track

        x, y = data()
        with gitruns.init():
            with track(DecisionTreeClassifier(max_depth=2, random_state=0)) as tree:
                tree.fit(x, y)
                got = tree.score(x, y)
            self.assertEqual(set(vars(tree)) & {"fit", "score"}, set())
            with track(GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 3]}, n_jobs=2, cv=2)) as search:
                search.fit(x, y)
        r = self.show()
        self.assertEqual(r["params"]["DecisionTreeClassifier"]["max_depth"], 2)
        self.assertIn("max_depth", r["params"]["DecisionTreeClassifier"]["set"])
        self.assertEqual(self.points("score"), [(0, got)])
        self.assertEqual(self.points("cv/mean_test_score"), list(enumerate(search.cv_results_["mean_test_score"])))

    def test_which_params_were_set(self) -> None:
        """`runs ls` shows those, not the defaults. A rank and a deviation have no goal."""
        self.python("""
import gitruns
from gitruns.integrations.sklearn import track
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.datasets import load_iris
x, y = load_iris(return_X_y=True)
for name, model in (
    ("forest", RandomForestClassifier(n_estimators=5)),
    ("pipe", make_pipeline(StandardScaler(), SVC(kernel="linear"))),
    ("search", GridSearchCV(SVC(C=2.0), {"gamma": [0.1, 1.0]})),
):
    with gitruns.init(name=name), track(model) as tracked:
        tracked.fit(x, y)
        tracked.score(x, y)
""")
        self.assertEqual(self.show("forest")["params"]["RandomForestClassifier"]["set"], ["n_estimators"])
        self.assertEqual(self.show("pipe")["params"]["Pipeline"]["set"], ["steps", "svc__kernel"])
        search = self.show("search")
        self.assertEqual(search["params"]["GridSearchCV"]["set"], ["estimator", "estimator__C", "param_grid"])
        goals = {k: m.get("goal") for k, m in search["metrics"].items()}
        self.assertEqual(goals["cv/mean_test_score"], "max")
        for key in ("cv/rank_test_score", "cv/std_test_score", "cv/mean_fit_time", "fit_time"):
            self.assertIsNone(goals[key], key)
        header = self.runs("ls", "-n", "2").splitlines()[0]
        self.assertIn("svc__kernel", header)
        self.assertNotIn("memory", header)

    def test_failures(self) -> None:
        from sklearn.tree import DecisionTreeClassifier

        import gitruns
        from gitruns.integrations.sklearn import track

        with self.assertRaisesRegex(gitruns.Error, "gitruns.init"), track(DecisionTreeClassifier()):
            pass
        x, y = data()
        with self.assertRaises(ValueError), gitruns.init(), track(DecisionTreeClassifier(max_depth=-1)) as tree:
            tree.fit(x, y)
        self.assertEqual(self.show()["status"], "failed")
        self.assertNotIn("fit", vars(tree))


if __name__ == "__main__":
    unittest.main()
