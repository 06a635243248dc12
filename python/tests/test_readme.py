"""The READMEs: their script runs unchanged, and what they say about console output is true."""

from __future__ import annotations

import os
import sys
import unittest

from project import Project

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Readme(Project):
    def test_script(self) -> None:
        path = os.path.join(ROOT, "README.md")
        if not os.path.isfile(path):
            self.skipTest("the repository's README is not here")
        with open(path, encoding="utf-8") as f:
            lines = f.read().splitlines()
        start = lines.index("# train.py")
        self.python("\n".join(lines[start : lines.index("```", start)]))
        r = self.show()
        self.assertEqual(
            (r["experiment"], r["params"], r["status"], r["metrics"]["loss"]["count"]),
            ("penguins", {"lr": 0.1}, "finished", 100),
        )
        self.assertAlmostEqual(r["summary"]["best"], 1 / (1 + 99 * 0.1))

    def test_no_section_begins_with_nothing(self) -> None:
        for name in ("README.md", os.path.join("python", "README.md")):
            path = os.path.join(ROOT, name)
            if os.path.isfile(path):
                with open(path, encoding="utf-8") as f:
                    self.assertNotRegex(f.read(), r"(?m)^#+ .*\n\n\n")

    def test_what_a_program_prints(self) -> None:
        """init() does not keep console output. `runs exec` and console="wrap" keep it, as both READMEs say."""
        for name in ("README.md", os.path.join("python", "README.md")):
            path = os.path.join(ROOT, name)
            if os.path.isfile(path):
                with open(path, encoding="utf-8") as f:
                    self.assertRegex(
                        f.read(),
                        r"(prints is not kept by `init\(\)`|`init\(\)` does not keep what the program prints)"
                        r"[^#]*`runs exec -- python3? train.py`[^#]*console=\"wrap\"",
                    )
        source = (
            "import sys, gitruns\n"
            "with gitruns.init(**({'settings': gitruns.Settings(console='wrap')} if sys.argv[1:] else {})):\n"
            "    print('some words')\n"
        )
        self.python(source)
        self.assertEqual((self.runs("show", "last", "--log", status=None), self.show().get("artifacts")), ("", None))
        self.python(source, "wrap")
        self.assertEqual(self.runs("artifacts", "last", "console.txt", "-o", "-"), "some words\n")
        self.runs("exec", "--", sys.executable, "train.py")
        self.assertEqual(self.runs("show", "last", "--log"), "some words\n")


if __name__ == "__main__":
    unittest.main()
