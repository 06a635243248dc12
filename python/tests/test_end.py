"""Runs end with the process, an error or a signal, and rows survive if nothing finishes the run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import unittest

from project import Project

HEAD = "import gitruns, os, sys\nrun = gitruns.init()\nrun.log({'a': 1})\n"


class Exit(Project):
    def ends(self, source: str, code: int, **env: str) -> dict:
        self.python(HEAD + source, status=code, **env)
        return self.show()

    def test_success(self) -> None:
        r = self.ends("", 0)
        self.assertEqual(r["status"], "finished")
        self.assertNotIn("exit_code", r)  # a process cannot see its own `raise SystemExit`

    def test_sys_exit(self) -> None:
        for call in ("sys.exit(3)", "exit(3)", "quit(3)"):
            r = self.ends(call, 3)
            self.assertEqual((r["status"], r["exit_code"]), ("failed", 3), call)
        r = self.ends("sys.exit()", 0)
        self.assertEqual((r["status"], r["exit_code"]), ("finished", 0))
        r = self.ends("sys.exit('no data')", 1)
        self.assertEqual((r["status"], r["exit_code"], r["end_reason"]), ("failed", 1, "no data"))

    def test_exception(self) -> None:
        r = self.ends("def f():\n    raise ValueError('bad value')\nf()\n", 1)
        self.assertEqual((r["status"], r["exit_code"], r["end_reason"]), ("failed", 1, "ValueError: bad value"))
        self.runs("artifacts", r["id"], "traceback.txt", "-o", "trace.txt")
        with open(os.path.join(self.dir, "trace.txt"), encoding="utf-8") as f:
            self.assertIn("in f\n    raise ValueError", f.read())

    def test_context(self) -> None:
        self.python("""
import gitruns
try:
    with gitruns.init():
        raise KeyError("x")
except KeyError:
    pass
assert gitruns.run is None
try:
    with gitruns.init():
        raise KeyboardInterrupt
except KeyboardInterrupt:
    pass
gitruns.init()
gitruns.finish(2)
""")
        self.assertEqual(
            [(r["status"], r.get("end_reason")) for r in reversed(self.list())],
            [("failed", "KeyError: 'x'"), ("killed", "interrupted"), ("failed", None)],
        )

    def test_handlers_are_given_back(self) -> None:
        self.python("""
import gitruns, sys, signal, builtins
def hook(*a): pass
sys.excepthook = hook
before = (sys.excepthook, sys.exit, builtins.exit, signal.getsignal(signal.SIGTERM))
gitruns.init()
assert sys.excepthook is not hook
gitruns.finish()
assert (sys.excepthook, sys.exit, builtins.exit, signal.getsignal(signal.SIGTERM)) == before
""")

    def start(self, source: str, **env: str) -> subprocess.Popen:
        path = self.write("train.py", HEAD + source)
        p = subprocess.Popen(
            [sys.executable, path],
            cwd=self.dir,
            env=self.env(**env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        assert p.stdout is not None
        self.assertEqual(p.stdout.readline(), "ready\n")
        return p

    WAIT = "print('ready', flush=True)\nimport time\nfor i in range(6000): time.sleep(0.01)\n"

    def test_sigterm(self) -> None:
        p = self.start(self.WAIT)
        p.terminate()
        p.communicate(timeout=300)
        self.assertEqual(p.returncode, -signal.SIGTERM)
        r = self.show()
        self.assertEqual((r["status"], r["signal"], r.get("end_reason")), ("killed", "SIGTERM", None))

    def test_preempted(self) -> None:
        for name in ("SIGTERM", "SIGUSR1"):
            p = self.start(self.WAIT, SLURM_JOB_ID="77")
            p.send_signal(getattr(signal, name))
            p.communicate(timeout=300)
            r = self.show()
            self.assertEqual((r["status"], r["signal"], r["end_reason"]), ("killed", name, "preempted"))

    def test_own_handler(self) -> None:
        path = "import signal\nsignal.signal(signal.SIGTERM, lambda *a: (print('mine', flush=True), sys.exit(0)))\n"
        p = subprocess.Popen(
            [
                sys.executable,
                self.write("train.py", path.replace("signal.signal", "import sys; signal.signal") + HEAD + self.WAIT),
            ],
            cwd=self.dir,
            env=self.env(SLURM_JOB_ID="7"),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert p.stdout is not None
        p.stdout.readline()
        p.terminate()
        out, _ = p.communicate(timeout=300)
        self.assertEqual((p.returncode, out), (0, "mine\n"))
        r = self.show()
        self.assertEqual((r["status"], r["end_reason"], r["exit_code"]), ("killed", "preempted", 0))

    def test_interrupt(self) -> None:
        p = self.start(self.WAIT)
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=300)
        r = self.show()
        self.assertEqual((r["status"], r["end_reason"]), ("killed", "interrupted"))

    def test_sigkill(self) -> None:
        """A row is on disk as soon as log has returned."""
        rounds = int(os.environ.get("RUNS_TEST_KILLS", "5"))
        for i in range(rounds):
            p = self.start(
                "import time\nn = 0\nprint('ready', flush=True)\nwhile True:\n"
                "    run.log({'n': n, 'x': n / 3}, step=n)\n    os.write(1, b'%d\\n' % n)\n"
                "    n += 1\n"
            )
            time.sleep(random.Random(i).uniform(0, 0.05))
            p.kill()
            out, _ = p.communicate(timeout=300)
            whole = [line for line in out.splitlines(keepends=True) if line.endswith("\n")]
            last = int(whole[-1]) if whole else -1
            self.runs("recover")
            r = self.show()
            self.assertEqual(r["status"], "crashed")
            points = self.points("n") if "n" in r["metrics"] else []
            self.assertEqual(points, [(k, float(k)) for k in range(len(points))])
            self.assertGreaterEqual(len(points), last + 1)


class Processes(Project):
    def test_threads_and_forks(self) -> None:
        self.python("""
import gitruns, os, threading
run = gitruns.init()
def work(name, n):
    for i in range(n):
        run.log({name: i, name + "/b": i / 7}, step=i)
threads = [threading.Thread(target=work, args=("t%d" % k, 500)) for k in range(8)]
for t in threads: t.start()
pids = []
for k in range(4):
    pid = os.fork()
    if pid == 0:
        work("f%d" % k, 500)
        run.finish()
        os._exit(0)
    pids.append(pid)
for t in threads: t.join()
for pid in pids: assert os.waitpid(pid, 0)[1] == 0
run.log({"last": 1})
""")
        r = self.show()
        self.assertEqual(r["status"], "finished")
        for key in [f"t{k}" for k in range(8)] + [f"f{k}" for k in range(4)]:
            self.assertEqual(self.points(key), [(i, float(i)) for i in range(500)], key)
        self.assertNotIn("aside.jsonl", r["files"])
        self.assertEqual(len(self.list()), 1)

    def test_forked_child_that_exits(self) -> None:
        self.python("""
import gitruns, os, sys
run = gitruns.init()
pid = os.fork()
if pid == 0:
    run.log({"child": 1})
    sys.exit(3)
os.waitpid(pid, 0)
run.log({"parent": 1})
""")
        r = self.show()
        self.assertEqual((r["status"], sorted(r["metrics"])), ("finished", ["child", "parent"]))

    def test_children_of_multiprocessing(self) -> None:
        for method in ("spawn", "fork"):
            self.write("mp.py", "")
            self.python(f"""
import gitruns, multiprocessing
def work(run, k):
    run.log({{"child%d" % k: k}})
if __name__ == "__main__":
    multiprocessing.set_start_method({method!r})
    run = gitruns.init()
    ps = [multiprocessing.Process(target=work, args=(run, k)) for k in range(2)]
    for p in ps: p.start()
    for p in ps: p.join()
    assert all(p.exitcode == 0 for p in ps)
    run.log({{"parent": 1}})
""")
            r = self.show()
            self.assertEqual((r["status"], sorted(r["metrics"])), ("finished", ["child0", "child1", "parent"]), method)

    def test_several_processes_of_one_run(self) -> None:
        self.write(
            "child.py",
            "import gitruns\nwith gitruns.init(mode='shared', config={'child': 1}) as r:\n    r.log({'c': 1})\n",
        )
        self.python("""
import gitruns, subprocess, sys, os
run = gitruns.init(config={"lr": 1})
subprocess.run([sys.executable, "child.py"], check=True)
subprocess.run([os.environ["RUNS_BINARY"], "log", "shell=3"], check=True)
run.log({"p": 1})
run.finish()
assert "RUNS_ID" not in os.environ
""")
        runs = self.list()
        self.assertEqual(len(runs), 1)
        self.assertEqual(sorted(runs[0]["metrics"]), ["c", "p", "shell"])
        self.assertEqual(runs[0]["params"], {"lr": 1, "child": 1})

    def test_inside_exec(self) -> None:
        self.write(
            "train.py",
            "import gitruns\nfor i in range(2):\n"
            "    with gitruns.init(name='n%d' % i, config={'i': i}, tags=['t']) as r:\n"
            "        r.log({'a': i})\n",
        )
        self.runs("exec", "-p", "lr=0.1", "--", sys.executable, "train.py")
        runs = {r["name"]: r for r in self.list()}
        self.assertEqual(runs["n0"]["params"], {"i": 0, "lr": 0.1})
        self.assertEqual(
            (runs["n0"]["status"], runs["n0"]["exit_code"], runs["n0"]["tags"]), ("finished", 0, {"t": "yes"})
        )
        self.assertEqual(runs["n1"]["parent"], runs["n0"]["id"])

    def test_inside_exec_with_a_project_and_with_an_id(self) -> None:
        self.write("train.py", "import gitruns\nwith gitruns.init(project='w', group='g') as r:\n    r.log({'a': 1})\n")
        self.runs("exec", "--", sys.executable, "train.py")
        run = self.show()
        self.assertEqual((run["experiment"], run["group"], run.get("tags")), ("w", "g", None))
        self.runs("exec", "-e", "own", "--group", "starter", "--", sys.executable, "train.py")
        run = self.show()
        self.assertEqual(
            (run["experiment"], run["group"], run["tags"]), ("own", "starter", {"project": "w", "group": "g"})
        )
        self.write("train.py", "import gitruns\nwith gitruns.init(id='x', resume='allow') as r:\n    r.log({'a': 1})\n")
        for _ in range(2):
            self.runs("exec", "--", sys.executable, "train.py")
        own = [r for r in self.list() if r.get("key") == "x"]
        self.assertEqual([bool(r.get("resumes")) for r in own], [True, False])
        self.assertEqual([bool(r.get("parent")) for r in own], [True, False])

    def test_full_disk(self) -> None:
        done = self.python("""
import gitruns, os, errno
run = gitruns.init()
run.log({"a": 0})
import gitruns._journal as j, gitruns._run as r
real, state = j._write, {"full": False}
def write(fd, data):
    if fd == run._journal.fd and state["full"]:
        real(fd, bytes(data)[:10])
        return 10
    return real(fd, data)
j._write = r._os_write = write
run.log({"a": 1})
state["full"] = True
for i in range(3): run.log({"a": 2})
run.summary["x"] = 1
state["full"] = False
run.log({"a": 3})
""")
        r = self.show()
        self.assertEqual([v for _, v in self.points("a")], [0.0, 1.0, 2.0, 3.0])
        self.assertEqual(r["tags"], {"lost_rows": "2"})
        self.assertEqual(done.stderr.count("warning: recording fails"), 1)

    def test_no_stdio(self) -> None:
        path = self.write(
            "train.py",
            "import gitruns, os\nrun = gitruns.init()\nrun.log({'a': 1})\nprint('to nobody')\nrun.log({'a': 2})\n",
        )
        subprocess.run(
            ["sh", "-c", f'exec "{sys.executable}" "{path}" <&- >&- 2>&-'],
            cwd=self.dir,
            env=self.env(),
            check=False,
            timeout=300,
        )
        self.assertEqual(self.points("a"), [(0, 1.0), (1, 2.0)])

    def test_a_hundred_rows_a_journal(self) -> None:
        self.python(
            "import gitruns\nrun = gitruns.init()\nfor i in range(100): run.log({'a': i})\nprint(run._folder)\n",
            RUNS_SIDECAR="1",
        )
        self.assertEqual(len(self.points("a")), 100)
        self.assertEqual(json.loads(self.runs("ls", "--json"))[0]["status"], "finished")


if __name__ == "__main__":
    unittest.main()
