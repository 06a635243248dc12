"""A run that keeps its records in memory and its files in a temporary folder."""

from __future__ import annotations

import os
import shutil
import tempfile
import unittest

import project  # noqa: F401  puts the client on the path


class Recorder:
    disabled = False

    def __init__(self, folder: str) -> None:
        self._runs = os.path.join(folder, ".runs")
        self._folder = os.path.join(self._runs, "active", "20261125-100000-abcdefgh")
        os.makedirs(self._folder)
        self._step = 0
        self._at_finish: list = []
        self.run_id, self.id, self.project = "20261125-100000-abcdefgh", "abcdefgh", "p"
        self.records: list = []
        self._ignored: list = []
        self.rows: list = []

    def _write(self, record: dict) -> None:
        self.records.append(record)

    def log(self, data: dict, step=None, commit=None) -> None:
        self.rows.append((data, commit))


class Recorded(unittest.TestCase):
    def setUp(self) -> None:
        self.dir = os.path.realpath(tempfile.mkdtemp(prefix="gitruns-media-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.run_ = Recorder(self.dir)

    def file(self, name: str) -> bytes:
        with open(os.path.join(self.run_._folder, "artifacts", name), "rb") as f:
            return f.read()

    def artifacts(self) -> dict:
        return {r["artifact"]["name"]: r["artifact"] for r in self.run_.records if "artifact" in r}
