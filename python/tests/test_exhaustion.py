"""A program without a file descriptor left, and handlers that log at any moment, lose no row and no status."""

from __future__ import annotations

import os
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
