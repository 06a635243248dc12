"""id and resume: a finished run is never rewritten, a new run resumes it, and the chain counts as one run."""

from __future__ import annotations

import os
import signal
import unittest

from project import Project


class Resume(Project):
    def test_allow_and_must(self) -> None:
        done = self.python("""
import gitruns
run = gitruns.init(id="exp-1", resume="allow", config={"lr": 1})
assert not run.resumed and run.id == "exp-1" and run.step == 0
for i in range(3): run.log({"loss": i})
run.summary["best"] = 5
run.finish()
run = gitruns.init(id="exp-1", resume="allow", config={"lr": 1, "new": 2})
assert run.resumed and run.step == 3 and run.config.lr == 1, run.step
assert run.summary["loss"] == 2 and run.summary["best"] == 5, dict(run.summary)
run.log({"loss": 9})
run.finish()
run = gitruns.init(id="exp-1", resume="must")
assert run.step == 4
run.finish()
for how, id in (("must", "none"), ("never", "exp-1")):
    try:
        gitruns.init(id=id, resume=how)
        print("taken", how)
    except gitruns.errors.UsageError as e:
        assert id in str(e), e
try:
    gitruns.init(id="exp-1", resume="allow", config={"lr": 2}, allow_val_change=False)
    print("taken")
except gitruns.errors.ConfigError as e:
    assert "lr" in str(e)
gitruns.init(id="exp-1", resume="allow", config={"lr": 2}, allow_val_change=True).finish()
run = gitruns.init(id="exp-1", resume="allow", config={"lr": 3, "new": 2})
assert run.config.lr == 3, run.config
""")
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("config changed: lr;"), 2)
        self.assertIn(" from step 3, resuming ", done.stderr)
        self.assertEqual([line for line in done.stderr.splitlines() if len(line) > 80], [])
        runs = self.list()
        self.assertEqual((runs[0]["params"], "conflicts" in runs[0]), ({"lr": 3, "new": 2}, False))
        self.assertEqual([bool(r.get("resumes")) for r in reversed(runs)], [False, True, True, True, True])
        self.assertEqual({r["key"] for r in runs}, {"exp-1"})
        self.assertEqual([s for s, _ in self.points("loss", runs[-2]["id"])], [0, 1, 2, 3])

    def test_metrics_of_the_chain(self) -> None:
        self.python("""
import gitruns
for part in range(3):
    run = gitruns.init(id="long", resume="allow")
    for i in range(2): run.log({"loss": 10 * part + i})
    if part == 0: run.log({"warm": 1}, step=1)
    run.finish()
got = gitruns.load("long")
assert got.metrics("loss", as_="lists")["step"] == [0, 1, 2, 3, 4, 5], got.metrics(as_="lists")
assert got.metrics("loss", as_="lists")["value"] == [0, 1, 10, 11, 20, 21]
assert got.metrics("warm", as_="lists")["value"] == [1]
assert got.metrics("loss", as_="lists", part=True)["step"] == [4, 5]
frame = got.metrics("loss")
assert len(frame["step"]) == 6 and len(got.metrics("loss", part=True)["step"]) == 2
try:
    got.metrics("none", as_="lists")
    print("taken")
except gitruns.errors.Error as e:
    assert "none" in str(e), e
""")

    def test_runs_lists_a_chain_once(self) -> None:
        done = self.python("""
import gitruns
for part in range(3):
    with gitruns.init(id="long", name="part%d" % part, resume="allow") as run:
        for i in range(10): run.log({"loss": 10 * part + i})
        run.log({"text": str(part)})
gitruns.init(name="other").finish()
def listed(*words, **more):
    return [(r.name, len(r.metrics("loss", as_="lists")["step"]) if "loss" in r.best else 0, len(r.values()))
            for r in gitruns.runs(*words, **more)]
print(listed())
print(listed(parts=True))
print(listed("metrics.loss.min < 5"), listed("metrics.loss.min < 5", parts=True), listed("metrics.loss.last < 15"))
print(listed(n=1), listed(n=2), listed(n=2, parts=True), listed(sort="loss:desc", n=1))
part = gitruns.runs(parts=True)[1]
print(len(part.history("loss")[0]), len(part.metrics("loss", as_="lists", part=False)["step"]),
      len(part.metrics("loss")["step"]))
part._repr_html_(), gitruns.runs()._repr_html_()
try:
    gitruns.runs(n=-1)
except gitruns.errors.UsageError as e:
    print(e)
""")
        self.assertEqual(
            done.stdout.splitlines(),
            [
                "[('other', 0, 0), ('part2', 30, 3)]",
                "[('other', 0, 0), ('part2', 10, 1), ('part1', 10, 1), ('part0', 10, 1)]",
                "[('part2', 30, 3)] [('part0', 10, 1)] []",
                "[('other', 0, 0)] [('other', 0, 0), ('part2', 30, 3)] "
                "[('other', 0, 0), ('part2', 10, 1)] [('part2', 30, 3)]",
                "10 30 10",
                "gitruns.runs: n must be an integer of 0 or more, got -1",
            ],
        )

    def test_tags_and_steps_of_media(self) -> None:
        self.python(
            """
import gitruns
with gitruns.init(id="m", resume="allow", tags=["a"], job_type="train") as run:
    run.log({"loss": 1.0})
    run.log({"html": gitruns.Html("<b>x</b>")}, step=41)
with gitruns.init(id="m", resume="allow", tags=["b"]) as run:
    assert (run.step, run.tags) == (42, ("a", "b")), (run.step, run.tags)
    run.tags += ("c",)
    import os, signal
run = gitruns.init(id="killed", resume="allow")
run.log({"html": gitruns.Html("<b>x</b>")}, step=7)
os.kill(os.getpid(), signal.SIGKILL)
""",
            status=-signal.SIGKILL,
        )
        self.assertEqual(sorted(self.list()[1]["tags"]), ["a", "b", "c", "job_type"])
        self.python("import gitruns\nrun = gitruns.init(id='killed', resume='allow')\nassert run.step == 8, run.step\n")

    def test_allow_without_an_id(self) -> None:
        for words, env in (("resume='allow'", {}), ("", {"WANDB_RESUME": "allow"})):
            self.python(f"import gitruns\nrun = gitruns.init({words})\nassert not run.resumed\n", **env)
        self.assertEqual([r.get("resumes") for r in self.list()], [None, None])

    def test_own_id_from_a_checkpoint(self) -> None:
        self.python("""
import gitruns
run = gitruns.init()
id = run.id
run.log({"a": 1})
run.finish()
again = gitruns.init(id=id, resume="must")
assert again.step == 1 and again.resumed and again.id == id
""")
        self.assertEqual(len([r for r in self.list() if r.get("resumes")]), 1)

    def test_same_id_without_resume(self) -> None:
        done = self.python("""
import gitruns
for _ in range(2):
    gitruns.init(id="same").finish()
""")
        self.assertIn("a run with the id 'same' already exists", done.stderr)
        self.assertEqual([r.get("resumes") for r in self.list()], [None, None])

    def test_after_a_kill(self) -> None:
        source = """
import gitruns, os, signal, sys
run = gitruns.init(resume="auto", project="p")
run.log({"a": run.step})
if len(sys.argv) > 1:
    os.kill(os.getpid(), signal.SIGKILL)
"""
        self.python(source, "die", status=-signal.SIGKILL)
        self.python(source, "die", status=-signal.SIGKILL)
        self.python(source)
        chain = self.list()
        self.assertEqual(sum(r["metrics"]["a"]["count"] for r in chain), 3)
        self.assertEqual(sorted(v for r in chain for _, v in self.points("a", r["id"])), [0.0, 1.0, 2.0])
        self.assertEqual(chain[0]["status"], "finished")
        self.python(source)
        self.assertNotIn("resumes", self.show())

    def test_requeue(self) -> None:
        source = (
            "import gitruns, os, signal, sys\nrun = gitruns.init(resume='auto')\n"
            "run.log({'a': run.step})\n"
            "if len(sys.argv) > 1: os.kill(os.getpid(), signal.SIGTERM)\n"
        )
        self.python(source, "die", status=-signal.SIGTERM, SLURM_JOB_ID="42")
        self.python(source, SLURM_JOB_ID="43")
        self.assertNotIn("resumes", self.show())
        self.python(source, SLURM_JOB_ID="42")
        r = self.show()
        self.assertEqual((r["key"], self.points("a")), ("42", [(0, 0.0), (1, 1.0)]))
        self.assertTrue(r["resumes"])

    def test_in_progress(self) -> None:
        self.python("""
import gitruns, subprocess, sys, os
run = gitruns.init(id="busy", reinit="create_new")
code = '''
import gitruns
try:
    gitruns.init(id='busy', resume='allow')
except gitruns.errors.UsageError as e:
    print(e)
'''
out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
assert "in progress" in out, out
""")

    def test_next_command_ends_what_is_gone(self) -> None:
        self.python(
            "import gitruns, os, signal\nrun = gitruns.init()\nrun.log({'a': 1})\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n",
            status=-signal.SIGKILL,
        )
        self.python("import gitruns\ngitruns.init()\n")
        self.assertEqual([r["status"] for r in reversed(self.list())], ["crashed", "finished"])

    def test_sidecar(self) -> None:
        self.python(
            "import gitruns, os, signal\nrun = gitruns.init()\nrun.log({'a': 1})\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n",
            status=-signal.SIGKILL,
            RUNS_SIDECAR="1",
        )
        import time

        active = os.path.join(self.dir, ".runs", "active")
        for _ in range(2000):
            if not [n for n in os.listdir(active) if n != ".gitignore"]:
                break
            time.sleep(0.05)
        self.assertEqual(os.listdir(active), [".gitignore"])
        self.assertEqual(self.show()["status"], "crashed")


if __name__ == "__main__":
    unittest.main()
