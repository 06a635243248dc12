"""Workers of a program record to its run without calling init, however they were started and whatever reaches them."""

from __future__ import annotations

import os
import sys
import unittest

from project import Project

METHODS = ("spawn", "fork", "forkserver") if os.name != "nt" else ("spawn",)


class Workers(Project):
    def check(self, source: str, keys: list, *, selector: str = "last") -> None:
        """Run source with and without exec. The run must have exactly the metrics keys."""
        for method in METHODS:
            for exec in (False, True):
                with self.subTest(method=method, exec=exec):
                    path = self.write("train.py", source.replace("METHOD", repr(method)))
                    if exec:
                        self.runs("exec", "--", sys.executable, path)
                    else:
                        self.python(source.replace("METHOD", repr(method)))
                    r = self.show(selector)
                    self.assertEqual((sorted(r["metrics"]), r["status"]), (sorted(keys), "finished"))
                    self.assertNotIn("lost_rows", r.get("tags", {}))

    def test_processes(self) -> None:
        self.check(
            """
import gitruns, multiprocessing
def work(i):
    for k in range(20): gitruns.log({f"w{i}": k}, step=k)
if __name__ == "__main__":
    gitruns.init()
    context = multiprocessing.get_context(METHOD)
    ps = [context.Process(target=work, args=(i,)) for i in range(2)]
    for p in ps: p.start()
    for p in ps: p.join()
    assert [p.exitcode for p in ps] == [0, 0]
""",
            ["w0", "w1"],
        )
        self.assertEqual([s for s, _ in self.points("w1")], list(range(20)))

    def test_a_pool_in_a_process_of_a_pool(self) -> None:
        self.check(
            """
import gitruns, multiprocessing
from concurrent.futures import ProcessPoolExecutor
def inner(k):
    gitruns.log({f"inner{k}": k})
def outer(k):
    gitruns.log({f"outer{k}": k})
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(METHOD)) as pool:
        list(pool.map(inner, [k]))
if __name__ == "__main__":
    gitruns.init()
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(METHOD)) as pool:
        list(pool.map(outer, range(2)))
""",
            ["inner0", "inner1", "outer0", "outer1"],
        )

    def test_a_fork_server_that_is_older_than_the_run(self) -> None:
        """Its environment has no run, or that of an earlier one."""
        self.python("""
import gitruns, multiprocessing
def work(key):
    if key: gitruns.log({key: 1.0})
def start(key):
    p = multiprocessing.get_context("forkserver").Process(target=work, args=(key,))
    p.start(); p.join()
    return p.exitcode
if __name__ == "__main__":
    assert start("") == 0
    for name in "ab":
        with gitruns.init(name=name):
            assert start("in_" + name) == 0
    assert start("after") == 1
""")
        self.assertEqual([sorted(r["metrics"]) for r in reversed(self.list())], [["in_a"], ["in_b"]])

    def test_a_pool_that_serves_two_runs(self) -> None:
        for method in METHODS:
            with self.subTest(method):
                done = self.python(f"""
import gitruns, multiprocessing
from concurrent.futures import ProcessPoolExecutor
def work(key):
    gitruns.log({{key: 1.0}})
if __name__ == "__main__":
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context({method!r})) as pool:
        for name in "ab":
            gitruns.init(name=name)
            pool.submit(work, "in_" + name).result()
            gitruns.finish()
""")
                self.assertNotIn("warning", done.stderr)
                self.assertNotIn("still have a journal open", done.stderr)  # a worker that is idle delays no finish
                self.assertEqual([sorted(r["metrics"]) for r in self.list()[:2]], [["in_b"], ["in_a"]])

    def test_a_program_that_records_nothing(self) -> None:
        """Its workers do the same: they neither fail nor record to the run of exec."""
        source = f"""
import gitruns, multiprocessing
def work(k):
    gitruns.log({{"w": 1.0}})
if __name__ == "__main__":
    gitruns.init(mode="disabled")
    for method in {METHODS!r}:
        p = multiprocessing.get_context(method).Process(target=work, args=(1,))
        p.start(); p.join()
        assert p.exitcode == 0, method
"""
        self.python(source)
        self.runs("exec", "--", sys.executable, "train.py")
        self.assertEqual([r.get("metrics") for r in self.list()], [None])

    def test_a_run_that_cannot_be_joined(self) -> None:
        done = self.python(
            "import gitruns\ngitruns.log({'a': 1})\ngitruns.log({'a': 2})\n",
            RUNS_DIR=os.path.join(self.dir, "gone"),
            RUNS_ID="20261129-120000-abcdefgh",
        )
        self.assertEqual(done.stderr.count("this process records nothing: joining run"), 1, done.stderr)

    def test_after_finish_a_program_is_told(self) -> None:
        source = "import gitruns\ngitruns.init()\ngitruns.log({'a': 1})\ngitruns.finish()\ngitruns.log({'a': 2})\n"
        self.write("train.py", source)
        self.runs("exec", "--", sys.executable, "train.py", status=1)
        self.assertEqual(len(self.points("a")), 1)


class Pickle(Project):
    def test_every_public_name(self) -> None:
        """A function that a worker gets may mention any of them."""
        self.python("""
import gitruns, pickle, copy
def both(name):
    value = getattr(gitruns, name)
    again = pickle.loads(pickle.dumps(value))
    assert again is value or type(again) is type(value) or isinstance(value, property), name
    return again
names = [n for n in dir(gitruns) if not n.startswith("_")]
# A pickle of the config is a dict, so that a checkpoint can hold it.
modules = {"api", "env", "errors", "plot", "sdk", "data_types", "wandb_run", "util", "tensorboard", "sklearn", "sys",
    "annotations", "integrations", "run", "config"}
for name in names:
    if name not in modules: both(name)
assert pickle.loads(pickle.dumps(gitruns)) is gitruns and copy.deepcopy(gitruns) is gitruns
assert pickle.loads(pickle.dumps(gitruns.save)).__name__ == "save"
run = gitruns.init(config={"a": {"b": 1}})
run.summary["best"] = 2
for name in names:
    if name not in modules: both(name)
assert pickle.loads(pickle.dumps(gitruns)) is gitruns
assert pickle.loads(pickle.dumps(run)) is run
assert pickle.loads(pickle.dumps(run.config)) == {"a": {"b": 1}}
assert pickle.loads(pickle.dumps(run.summary)) is run.summary
assert pickle.loads(pickle.dumps(gitruns.log)) == run.log
""")

    def test_a_worker_that_the_environment_does_not_reach(self) -> None:
        """A scheduler's worker runs already. It gets the run with the module, by pickle, and the next run too."""
        self.write(
            "worker.py",
            "import pickle, sys\nfrom base64 import b64decode\n"
            "for line in sys.stdin:\n"
            "    module, key = pickle.loads(b64decode(line))\n    module.log({key: 1.0})\n"
            "    print('done', flush=True)\n",
        )
        self.python("""
import gitruns, os, pickle, subprocess, sys
from base64 import b64encode
worker = subprocess.Popen([sys.executable, "worker.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
for name in "ab":
    with gitruns.init(name=name):
        for k in range(2):
            worker.stdin.write(b64encode(pickle.dumps((gitruns, f"{name}{k}"))) + b"\\n")
            worker.stdin.flush()
            assert worker.stdout.readline() == b"done\\n"
worker.stdin.close()
assert worker.wait() == 0
""")
        self.assertEqual([sorted(r["metrics"]) for r in reversed(self.list())], [["a0", "a1"], ["b0", "b1"]])

    def test_what_others_make_of_a_function(self) -> None:
        try:
            import cloudpickle  # noqa: F401
            import joblib  # noqa: F401
        except ImportError:
            self.skipTest("cloudpickle and joblib are not installed")
        self.python("""
import gitruns
from joblib import Parallel, delayed
def work(k):
    gitruns.log({f"w{k}": k})
    return k
for name in "ab":
    with gitruns.init(name=name) as run:
        assert Parallel(n_jobs=2)(delayed(work)(k) for k in range(2)) == [0, 1]
        run.log({"parent": 1})
""")
        self.assertEqual([sorted(r["metrics"]) for r in self.list()], [["parent", "w0", "w1"]] * 2)


if __name__ == "__main__":
    unittest.main()
