"""Values that contain themselves, raise errors or are too long do not stop training, and all else is recorded."""

from __future__ import annotations

import json
import math
import unittest

from project import Project

HEAD = """
import gitruns, argparse, decimal, math
class Fails:
    def __getattr__(self, name): raise ZeroDivisionError(name)
class Shape:
    @property
    def shape(self): raise ZeroDivisionError("shape")
    @property
    def __fspath__(self): raise ZeroDivisionError("path")
class Text:
    def __str__(self): raise ZeroDivisionError("str")
    __repr__ = __str__
class Value(dict):
    def items(self): raise ZeroDivisionError("items")
odd = {"fails": Fails(), "shape": Shape(), "text": Text(), "digits": 10**5000, "table": Value(a=1), "ints": [10**5000]}
"""


class Cycles(Project):
    def test_what_holds_itself(self) -> None:
        done = self.python(
            HEAD
            + """
d = {"x": 1}
for k in "abcd": d[k] = d
l = [1]
l += [l] * 4
t = [1]
for _ in range(40): t = [t] * 4
run = gitruns.init(config={"d": d, "l": l, "t": t, "lr": 0.1})
run.config.update({"d2": d})
run.log({"d": d, "l": l, "t": t, "loss": 1.0})
run.log({"in": {"l": l}, "loss": 2.0})
run.summary.update({"d": d, "l": l, "best": 3})
"""
        )
        r = self.show()
        self.assertEqual((r["params"]["lr"], r["params"]["d"]["x"], r["params"]["d2"]["x"]), (0.1, 1, 1))
        self.assertEqual([v for _, v in self.points("loss")], [1.0, 2.0])
        self.assertEqual(r["summary"]["best"], 3)
        self.assertEqual(done.stderr.count("contains itself"), 1)
        self.assertNotIn("aside.jsonl", r["files"])

    def test_a_namespace_with_its_parent(self) -> None:
        self.python(
            HEAD
            + """
parent = argparse.Namespace(lr=0.1, child=argparse.Namespace(depth=2))
parent.child.parent = parent
run = gitruns.init(config=parent)
assert run.config.lr == 0.1 and run.config.child.depth == 2
"""
        )
        p = self.show()["params"]
        self.assertEqual((p["lr"], p["child"]["depth"]), (0.1, 2))


class Odd(Project):
    def test_what_fails_when_it_is_looked_at(self) -> None:
        done = self.python(
            HEAD
            + """
run = gitruns.init(config={**odd, "lr": 0.1})
run.config.update({"more": dict(odd), "momentum": 0.9})
run.config.update(Fails())
run.log({**odd, "loss": 1.0})
run.log({"nested": odd, "loss": 2.0})
run.summary.update({**odd, "best": 3})
gitruns.init(reinit=True, config=Fails()).finish()
"""
        )
        first = self.list()[1]
        self.assertEqual((first["params"]["lr"], first["params"]["momentum"], first["summary"]["best"]), (0.1, 0.9, 3))
        self.assertEqual([v for _, v in self.points("loss", first["id"])], [1.0, 2.0])
        self.assertIn("was recorded as its repr", done.stderr)
        self.assertTrue(first["params"]["digits"].startswith("0x"))
        self.assertNotIn("aside.jsonl", first["files"])

    def test_nothing_becomes_something_else(self) -> None:
        done = self.python(
            HEAD
            + """
run = gitruns.init()
run.log({"d": decimal.Decimal("1e400"), "inf": decimal.Decimal("Infinity"), "html": [1, gitruns.Html("<b>x</b>"), 2.5]})
run.summary.update({"b": [1, None], "d": decimal.Decimal("1e400")})
"""
        )
        r = self.show()
        values = {v["key"]: v["value"] for v in json.loads(self.runs("metrics", "last", "--values", "--json"))}
        self.assertEqual((values["d"], values["html"]), ("1E+400", [1, 2.5]))
        self.assertEqual([v for _, v in self.points("inf")], [math.inf])
        self.assertEqual([a["kind"] for a in r["artifacts"]], ["html"])
        self.assertEqual((r["summary"]["b"], r["summary"]["d"]), ([1, "null"], "1E+400"))
        self.assertEqual(done.stderr.count("it was recorded as the text 'null'"), 1)

    def test_a_series(self) -> None:
        self.python("""
import gitruns, sys, types
class Series:
    __module__ = "pandas.core.series"
    def __init__(self, v): self.v, self.shape = v, (len(v),)
    def tolist(self): return self.v
run = gitruns.init()
run.log({"short": Series([1, 2.5]), "long": Series([float(i) for i in range(100)]), "words": Series(["a", "b"])})
""")
        values = {v["key"]: v["value"] for v in json.loads(self.runs("metrics", "last", "--values", "--json"))}
        self.assertEqual(
            (values["short"], values["words"], values["long"]["_type"]), ([1, 2.5], ["a", "b"], "histogram")
        )


class Texts(Project):
    def test_long_and_odd_texts_at_init(self) -> None:
        done = self.python("""
import gitruns
run = gitruns.init(name="n" * 300, notes="ä" * 70000, group="a\\nb", project="p\\nq", entity="\\ud800e",
                   job_type="j\\x1b", id="i" * 300, tags={"t": "ö" * 70000, "k\\x1b": "v"})
run.config.update({"text": "ü" * 70000})
run.log({"text": "ü" * 70000, "a": 1.0})
""")
        r = self.show()
        self.assertEqual(
            (len(r["name"].encode()), len(r["note"].encode()), r["group"], r["experiment"]), (250, 65535, "a b", "p q")
        )
        self.assertLessEqual(len(r["tags"]["t"].encode()), 65536)
        self.assertEqual(r["tags"][b"k\\ufffd".decode("unicode_escape")], "v")
        self.assertEqual(self.points("a"), [(0, 1.0)])
        self.assertEqual(done.stderr.count("the note was cut"), 1)
        self.assertNotIn("aside.jsonl", r["files"])

    def test_a_cut_text_is_said(self) -> None:
        done = self.python("""
import gitruns
run = gitruns.init(config={"prompt": "c" * 70000})
for _ in range(2):
    run.log({"v": "z" * 2_000_000, "w": {"x": "ä" * 40000}, "fits": "f" * 65536, "list": ["l" * 70000]})
run.summary["s"] = "s" * 70000
run.alert("t", "a" * 70000)
""")
        said = [
            line.removeprefix("gitruns: warning: ").partition(" was cut to 64 KiB; run.save()")[0]
            for line in done.stderr.splitlines()
            if "was cut" in line
        ]
        self.assertEqual(said, ["a text of the config", "v", "w.x", "a text in a value", "summary.s", "the alert"])
        kept = {v["key"]: v["value"] for v in json.loads(self.runs("metrics", "last", "--values", "--json"))}
        self.assertEqual((kept["v"], kept["fits"]), ("z" * 65533 + "…", "f" * 65536))

    def test_setters(self) -> None:
        done = self.python("""
import gitruns
run = gitruns.init()
run.name = "\\ud800"
run.name = "a\\0b" * 1000
run.name = "-lr0.1"
run.notes = "a\\0b"
run.notes = "x" * 3_000_000
run.notes = "-note"
run.tags = ("good", "bad\\x1b[31m", "-d", "\\ud800")
run.tags = ("good",)
run.define_metric("a\\x01b", summary="max")
run.define_metric("ok", summary="max", step_metric="e\\x01")
run.log({"ok": 1.0})
for bad in (lambda: setattr(run, "name", 1.5), lambda: setattr(run, "notes", 3), lambda: setattr(run, "tags", 5),
            lambda: run.summary.update(5), lambda: gitruns.init(reinit=True, project=5),
            lambda: gitruns.init(reinit=True, tags=5)):
    try:
        bad()
        print("taken")
    except TypeError as e:
        assert "must be a" in str(e), e
try:
    run.alert("t", "x", level="FOO")
    print("taken")
except ValueError:
    pass
run.alert("t", "x", level="warn")
""")
        self.assertEqual(done.stdout, "")
        r = self.show()
        self.assertEqual((r["name"], r["note"], r["tags"]), ("-lr0.1", "-note", {"good": "yes"}))
        self.assertEqual(sorted(d["name"] for d in r["defined"]), [b"a\\ufffdb".decode("unicode_escape"), "ok"])
        self.assertNotIn("aside.jsonl", r.get("files", {}))


class Arguments(Project):
    def test_values_of_arguments_that_programs_pass(self) -> None:
        """What W&B takes raises nothing. What is wrong is a UsageError or a TypeError that names the argument."""
        self.write("out/good.txt", "x")
        self.write("out/.git/HEAD", "x")
        done = self.python("""
import gitruns
run = gitruns.init(name="n")
run.name = None
assert run.name == "n"
gitruns.define_metric("a", summary=["min", "max"])
run.log({"a": 1.0}); run.log({"a": 2.0})
assert dict(run.summary["a"]) == {"min": 1.0, "max": 2.0}, run.summary
artifact = gitruns.log_artifact("out", name="out", type="t")
for call, kind, text in (
    (lambda: gitruns.define_metric("a", summary=3), gitruns.UsageError, "summary must be a text, got int"),
    (lambda: gitruns.define_metric("a", goal=[]), gitruns.UsageError, "goal must be"),
    (lambda: gitruns.config.update("a\\0b"), gitruns.UsageError, "reading config file"),
    (lambda: gitruns.Table(dataframe=[1]), TypeError, "dataframe must be a data frame, got list"),
):
    try: call()
    except kind as e: assert text in str(e), e
    else: raise AssertionError(text)
""")
        self.assertIn("a file was left out: artifact out: '.git/HEAD': the path contains the name '.git'", done.stderr)
        self.assertIn("out/", str([a["path"] for a in self.show()["artifacts"]]))


if __name__ == "__main__":
    unittest.main()
