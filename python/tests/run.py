"""Runs the tests of this folder. One that takes more than five minutes ends them all, and shows where it waits."""

from __future__ import annotations

import faulthandler
import os
import sys
import unittest

LIMIT = 300  # seconds of one test


class Result(unittest.TextTestResult):
    """Limits the time of each test."""

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        faulthandler.dump_traceback_later(LIMIT, exit=True)

    def stopTest(self, test: unittest.TestCase) -> None:
        faulthandler.cancel_dump_traceback_later()
        super().stopTest(test)


if __name__ == "__main__":
    tests = unittest.defaultTestLoader.discover(os.path.dirname(os.path.abspath(__file__)))
    done = unittest.TextTestRunner(verbosity=2, resultclass=Result).run(tests)
    sys.exit(not done.wasSuccessful())
