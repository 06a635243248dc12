"""Names that collide once they are joined by dots, and null as a value: nothing is lost silently (SPEC 3.11)."""

from __future__ import annotations

import unittest

from project import Project


class Names(Project):
    def test_a_param_nested_and_with_dots(self) -> None:
        done = self.python("""
import gitruns
run = gitruns.init(config={"a": {"b": 1}, "a.b": 2, "plain": {"c": 3}})
assert (run.config.a.b, run.config["a.b"]) == (1, 2)
run.finish()
read = gitruns.load("last")
assert read.params == {"a": {"b": 1}, "a.b": 2, "plain": {"c": 3}}, read.params
row = gitruns.runs()._rows()[0]
assert {k: v for k, v in row.items() if k.startswith("params.")} == {
    "params.a.b": 1, 'params."a.b"': 2, "params.plain.c": 3}, row
""")
        self.assertNotIn("warning", done.stderr)
        self.assertEqual(self.show()["params"], {"a": {"b": 1}, "a.b": 2, "plain": {"c": 3}})

    def test_a_conflict_of_a_key_with_a_dot(self) -> None:
        import sys

        self.write("c.json", '{"a": {"b": 1}, "a.b": 2}')
        self.write("train.py", "import gitruns\ngitruns.init(config={'a': {'b': 1}, 'a.b': 3})\n")
        self.runs("exec", "--params", "c.json", "--", sys.executable, "train.py")
        r = self.show()
        self.assertEqual((r["params"], r["conflicts"]), ({"a": {"b": 1}, "a.b": 2}, {'"a.b"': [3]}))

    def test_keys_that_become_the_same_text(self) -> None:
        done = self.python("import gitruns\ngitruns.init(config={1: 'a', '1': 'b', 'in': {True: 1, 'True': 2}})\n")
        self.assertEqual(self.show()["params"], {"1": "a", "1 (str)": "b", "in": {"True": 1, "True (str)": 2}})
        self.assertEqual(done.stderr.count("two keys are the text"), 2)

    def test_a_metric_nested_and_with_dots(self) -> None:
        self.python("""
import gitruns
run = gitruns.init()
for i in range(2): run.log({"m": {"x": 1.0}, "m.x": 2.0, "t": {"y": "one"}, "t.y": "two", "other": 3.0})
run.summary.update({"s": {"a": 1}, "s.a": 2})
""")
        self.assertEqual(self.points("m.x"), [(0, 1.0), (0, 2.0), (1, 1.0), (1, 2.0)])
        self.assertEqual(self.points("other"), [(0, 3.0), (1, 3.0)])
        self.assertEqual(self.runs("metrics", "last", "--values", "--json").count("one"), 2)
        r = self.show()
        self.assertEqual((r["summary"]["s.a"], r["tags"]), (2, {"lost_rows": "1"}))


class Nulls(Project):
    CONFIG = "{'l': [1, {'z': None, 'y': 2}, None], 'm': ['None', 'null', 1], 'n': None, 'e': {'x': None}}"

    def test_anywhere_in_a_config(self) -> None:
        self.python(f"""
import gitruns
given = {self.CONFIG}
run = gitruns.init(config=given)
assert run.config.as_dict() == given
run.finish()
assert gitruns.load("last").params == given, gitruns.load("last").params
""")
        r = self.show()
        self.assertEqual(r["params"], {"l": [1, {"y": 2}, "null"], "m": ["None", "null", 1]})
        self.assertEqual(r["nulls"], ["e.x", "l.1.z", "l.2", "n"])

    def test_a_process_that_joins_has_the_same(self) -> None:
        import sys

        self.write("train.py", f"import gitruns\nrun = gitruns.init(config={self.CONFIG})\n")
        self.write("c.json", '{"l": [1, {"z": null, "y": 2}, null], "n": null}')
        self.runs("exec", "--params", "c.json", "--", sys.executable, "train.py")
        r = self.show()
        self.assertNotIn("conflicts", r)
        self.assertEqual(r["nulls"], ["e.x", "l.1.z", "l.2", "n"])

    def test_a_resumed_run_has_the_same(self) -> None:
        source = (
            f"import gitruns\nrun = gitruns.init(id='k', resume='allow', config={self.CONFIG})\n"
            f"assert run.config.as_dict() == {self.CONFIG}, run.config\n"
        )
        self.python(source)
        done = self.python(source)
        self.assertNotIn("config changed", done.stderr)

    def test_between_null_and_a_value(self) -> None:
        """A change is an error, unless it is allowed; then the last value is recorded alone."""
        self.python("""
import gitruns
run = gitruns.init(config={"x": None, "y": 1, "t": {"a": 1, "b": 2}, "u": {"a": 1}, "v": 1, "w": {"a": 1}})
for change in ({"x": 1}, {"y": None}, {"t": 1}, {"v": {"a": 1}}):
    try: run.config.update(change)
    except gitruns.ConfigError: pass
    else: raise AssertionError(change)
run.config.update({"x": None, "u": {}})
assert run.config.u == {"a": 1}
run.config.update({"x": 1, "y": None, "t": {"b": None}, "u": 5, "v": {"a": 1}, "w": {}}, allow_val_change=True)
assert run.config.as_dict() == {"x": 1, "y": None, "t": {"a": 1, "b": None}, "u": 5, "v": {"a": 1}, "w": {}}
run.finish()
read = gitruns.load("last")
assert read.params == {"x": 1, "y": None, "t": {"a": 1, "b": None}, "u": 5, "v": {"a": 1}, "w": {}}, read.params
""")
        r = self.show()
        self.assertEqual(r["nulls"], ["t.b", "y"])
        self.assertNotIn("conflicts", r)


if __name__ == "__main__":
    unittest.main()
