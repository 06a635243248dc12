"""A logged model can be loaded, and a pickle is read only from the registry or with trust=True.

The library here is a stand-in for scikit-learn. The tests with real libraries and MLflow are in cmd/runs.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import unittest

from project import Project

SKLEARN = """
class Twice:
    def predict(self, data):
        return [2 * x for x in data]
"""

TRAIN = """
import sys, gitruns, sklearn
with gitruns.init(project="p") as run:
    assert run.log_model(sklearn.Twice(), "clf", metadata={"a b": ["x: y", {"n": 1}]}) == "clf"
    for bad, name in ((object(), "other"), (sklearn.Twice(), "../up"), (sklearn.Twice(), "clf")):
        try:
            run.log_model(bad, name)
        except gitruns.UsageError as e:
            assert "log_model: " in str(e)
        else:
            raise SystemExit(f"logged {bad} as {name}")
assert "mlflow" not in sys.modules
"""


class Planted:
    """An object whose pickle writes a file when it is read."""

    def __reduce__(self) -> tuple:
        return open, ("ran", "w")


class Models(Project):
    def setUp(self) -> None:
        super().setUp()
        self.write("sklearn/__init__.py", SKLEARN)

    def registered(self) -> str:
        """Log and register a model, and return the path of its pickle in the run."""
        self.python(TRAIN)
        self.runs("model", "register", "last:clf", "taxi")
        self.runs("model", "alias", "taxi@1", "champion")
        self.runs("model", "promote", "taxi@1", "production")
        [path] = [
            os.path.join(at, n)
            for at, _, names in os.walk(os.path.join(self.dir, ".runs"))
            for n in names
            if n == "model.pkl"
        ]
        return path

    def runs(self, *args: str) -> None:
        subprocess.run([self.binary, *args], cwd=self.dir, env=self.env(), check=True, capture_output=True)

    def folder(self, mlmodel: str) -> None:
        self.write("out/MLmodel", mlmodel)
        with open(os.path.join(self.dir, "out", "model.pkl"), "wb") as f:
            f.write(pickle.dumps(Planted()))

    def test_selectors(self) -> None:
        self.registered()
        self.python("""
import gitruns
names = "taxi@1", "models:/taxi/1", "models:/taxi@champion", "models:/taxi/Production", "taxi@production"
for name in names:
    assert gitruns.load_model(name).predict([3]) == [6], name
for name, kind in (("taxi@9", gitruns.NotFoundError), ("taxi", gitruns.UsageError), ("-x@1", gitruns.UsageError)):
    try:
        gitruns.load_model(name)
    except kind as e:
        assert "load_model: " in str(e)
    else:
        raise SystemExit("loaded " + name)
""")

    def refused(self, arguments: str, error: str, text: str) -> None:
        """Call load_model, and hold it to an error with a text."""
        self.python(f"""
import gitruns
try:
    gitruns.load_model({arguments})
except gitruns.{error} as e:
    assert {text!r} in str(e), e
else:
    raise SystemExit("loaded")
""")

    def test_a_changed_byte_is_refused(self) -> None:
        path = self.registered()
        os.chmod(path, 0o600)
        with open(path, "rb") as f:
            was = f.read()
        for changed in (was[:-1] + bytes([was[-1] ^ 1]), pickle.dumps(Planted())):
            with open(path, "wb") as f:
                f.write(changed)
            self.refused("'taxi@1'", "Error", "model.pkl")
        self.assertFalse(os.path.exists(os.path.join(self.dir, "ran")))

    def test_a_pickle_of_a_folder_needs_trust(self) -> None:
        for kind, key in (("sklearn", "pickled_model"), ("lightgbm", "data")):
            self.write(f"{kind}/__init__.py", "")
            self.folder(f"flavors:\n  {kind}:\n    {key}: model.pkl\n    serialization_format: pickle\n")
            self.refused("'out'", "UsageError", "trust=True")
            self.assertFalse(os.path.exists(os.path.join(self.dir, "ran")), kind)
        self.python("import gitruns; gitruns.load_model('out', trust=True).close()")
        self.assertTrue(os.path.exists(os.path.join(self.dir, "ran")))

    def test_a_hostile_folder_is_an_error(self) -> None:
        for path in ("../secret.pkl", "/etc/passwd", "''", "link.pkl"):
            self.folder(f"flavors:\n  sklearn:\n    pickled_model: {path}\n    serialization_format: pickle\n")
            link = os.path.join(self.dir, "out", "link.pkl")
            if not os.path.lexists(link):
                os.symlink("model.pkl", link)
            self.refused("'out', trust=True", "Error", "load_model: ")
        for text in ("", "flavors:\n", "x" * (2 << 20), "flavors:\n  keras:\n    data: x\n"):
            self.folder(text)
            self.refused("'out', trust=True", "Error", "load_model: ")
        self.assertFalse(os.path.exists(os.path.join(self.dir, "ran")))

    def test_texts_in_yaml(self) -> None:
        from gitruns import _model

        value = {"flavors": {"sklearn": {"a": 'x: "y"\n- z', "b": "it's", "code": None, "n": "1.10"}}}
        self.write("out/MLmodel", _model.yaml(value))
        found = _model._flavors(os.path.join(self.dir, "out"))["sklearn"]
        self.assertEqual([found["a"], found["b"], found["n"]], ['x: "y"\n- z', "it's", "1.10"])
        self.assertEqual(_model.yaml({"a b": [1, {"p": ["q"]}]}), '"a b":\n  - 1\n  - p:\n      - "q"\n')


if __name__ == "__main__":
    unittest.main()
