"""Ends of a program that are easily misread: a caught exit, hooks of others, odd exit codes, a `runs` that hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import unittest

from project import Project

HEAD = "import gitruns, sys, os\nrun = gitruns.init()\nrun.log({'a': 1.0})\n"


class Exit(Project):
    def ends(self, source: str, status: int = 0) -> tuple:
        done = self.python(HEAD + source, status=status)
        r = self.show()
        return r["status"], r.get("exit_code"), "exit status unknown" in done.stderr

    def test_an_exit_that_is_caught(self) -> None:
        for source in (
            "try:\n    sys.exit(3)\nexcept SystemExit:\n    pass\n",
            "def f():\n    try:\n        sys.exit(3)\n    except SystemExit as e:\n"
            "        return e.code\nf()\nrun.log({'a': 2.0})\n",
            "try:\n    exit(3)\nexcept SystemExit as e:\n    kept = e\n",
        ):
            self.assertEqual(self.ends(source), ("finished", None, False), source)

    def test_an_exit_that_is_not(self) -> None:
        self.assertEqual(self.ends("sys.exit(3)\n", 3), ("failed", 3, False))
        self.assertEqual(
            self.ends("try:\n    sys.exit(4)\nfinally:\n    run.log({'a': 2.0})\n", 4), ("failed", 4, False)
        )
        self.assertEqual(
            self.ends(
                "def f():\n    try:\n        sys.exit(4)\n    except SystemExit as e:\n"
                "        sys.exit(e.code + 1)\nf()\n",
                5,
            ),
            ("failed", 5, False),
        )
        self.assertEqual(
            self.ends("try:\n    sys.exit(3)\nexcept SystemExit:\n    pass\nsys.exit(0)\n", 0), ("finished", 0, False)
        )

    def test_an_exit_that_nobody_sees(self) -> None:
        self.assertEqual(self.ends("raise SystemExit(3)\n", 3), ("finished", None, True))
        self.assertEqual(
            self.ends("try:\n    sys.exit(3)\nexcept SystemExit:\n    pass\nraise SystemExit(5)\n", 5),
            ("finished", None, True),
        )
        self.assertEqual(self.ends("print()\n"), ("finished", None, False))

    def test_a_hook_of_others(self) -> None:
        hooks = ("sys.excepthook = lambda *a: None\n", "old = sys.excepthook\nsys.excepthook = lambda *a: old(*a)\n")
        for hook in hooks:
            self.python(HEAD + hook + "raise ValueError('bad')\n", status=1)
            r = self.show()
            self.assertEqual((r["status"], r.get("end_reason")), ("failed", "ValueError: bad"))

    def test_the_last_exception_of_a_program_that_goes_on(self) -> None:
        source = "try:\n    raise ValueError('seen')\nexcept ValueError as e:\n    sys.last_exc = sys.last_value = e\n"
        self.assertEqual(self.ends(source), ("finished", None, False))
        self.assertEqual(self.ends(source + "sys.exit(0)\n"), ("finished", 0, False))

    def test_a_hook_between_two_runs(self) -> None:
        done = self.python(
            HEAD
            + (
                "old = sys.excepthook\nsys.excepthook = lambda *a: old(*a)\nrun.finish()\n"
                "gitruns.init()\nraise ValueError('bad')\n"
            ),
            status=1,
        )
        self.assertEqual(self.show()["end_reason"], "ValueError: bad")
        self.assertNotIn("RecursionError", done.stderr)

    def test_codes_of_finish(self) -> None:
        self.python(
            HEAD
            + """
for code, kind in ((10**30, ValueError), (256, ValueError), ("x", TypeError), (1.5, TypeError), ([], TypeError)):
    try:
        run.finish(exit_code=code)
    except kind as e:
        assert "finish" in str(e), e
    else:
        print("taken", code)
    run.log({"a": 2.0})
run.finish(exit_code=-9)
"""
        )
        r = self.show()
        self.assertEqual((r["status"], r["exit_code"], len(self.points("a"))), ("failed", -9, 6))

    @unittest.skipIf(os.name == "nt", "signals of Unix")
    def test_one_interrupt_ends_a_program_that_hangs(self) -> None:
        hangs = self.write("hangs", f"#!/bin/sh\necho $$ > {self.dir}/pid\nexec sleep 600\n")
        os.chmod(hangs, 0o755)
        path = self.write("train.py", "import gitruns\ngitruns.init()\n")
        p = subprocess.Popen(
            [sys.executable, path], cwd=self.dir, env=self.env(RUNS_BINARY=hangs), stderr=subprocess.PIPE, text=True
        )
        self.addCleanup(p.kill)
        child = ""
        while not child:
            self.assertIsNone(p.poll(), "the program ended before it called runs")
            if os.path.exists(os.path.join(self.dir, "pid")):
                with open(os.path.join(self.dir, "pid"), encoding="utf-8") as f:
                    child = f.read().strip()
            time.sleep(0.01)
        p.send_signal(signal.SIGINT)
        _, err = p.communicate(timeout=300)
        self.assertIn("KeyboardInterrupt", err)
        with self.assertRaises(ProcessLookupError):
            os.kill(int(child), 0)

    @unittest.skipIf(os.name == "nt", "signals of Unix")
    @unittest.skipIf(sys.version_info < (3, 11), "older Pythons trace calls in another way")
    def test_an_interrupt_at_any_moment_of_a_call(self) -> None:
        """The program that was started ends too, also if the signal comes just after its start."""
        self.python("""
import gitruns, os, signal, sys
from gitruns import _binary
with open(_binary.__file__) as f: lines = f.read().splitlines()
at = next(n for n, line in enumerate(lines, 1) if "map(spawn" in line)
class Interrupt(Exception): pass
def step(frame, event, arg):
    global left
    if frame.f_code.co_name == "_spawn" and frame.f_code.co_filename == _binary.__file__:
        frame.f_trace_opcodes = True
        # Python delivers no signal at the beginning of a try block, and does not protect that instruction.
        line = frame.f_lineno or 0
        if line >= at and lines[line - 1].strip() != "try:":
            left -= 1
            if left == 0: raise Interrupt
    return step
for n in range(1, 60):
    left = n
    sys.settrace(step)
    try:
        _binary._spawn("/bin/sleep", ["/bin/sleep", "0.3"], b"", None)
        raise SystemExit("no interrupt")
    except (Interrupt, ValueError):  # in Python 3.9 a dict() that is interrupted raises ValueError
        pass
    finally:
        sys.settrace(None)
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
        assert pid, f"a program is left after {n} instructions"
        raise SystemExit(f"a program was not waited for after {n} instructions")
    except ChildProcessError:
        pass
""")


if __name__ == "__main__":
    unittest.main()
