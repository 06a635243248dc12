"""Recording survives what a program does to its descriptors and folders, and reports what exceeds a bound."""

from __future__ import annotations

import os
import sys
import unittest

from project import Project


class Steps(Project):
    def test_a_step_of_more_than_64_bits(self) -> None:
        done = self.python("""
import gitruns
run = gitruns.init()
run.log({"loss": 1.0})
for step in (2**63, -2**63 - 1, 10**5000):
    run.log({"loss": 2.0}, step=step)
    run.log({"text": "t"}, step=step)
assert run.step == 1, run.step
for i in range(50): run.log({"loss": 3.0})
run.log({"last": 1.0}, step=2**63 - 1, commit=True)
for i in range(3): run.log({"last": 2.0 + i})
assert run.step == 2**63 - 1
""")
        self.assertEqual(done.stderr.count("does not fit in 64 bits"), 1, done.stderr)
        self.assertEqual(self.points("loss"), [(0, 1.0)] + [(1, 2.0)] * 3 + [(1 + i, 3.0) for i in range(50)])
        self.assertEqual([v for _, v in self.points("last")], [1.0, 2.0, 3.0, 4.0])
        self.assertNotIn("aside.jsonl", self.show()["files"])

    @unittest.skipIf(os.name == "nt", "signals of Unix")
    def test_a_row_in_a_signal_handler_has_its_own_step(self) -> None:
        self.python("""
import gitruns, os, signal
import gitruns._run as j
run = gitruns.init()
run.log({"a": 1.0}); run.log({"b": 1.0})
signal.signal(signal.SIGUSR1, lambda *_: run.log({"b": 2.0}))
write = j._os_write
def interrupted(fd, line):
    j._os_write = write
    os.kill(os.getpid(), signal.SIGUSR1)
    return write(fd, line)
j._os_write = interrupted
run.log({"a": 2.0})
run.log({"a": 3.0})
""")
        self.assertEqual(self.points("a"), [(0, 1.0), (2, 2.0), (4, 3.0)])
        self.assertEqual(self.points("b"), [(1, 1.0), (3, 2.0)])


@unittest.skipIf(os.name == "nt", "descriptors of Unix")
class Descriptors(Project):
    def test_files_that_get_the_descriptor(self) -> None:
        """If a program closes all descriptors, its later files have only its own content, and no row is lost."""
        for row in ('{"a": float(i)}', '{"a": float(i), "t": "text"}'):
            self.python(f"""
import gitruns, os, socket
run = gitruns.init()
def log(i): run.log({row}, step=i)
log(0); log(1)
os.closerange(3, 256)
for i in range(30): os.open("own%d" % i, os.O_RDWR | os.O_CREAT)
log(2); log(3)
os.closerange(3, 256)
pipes = [os.pipe() for i in range(20)]
log(4)
os.closerange(3, 256)
log(5)
os.closerange(3, 256)
files = [os.open("last%d" % i, os.O_RDWR | os.O_CREAT | os.O_TRUNC) for i in range(30)]
run.finish()
for f in files: os.write(f, b"x")
""")
            self.assertEqual(self.points("a"), [(i, float(i)) for i in range(6)])
            for i in range(30):
                self.assertEqual(os.path.getsize(os.path.join(self.dir, f"own{i}")), 0)
                self.assertEqual(os.path.getsize(os.path.join(self.dir, f"last{i}")), 1)

    def test_a_file_whose_position_is_that_of_the_journal(self) -> None:
        self.python("""
import gitruns, os, time
import gitruns._journal as j
run = gitruns.init()
run.log({"a": 0.0}); run.log({"a": 1.0})
journal = run._journal
with open("own", "wb") as f: f.write(b"x" * journal.at)
own = os.open("own", os.O_WRONLY | os.O_APPEND)
os.lseek(own, 0, 2)
os.dup2(own, journal.fd)
journal.due = 0.0  # the journal checks its descriptor now
run.log({"a": 2.0})
assert os.path.getsize("own") == os.lseek(own, 0, 1)
""")
        self.assertEqual(self.points("a"), [(0, 0.0), (1, 1.0), (2, 2.0)])

    def test_a_daemon(self) -> None:
        self.python("""
import gitruns, os
run = gitruns.init()
run.log({"parent": 1.0})
pid = os.fork()
if pid == 0:
    run.log({"child": 1.0}, step=5)
    os.closerange(3, 256)
    for i in range(9): os.open("own%d" % i, os.O_RDWR | os.O_CREAT)
    run.log({"child": 2.0}, step=6)
    os._exit(0)
os.waitpid(pid, 0)
run.log({"parent": 2.0})
""")
        self.assertEqual(self.points("child"), [(5, 1.0), (6, 2.0)])
        self.assertEqual(self.points("parent"), [(0, 1.0), (1, 2.0)])
        self.assertEqual({os.path.getsize(os.path.join(self.dir, f"own{i}")) for i in range(9)}, {0})


class Folders(Project):
    def test_the_folder_is_removed(self) -> None:
        done = self.python("""
import gitruns, shutil, time
run = gitruns.init()
run.log({"a": 1.0})
shutil.rmtree(run._folder)
time.sleep(0.3)
for i in range(5): run.log({"a": 2.0})
""")
        self.assertEqual(done.stderr.count("the journal was removed"), 1, done.stderr)
        self.assertNotIn("safe in", done.stderr)
        self.assertIn("5 rows or values", done.stderr)

    def test_the_journal_is_removed(self) -> None:
        self.python("""
import gitruns, glob, os, time
run = gitruns.init()
run.log({"a": 1.0})
for path in glob.glob(os.path.join(run._folder, "journal-*")): os.remove(path)
time.sleep(0.3)
run.log({"a": 2.0})
""")
        self.assertEqual(self.points("a"), [(1, 2.0)])

    @unittest.skipIf(sys.platform != "linux", "limits as Linux has them")
    def test_a_limit_of_the_size_of_a_file(self) -> None:
        done = self.python("""
import gitruns, resource
run = gitruns.init()
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
for i in range(200): run.log({"a": float(i)})
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
""")
        r = self.show()
        self.assertEqual(int(r["tags"]["lost_rows"]) + len(self.points("a")), 200)
        self.assertIn("ulimit", done.stderr)
        self.assertNotIn("free some space", done.stderr)

    def test_a_journal_that_cannot_be_made(self) -> None:
        done = self.python("""
import gitruns, os
import gitruns._journal as j
real = os.open
def refuse(path, *args, **more):
    if "journal-" in str(path): raise OSError(13, "Permission denied", path)
    return real(path, *args, **more)
os.open = refuse
run = gitruns.init()
for i in range(7): run.log({"a": float(i)})
os.open = real
run.finish()
""")
        self.assertEqual(self.show()["tags"], {"lost_rows": "7"})
        self.assertIn("Permission denied", done.stderr)
        self.assertNotIn("free some space", done.stderr)


class Bounds(Project):
    def test_a_config_of_too_many_values(self) -> None:
        done = self.python("""
import gitruns
run = gitruns.init(config={"lr": 0.1})
run.config.update({"before": 1, "table": list(range(900)), "big": {str(i): i for i in range(12000)}, "after": 2})
assert len(run.config.big) == 12000
run.log({"a": 1.0})
""")
        r = self.show()
        self.assertEqual((r["params"]["lr"], r["params"]["before"], len(r["params"]["table"])), (0.1, 1, 900))
        self.assertGreater(len(r["params"]["big"]), 9000)
        self.assertEqual(done.stderr.count("not recorded"), 1)
        self.assertEqual(int(r["tags"]["lost_rows"]), 12000 - len(r["params"]["big"]) + 1)
        self.assertNotIn("aside.jsonl", r["files"])

    def test_init_with_too_many_values(self) -> None:
        done = self.python(
            "import gitruns\nrun = gitruns.init(config={'k%d' % i: i for i in range(10001)})\nrun.log({'a': 1.0})\n"
        )
        r = self.show()
        self.assertEqual(len(r["params"]) + int(r["tags"]["lost_rows"]), 10001)
        self.assertIn("not recorded", done.stderr)

    def test_init_with_more_than_a_request(self) -> None:
        self.python(
            """
import gitruns
run = gitruns.init(config={"t%d" % i: "x" * 60000 for i in range(300)},
                   tags={"tag%d" % i: "y" * 60000 for i in range(10)}, notes="n")
run.config.update({"lr": 0.1})
run.log({"a": 1.0})
""",
            *["word" * 10 for _ in range(20000)],
        )
        r = self.show()
        self.assertEqual(
            (self.points("a"), r["note"], r["tags"]["tag9"][:1], r["command"][-1]), ([(0, 1.0)], "n", "y", "…")
        )
        self.assertGreater(len(r["params"]), 30)

    def test_a_summary_of_too_many_values(self) -> None:
        done = self.python("""
import gitruns
run = gitruns.init()
run.summary.update({"s%d" % i: i for i in range(4000)})
run.summary.update({"l%d" % i: list(range(900)) for i in range(40)})
run.summary.update({"z": [list(range(900)) for _ in range(20)]})
run.summary.update({"k%d" % i: i for i in range(2000)})
run.summary.update({"s1": -1})
""")
        r = self.show()
        self.assertEqual(
            (r["summary"]["s1"], len(r["summary"]["l5"]), "l6" in r["summary"], "z" in r["summary"]),
            (-1, 900, False, False),
        )
        self.assertEqual(int(r["tags"]["lost_rows"]) + len(r["summary"]), 4000 + 40 + 1 + 2000)
        self.assertEqual(done.stderr.count("not recorded"), 1)
        self.assertNotIn("aside.jsonl", r.get("files", {}))

    def test_a_row_of_more_than_a_line(self) -> None:
        done = self.python("""
import gitruns
run = gitruns.init()
row = {"t%d" % i: "x" * 60000 for i in range(400)}
row.update(n=1.0, long=["x" * 60000] * 30)
run.log(row)
run.log({"n": 2.0})
""")
        r = self.show()
        self.assertEqual(self.points("n"), [(0, 1.0), (1, 2.0)])
        self.assertEqual(self.runs("metrics", "last", "--values").count("xxxxx") > 0, True)
        self.assertEqual(r["files"]["values.parquet"]["rows"], 400)
        self.assertEqual(r["tags"]["lost_rows"], "1")
        self.assertEqual(done.stderr.count("warning: long was not recorded"), 1)

    def test_more_keys_than_a_run_has(self) -> None:
        done = self.python("""
import gitruns
run = gitruns.init()
run.log({"known": 0.0})
run.log({"k%d" % i: 1.0 for i in range(10500)})
run.log({"fresh": 1.0, "known": 1.0, "other": 2.0})
run.log({"known": 2.0})
""")
        r = self.show()
        self.assertEqual((len(r["metrics"]), r["tags"]["lost_rows"]), (10000, str(10501 + 2 - 10000)))
        self.assertEqual(self.points("known"), [(0, 0.0), (2, 1.0), (3, 2.0)])
        self.assertEqual(done.stderr.count("not recorded"), 1)


if __name__ == "__main__":
    unittest.main()
