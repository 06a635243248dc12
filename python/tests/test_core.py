"""init, log, config and summary: the record has what a program logs."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import unittest

from project import Project


class Log(Project):
    def test_a_run(self) -> None:
        self.python("""
import gitruns
with gitruns.init(project="penguins", name="first", group="g", job_type="train", notes="a note", tags=["a", "b"],
                  config={"lr": 0.1, "m": {"k": [1, 2]}, "no": None}) as run:
    for i in range(5):
        gitruns.log({"loss": 1 / (i + 1), "acc": i})
    assert gitruns.run is run and run.step == 5 and run.summary["acc"] == 4
assert gitruns.run is None
""")
        r = self.show()
        self.assertEqual(
            (r["name"], r["experiment"], r["group"], r["note"], r["status"]),
            ("first", "penguins", "g", "a note", "finished"),
        )
        self.assertEqual(r["tags"], {"a": "yes", "b": "yes", "job_type": "train"})
        self.assertEqual(r["params"]["lr"], 0.1)
        self.assertEqual(r["params"]["m"], {"k": [1, 2]})
        self.assertEqual(r["nulls"], ["no"])
        self.assertEqual(self.points("acc"), [(i, float(i)) for i in range(5)])
        self.assertEqual(r["source"]["entry"], "train.py")

    def test_steps(self) -> None:
        done = self.python("""
import gitruns
run = gitruns.init()
run.log({"a": 1}, step=10)
run.log({"b": 1})
run.log({"c": 1})
run.log({"d": 1}, commit=False)
run.log({"e": 1})
run.log({"f": 1}, step=3)
run.log({"f": 2}, step=2)
run.log({"g": 1}, step=20, commit=True)
run.log({"h": 1}, step=30.0)
run.log({})
run.log({"i": 1})
run.log({"i": 2}, 31)
try:
    run.log({"x": 1}, step="a")
except TypeError as e:
    print("type", e)
run.finish()
""")
        r = self.show()
        got = {k: [s for s, _ in self.points(k)] for k in r["metrics"]}
        self.assertEqual(
            got,
            {"a": [10], "b": [10], "c": [11], "d": [12], "e": [12], "f": [2, 3], "g": [20], "h": [30], "i": [31, 31]},
        )
        self.assertEqual(r["metrics"]["i"]["last"], 2)
        self.assertEqual(done.stderr.count("it is recorded (W&B would drop it)"), 1)
        self.assertIn("type log: step", done.stdout)

    def test_values(self) -> None:
        done = self.python("""
import gitruns, math, decimal, datetime, pathlib
class Scalar:
    def __init__(self, v): self.v = v
    shape = ()
    def item(self): return self.v
    def numel(self): return 1
class Odd:
    def __repr__(self): raise ValueError("no")
run = gitruns.init()
for v in (1.5, math.nan, math.inf, -math.inf, True, 1 << 60, decimal.Decimal("0.5"), Scalar(2.5)):
    run.log({"n": v, "m": 0.1})
run.log({"t": "text", "none": None, "list": [1, "a", None], "nested": {"x": {"y": 1}}, "path": pathlib.Path("a"),
         "when": datetime.date(2020, 1, 2)})
for i in range(3):
    run.log({"odd": Odd(), "big": 1 << 2000})
run.log({"bad\\nkey": 1, "": 2, "k" * 300: 3, "100%": 4, 'q"': 5})
run.log({"100%": 5, 'q"': 6})
for bad in ([1], 3, "x", None):
    try:
        run.log(bad)
        print("taken", bad)
    except TypeError:
        pass
try:
    run.log({1: 2})
    print("taken")
except TypeError:
    pass
""")
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("was recorded as its repr"), 1, done.stderr)
        r = self.show()
        n = [v for _, v in self.points("n")]
        self.assertEqual(n[:1] + n[2:], [1.5, math.inf, -math.inf, 1.0, float(1 << 60), 0.5, 2.5])
        self.assertTrue(math.isnan(n[1]))
        self.assertEqual(r["metrics"]["nested.x.y"]["last"], 1)
        self.assertEqual(self.points("100%"), [(12, 4.0), (13, 5.0)])
        self.assertIn('q"', r["metrics"])
        self.assertIn("(empty)", r["metrics"])

    def test_exact(self) -> None:
        import random

        values = [random.Random(7).uniform(-1, 1) * 10.0 ** random.Random(i).randint(-300, 300) for i in range(500)] + [
            5e-324,
            1.7976931348623157e308,
            -0.0,
        ]
        self.write("values.json", json.dumps(values))
        self.python("""
import gitruns, json
run = gitruns.init()
for v in json.load(open("values.json")):
    run.log({"v": v})
""")
        self.assertEqual([v for _, v in self.points("v")], values)

    def test_before_and_after(self) -> None:
        done = self.python("""
import gitruns as wandb
assert wandb.run is None
wandb.finish()
for call in (lambda: wandb.log({"a": 1}), lambda: wandb.config.lr, lambda: wandb.summary["a"],
             lambda: wandb.define_metric("a"), lambda: wandb.save("x")):
    try:
        call()
        print("taken")
    except wandb.Error as e:
        assert "init" in str(e), e
wandb.config = {"early": 1}
run = wandb.init(config={"lr": 2})
assert wandb.config.early == 1 and wandb.config["lr"] == 2
assert wandb.init() is run
log = run.log
wandb.finish()
wandb.finish()
for call in (lambda: log({"a": 1}), lambda: run.log({"a": 1}), lambda: run.define_metric("a"),
             lambda: run.config.update({"x": 1})):
    try:
        call()
        print("taken")
    except wandb.errors.UsageError as e:
        assert "finished" in str(e), e
try:
    wandb.init(nonsense=1)
except TypeError:
    pass
try:
    wandb.no_such_thing
except AttributeError as e:
    pass
""")
        self.assertEqual(done.stdout, "")

    def test_import_is_light(self) -> None:
        code = "import sys; before = set(sys.modules); import gitruns; print(*sorted(set(sys.modules) - before))"
        out = subprocess.run(
            [sys.executable, "-S", "-c", code], env=self.env(), capture_output=True, text=True, check=True
        ).stdout.split()
        for heavy in (
            "subprocess",
            "logging",
            "inspect",
            "dataclasses",
            "uuid",
            "json",
            "threading",
            "pathlib",
            "re",
            "asyncio",
        ):
            self.assertNotIn(heavy, out)


class Config(Project):
    def test_change(self) -> None:
        self.python("""
import gitruns, argparse
from collections import namedtuple
run = gitruns.init(config=argparse.Namespace(
    lr=0.1, model=argparse.Namespace(kind="mlp"), opt=namedtuple("O", "b")(b=3)))
c = gitruns.config
assert c.lr == 0.1 and c.model.kind == "mlp" and c.opt.b == 3 and c.get("x", 4) == 4
c.lr = 0.1
c.epochs = 3
c["model"]["depth"] = 2
for change in (lambda: setattr(c, "lr", 0.2), lambda: c.update({"new": 1, "model": {"kind": "cnn"}}),
               lambda: setattr(c.model, "kind", "x")):
    try:
        change()
        print("taken")
    except gitruns.errors.ConfigError as e:
        assert "allow_val_change" in str(e)
assert "new" not in c
c.update({"lr": 0.2, "model": {"kind": "cnn"}}, allow_val_change=True)
c.setdefaults({"lr": 9, "seed": 1})
run.config = {"assigned": True}
assert c.as_dict() == {"lr": 0.2, "model": {"kind": "cnn", "depth": 2}, "opt": {"b": 3}, "epochs": 3, "seed": 1,
                       "assigned": True}, c
assert dict(c)["lr"] == 0.2 and "lr" in c and len(c) == 6
""")
        r = self.show()
        self.assertEqual(
            r["params"],
            {
                "lr": 0.2,
                "model": {"kind": "cnn", "depth": 2},
                "opt": {"b": 3},
                "epochs": 3,
                "seed": 1,
                "assigned": True,
            },
        )
        self.assertNotIn("conflicts", r)

    def test_kinds(self) -> None:
        self.write("c.json", '{"a": {"value": 1, "desc": null}, "b": 2, "wandb_version": 1}')
        self.python("""
import gitruns, dataclasses, enum, pathlib, math
class E(enum.Enum): A = "a"
@dataclasses.dataclass
class D:
    x: int = 1
    y: E = E.A
    z: "object" = None
class T:
    def to_dict(self): return {"t": (1, 2)}
run = gitruns.init(config="c.json")
run.config.update(D(z=D()))
run.config.update(T())
run.config.update({"f": len, "k": dict, "p": pathlib.Path("q/r"), "inf": math.inf, "s": {3, 1}, 5: 6,
                   "nulls": [1, None], "o": object, "big": 1 << 70, "deep": {"a": {"b": {"c": 1}}}})
for bad in (3, "no-such-file.yaml"):
    try:
        run.config.update(bad)
        print("taken", bad)
    except gitruns.errors.UsageError:
        pass
""")
        p = self.show()["params"]
        self.assertEqual(
            (p["a"], p["b"], p["x"], p["y"], p["t"], p["f"], p["k"]),
            (1, 2, 1, "a", [1, 2], "builtins.len", "builtins.dict"),
        )
        self.assertEqual(
            (p["p"], p["inf"], p["s"], p["5"], p["nulls"], p["big"]),
            ("q/r", "Infinity", [1, 3], 6, [1, "null"], str(1 << 70)),
        )
        self.assertIn("nulls.1", self.show()["nulls"])
        self.assertEqual(p["deep"], {"a": {"b": {"c": 1}}})
        self.assertEqual(p["z"]["x"], 1)

    def test_include_and_exclude(self) -> None:
        self.python("""
import gitruns
gitruns.init(config={"a": 1, "b": 2}, config_exclude_keys=["a"]).finish()
gitruns.init(config={"a": 1, "b": 2}, config_include_keys=["a"]).finish()
""")
        self.assertEqual([r["params"] for r in self.list()], [{"a": 1}, {"b": 2}])


class Summary(Project):
    def test_summary(self) -> None:
        self.python("""
import gitruns
run = gitruns.init()
run.define_metric("loss", summary="min,mean", goal="minimize", step_metric="epoch")
run.define_metric("val/*", summary="max")
for bad in (dict(name="x", summary="median"), dict(name="x", goal="up"), dict(name="a*b"), dict(name="")):
    try:
        run.define_metric(**bad)
        print("taken")
    except gitruns.errors.UsageError:
        pass
for i, v in enumerate((3, 1, 2)):
    run.log({"loss": v, "val/acc": v, "epoch": i})
assert run.summary["loss"] == {"min": 1, "mean": 2}, run.summary["loss"]
assert run.summary.loss.min == 1 and run.summary["val/acc"].max == 3 and run.summary.epoch == 2
run.summary["best"] = 0.5
run.summary.best = 0.7
run.summary.update({"n": {"a": 1}, "word": "x"})
assert run.summary.get("nothing") is None and run.summary["n"]["a"] == 1
assert "best" in run.summary and run.summary.dict()["word"] == "x"
""")
        r = self.show()
        self.assertEqual(r["summary"], {"best": 0.7, "n.a": 1, "word": "x"})
        self.assertEqual(r["metrics"]["val/acc"]["max"], 3)
        self.assertEqual(r["metrics"]["loss"]["goal"], "min")


class Modes(Project):
    def test_disabled(self) -> None:
        for env in ({"WANDB_MODE": "disabled"}, {"WANDB_DISABLED": "true"}, {"RUNS_MODE": "disabled"}):
            self.python(
                """
import gitruns, os
run = gitruns.init(config={"lr": 1}, name="n")
gitruns.log({"a": 1}); run.log({"a": object()}, step=3, commit=False)
assert gitruns.config.lr == 1 and run.name == "n" and run.disabled
run.summary["x"] = 1
run.watch(None); run.save("x"); run.alert("a", "b"); run.define_metric("x"); gitruns.define_metric("y", summary="max")
assert os.path.isdir(run.dir)
with run: pass
assert gitruns.run is None
""",
                RUNS_BINARY="/nowhere",
                **env,
            )
        self.assertFalse(os.path.exists(os.path.join(self.dir, ".runs")))

    def test_ranks(self) -> None:
        done = self.python("import gitruns\ngitruns.init()\ngitruns.log({'a': 1})\n", RANK="1", WORLD_SIZE="2")
        self.assertIn("rank 1 of 2 records nothing", done.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.dir, ".runs")))
        self.python(
            "import gitruns\ngitruns.init(settings=gitruns.Settings(all_ranks=True))\ngitruns.log({'a': 1})\n",
            RANK="1",
            WORLD_SIZE="2",
        )
        self.assertEqual(list(self.show()["metrics"]), ["rank1/a"])
        self.python("import gitruns\ngitruns.init()\ngitruns.log({'b': 1})\n", SLURM_PROCID="3")
        self.assertEqual(list(self.show()["metrics"]), ["b"])

    def test_environment(self) -> None:
        self.python(
            ("import gitruns\nr = gitruns.init()\nassert r.name == 'n' and r.id == 'my-id' and r.tags == ('a', 'b')\n"),
            WANDB_PROJECT="w",
            RUNS_EXPERIMENT="e",
            WANDB_NAME="n",
            WANDB_RUN_ID="my-id",
            WANDB_TAGS="a,b",
            WANDB_NOTES="x",
            WANDB_RUN_GROUP="g",
        )
        r = self.show()
        self.assertEqual((r["experiment"], r["name"], r["key"], r["note"], r["group"]), ("e", "n", "my-id", "x", "g"))

    def test_unused_options_are_said(self) -> None:
        done = self.python("""
import gitruns
gitruns.init(monitor_gym=True, settings={"x_label": "l", "start_method": "thread"}, save_code=True, anonymous="allow",
             force=True)
""")
        self.assertEqual(self.show()["tags"], {"ignored": "x_label monitor_gym"})
        self.assertIn("monitor_gym is not used", done.stderr)
        self.assertIn("x_label is not used", done.stderr)
        self.assertNotIn("start_method", done.stderr)

    def test_reinit(self) -> None:
        self.python("""
import gitruns
a = gitruns.init(name="a")
b = gitruns.init(name="b", reinit=True)
assert b is not a and gitruns.run is b
c = gitruns.init(name="c", reinit="create_new", parent=b)
assert gitruns.run is b
c.log({"x": 1}); b.log({"x": 2})
c.finish()
assert gitruns.run is b
for bad in (dict(reinit="x"), dict(mode="x"), dict(resume="x"), dict(resume_from="a?_step=1"), dict(config=3)):
    try:
        gitruns.init(**{"reinit": True, **bad})
        print("taken", bad)
    except gitruns.errors.UsageError:
        pass
""")
        runs = {r["name"]: r for r in self.list()}
        self.assertEqual(set(runs), {"a", "b", "c"})
        self.assertEqual(runs["c"]["parent"], runs["b"]["id"])
        self.assertEqual({r["status"] for r in runs.values()}, {"finished"})

    def test_no_binary(self) -> None:
        done = self.python("import gitruns\ngitruns.init()\n", status=1, RUNS_BINARY="", PATH="/nowhere")
        self.assertIn("CommError: the program 'runs' was not found; run 'pip install gitruns'", done.stderr)
        other = self.write("runs", "#!/bin/sh\necho other program\n")
        os.chmod(other, 0o755)
        done = self.python("import gitruns\ngitruns.init()\n", status=1, RUNS_BINARY=other)
        self.assertIn("does not work with this client", done.stderr)

    @unittest.skipIf(os.geteuid() == 0, "root writes everywhere")
    def test_read_only(self) -> None:
        path = self.write("train.py", "import gitruns\ngitruns.init()\n")
        os.chmod(self.dir, 0o555)
        try:
            done = subprocess.run(
                [sys.executable, path], cwd=self.dir, env=self.env(), capture_output=True, text=True, check=False
            )
        finally:
            os.chmod(self.dir, 0o755)
        self.assertEqual(done.returncode, 1)
        self.assertIn("CommError", done.stderr)


class Binary(Project):
    def test_both_ways_of_calling(self) -> None:
        from gitruns import _binary

        def spawn(args: list, data: bytes) -> tuple:
            return _binary._spawn(self.binary, args, data, None)

        for call in (spawn, _binary._subprocess):
            code, out, err = call([self.binary, "log", "-", "-C", self.dir], b"x" * 200000)
            self.assertNotEqual(code, 0)
            self.assertEqual(out, b"")
            self.assertIn(b"runs:", err)
            code, out, err = call([self.binary, "version"], b"")
            self.assertEqual((code, out[:5], err), (0, b"runs ", b""))


class NoGit(Project):
    git = False

    def test_outside_git(self) -> None:
        self.python("import gitruns\ngitruns.init()\ngitruns.log({'a': 1})\n")
        self.assertEqual(self.points("a"), [(0, 1.0)])


class Annotate(Project):
    def test_name_tags_notes(self) -> None:
        self.python("""
import gitruns
run = gitruns.init(tags=["a"])
run.name = "later"
run.tags += ("b",)
run.tags = ("b", "c")
run.notes = "a note"
run.alert("title", "text", level=gitruns.AlertLevel.WARN)
assert run.url.startswith("file://") and run.get_url() == run.url
run.finish()
assert run.url.startswith("file://")
""")
        r = self.show()
        self.assertEqual((r["name"], r["note"], r["tags"]), ("later", "a note", {"b": "yes", "c": "yes"}))


if __name__ == "__main__":
    unittest.main()
