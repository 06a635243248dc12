"""A program without a file descriptor left, and handlers that log at any moment, lose no row and no status."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest

from project import Project

FULL = """
import gitruns, resource, sys
run = gitruns.init()
WARM
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
keep = []
try:
    while True: keep.append(open("/dev/null"))
except OSError:
    pass
"""


@unittest.skipIf(os.name == "nt", "limits of Unix")
class Descriptors(Project):
    def ends(self, source: str, status: int = 0, warm: str = "") -> tuple:
        done = self.python(FULL.replace("WARM", warm) + source, status=status)
        self.assertNotIn("lost_rows", done.stderr)
        r = self.show()
        return r["status"], r.get("exit_code"), len(self.points("loss"))

    def test_rows_and_status(self) -> None:
        rows = "for i in range(1, 10): run.log({'loss': i, 'text': 'x', 'list': [1, 2]})\n"
        for warm, count in (("", 9), ("run.log({'loss': 0})", 10)):
            self.assertEqual(self.ends(rows, warm=warm), ("finished", None, count))
            self.assertEqual(self.ends(rows + "sys.exit(3)\n", 3, warm), ("failed", 3, count))
            self.assertEqual(self.ends(rows + "raise ValueError('bad')\n", 1, warm), ("failed", 1, count))
            self.assertEqual(self.ends(rows + "run.finish()\n", 0, warm), ("finished", None, count))

    def test_every_call(self) -> None:
        """None raises, and what the run keeps is complete."""
        source = """
run.log({"loss": 1.0, "image": gitruns.Image([[0, 128], [255, 64]]), "html": gitruns.Html("<p>x</p>"),
    "hist": gitruns.Histogram([1, 2, 3]), "many": list(range(100)),
    "table": gitruns.Table(columns=["a"], data=[[1]]), "plot": gitruns.plot.line_series([1, 2], [[3, 4]])})
run.config.update({"a": 1}); run.summary["s"] = 2
gitruns.define_metric("x", summary="min"); run.tags += ("t",); run.name = "renamed"; run.notes = "note"
run.alert("title", "text"); run.mark_preempting(); gitruns.log_dataset("train.py"); hasattr(run, "nothing")
run.url, run.dir, run.path
run.save("train.py"); gitruns.log_artifact("train.py", name="own", type="code"); gitruns.watch([])
"""
        self.assertEqual(self.ends(source), ("finished", None, 1))
        r = self.show()
        self.assertEqual((r["name"], r["tags"], r["note"]), ("renamed", {"t": "yes"}, "note"))
        self.assertEqual(len(r.get("artifacts", [])), 8, r.get("artifacts"))

    def test_workers(self) -> None:
        source = """
import os
pids = []
for k in range(2):
    pid = os.fork()
    if pid == 0:
        for i in range(5): gitruns.log({"loss": i})
        os._exit(0)
    pids.append(pid)
for pid in pids: assert os.waitpid(pid, 0)[1] == 0
"""
        self.assertEqual(self.ends(source), ("finished", None, 10))

    def test_a_program_that_closes_all_descriptors(self) -> None:
        """The spare descriptors are gone, and their numbers belong to the program's own files."""
        self.python("""
import gitruns, os
run = gitruns.init()
os.closerange(3, 100)
files = [open("train.py") for _ in range(20)]
run.log({"loss": 1.0})
run.finish()
for f in files: assert f.read()
""")
        self.assertEqual((self.show()["status"], len(self.points("loss"))), ("finished", 1))


@unittest.skipIf(os.name == "nt", "limits of Unix")
class Space(Project):
    def lost(self) -> tuple:
        r = self.show()
        return r["status"], r.get("exit_code"), r["metrics"]["a"]["count"], int(r.get("tags", {}).get("lost_rows", 0))

    def test_a_journal_that_may_not_grow(self) -> None:
        for end, status, code in (("", "finished", None), ("import sys; sys.exit(3)\n", "failed", 3)):
            self.python(
                "import gitruns, resource\nrun = gitruns.init()\n"
                "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, resource.RLIM_INFINITY))\n"
                "for i in range(3000): run.log({'a': i})\n" + end,
                status=code or 0,
            )
            self.runs("recover")
            found = self.lost()
            self.assertEqual(found[:2], (status, code))
            self.assertEqual(found[2] + found[3], 3000, found)
            self.assertGreater(found[3], 0)

    def test_a_process_of_exec_and_its_fork(self) -> None:
        """Each counts what it lost itself, and the finish adds the numbers."""
        self.write(
            "train.py",
            "import gitruns, os, resource\nrun = gitruns.init()\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, resource.RLIM_INFINITY))\n"
            "pid = os.fork()\nfor i in range(3000): run.log({'a': i})\n"
            "if pid == 0: os._exit(0)\nassert os.waitpid(pid, 0)[1] == 0\n",
        )
        self.runs("exec", "--", sys.executable, "train.py")
        found = self.lost()
        self.assertEqual((found[0], found[2] + found[3]), ("finished", 6000), found)

    def test_a_full_disk(self) -> None:
        """With room again, the record says how many rows are missing and how the program ended."""
        project = self.dir
        for end, status, code in (("", "finished", None), ("raise ValueError('bad')\n", "failed", 1)):
            self.dir = full = os.path.join(project, status)
            os.mkdir(full)
            mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", full]
            if subprocess.run(mount, capture_output=True, check=False).returncode:
                self.skipTest("only root can mount a small file system")
            self.addCleanup(subprocess.run, ["umount", full], check=True)
            subprocess.run(["git", "init", "-q", full], check=True)
            self.python(
                "import gitruns\ngitruns.init()\nfor i in range(60000): gitruns.log({'a': i})\n" + end,
                status=code or 0,
            )
            subprocess.run(["mount", "-o", "remount,size=40m", full], check=True)
            self.runs("recover")
            found = self.lost()
            self.assertEqual((found[0], found[1], found[2] + found[3]), (status, code, 60000))
            self.assertGreater(found[3], 0)
            self.assertEqual(self.show().get("end_reason"), "ValueError: bad" if code else None)


class Hard(Project):
    def test_os_exit(self) -> None:
        """It runs no hook, so the next command finishes the run, with the status of the call."""
        for code, status in ((0, "finished"), (3, "failed")):
            self.python(f"import gitruns, os\ngitruns.init()\ngitruns.log({{'a': 1}})\nos._exit({code})\n", status=code)
            self.runs("recover")
            r = self.show()
            self.assertEqual((r["status"], r["exit_code"], len(self.points("a"))), (status, code, 1))
        self.python(
            "import os\nbefore = os._exit\nimport gitruns\ngitruns.init().finish()\nassert os._exit is before\n"
        )


@unittest.skipIf(os.name == "nt", "signals of Unix")
class Handlers(Project):
    def test_a_handler_that_logs_during_the_first_row(self) -> None:
        self.python("""
import gitruns, signal
run = gitruns.init()
count = 0
def handler(*_):
    global count
    count += 1
    gitruns.log({"signal": 1, "text": "x"})
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
for i in range(2000): gitruns.log({"loss": i, "note": "y"})
while not count: pass
signal.setitimer(signal.ITIMER_REAL, 0)
run.summary["count"] = count
""")
        r = self.show()
        self.assertEqual((r["status"], len(self.points("loss"))), ("finished", 2000))
        self.assertEqual(len(self.points("signal")), r["summary"]["count"])


class Shutdown(Project):
    def test_what_logs_while_the_interpreter_ends(self) -> None:
        """Functions of atexit log before the run ends, whichever was registered first. Later ones are told once."""
        done = self.python("""
import atexit, gitruns, threading, time
def early(): gitruns.log({"early": 1.0})
run = gitruns.init()
def late(): run.log({"late": 1.0})
atexit.register(late)
class Deleted:
    def __del__(self): run.log({"deleted": 1.0})
keep = Deleted()
keep.me = keep
def loop():
    while True:
        run.log({"thread": 1.0}); time.sleep(0.001)
threading.Thread(target=loop, daemon=True).start()
while not run.step: pass
""")
        self.assertNotIn("Traceback", done.stderr)
        r = self.show()
        self.assertEqual(r["status"], "finished")
        self.assertIn("late", r["metrics"])
        self.assertGreater(len(self.points("thread")), 0)


if __name__ == "__main__":
    unittest.main()
