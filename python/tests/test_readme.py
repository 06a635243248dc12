"""The README's script runs as it stands there."""

from __future__ import annotations

import os
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
        start = lines.index("    # train.py")
        script = []
        for line in lines[start:]:
            if line and not line.startswith("    "):
                break
            script.append(line[4:])
        self.python("\n".join(script))
        r = self.show()
        self.assertEqual((r["experiment"], r["params"], r["status"], r["metrics"]["loss"]["count"]), ("penguins", {"lr": 0.1}, "finished", 100))
        self.assertAlmostEqual(r["summary"]["best"], 1 / (1 + 99 * 0.1))


if __name__ == "__main__":
    unittest.main()
