"""The package: the wheel of this platform, its installation, and the folder that makes it wandb."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import tempfile
import unittest
import zipfile

from project import SRC, Project

sys.path.insert(0, os.path.join(os.path.dirname(SRC), "backend"))

import gitruns_build as build


class Wheel(Project):
    git = False

    def setUp(self) -> None:
        super().setUp()
        before = os.environ.get("RUNS_BINARY")
        os.environ["RUNS_BINARY"] = self.binary
        self.addCleanup(lambda: os.environ.__setitem__("RUNS_BINARY", before) if before else os.environ.pop("RUNS_BINARY"))
        if build.host() not in build.PLATFORMS:
            self.skipTest(f"no wheel for {build.host()}")

    def test_contents(self) -> None:
        name = build.build_wheel(self.dir)
        with zipfile.ZipFile(os.path.join(self.dir, name)) as wheel:
            names = wheel.namelist()
            self.assertEqual(len(names), len(set(names)))
            self.assertFalse([n for n in names if "__pycache__" in n or n.startswith("/") or ".." in n])
            info = f"gitruns-{build.version()}.dist-info/"
            record = wheel.read(info + "RECORD").decode().splitlines()
            self.assertEqual(sorted(line.split(",")[0] for line in record), sorted(names))
            for line in record[:-1]:
                path, digest, size = line.split(",")
                data = wheel.read(path)
                self.assertEqual(digest, "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode(), path)
                self.assertEqual(int(size), len(data))
            program = f"gitruns-{build.version()}.data/scripts/runs" + (".exe" if os.name == "nt" else "")
            self.assertEqual(wheel.getinfo(program).external_attr >> 16, 0o100755)
            for needed in ("gitruns/__init__.py", "gitruns/py.typed", "gitruns/_shim/wandb/__init__.py", "gitruns/_shim/wandb-0.31.0.dist-info/METADATA", info + "licenses/LICENSE"):
                self.assertIn(needed, names)
            self.assertIn("License-Expression: Apache-2.0", wheel.read(info + "METADATA").decode())

    def test_same_bytes(self) -> None:
        wheels = []
        for folder in ("a", "b"):
            directory = os.path.join(self.dir, folder)
            name = build.build_wheel(directory)
            with open(os.path.join(directory, name), "rb") as f:
                wheels.append(f.read())
        self.assertTrue(wheels[0] == wheels[1], "two builds differ")

    def test_install(self) -> None:
        venv = os.path.join(self.dir, "venv")
        done = subprocess.run([sys.executable, "-m", "venv", venv], capture_output=True, text=True, check=False)
        if done.returncode:
            self.skipTest("no venv here: " + (done.stderr or done.stdout).strip())
        bin_dir = os.path.join(venv, "Scripts" if os.name == "nt" else "bin")
        python = os.path.join(bin_dir, "python")
        before = self.files(venv)
        env = self.env()
        for name in ("PYTHONPATH", "RUNS_BINARY"):
            env.pop(name, None)

        def call(*argv: str) -> str:
            done = subprocess.run(argv, cwd=self.dir, env=env, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            return done.stdout

        pip = (python, "-m", "pip", "--disable-pip-version-check", "--quiet")
        for build_it in (build.build_wheel, build.build_editable):
            wheel = os.path.join(self.dir, build_it(self.dir))
            call(*pip, "install", "--no-index", "--no-deps", "--no-compile", wheel)
            self.assertIn(f"runs {build.version()}", call(os.path.join(bin_dir, "runs"), "version"))
            said = call(python, "-B", "-m", "gitruns")
            self.assertIn(f"gitruns {build.version()}", said)
            self.assertIn(os.path.realpath(bin_dir), os.path.realpath(said.strip().rpartition(": ")[2]))
            call(*pip, "uninstall", "-y", "gitruns")
            self.assertEqual(self.files(venv) - before, set())

    def files(self, folder: str) -> set:
        return {os.path.join(at, n) for at, _, names in os.walk(folder) for n in names if "__pycache__" not in at}

    def test_wrong_binary(self) -> None:
        os.environ["RUNS_BINARY"] = sys.executable
        with self.assertRaisesRegex(build.BuildError, "no 'runs'"):
            build.build_wheel(self.dir)

    def test_metadata_is_that_of_pyproject(self) -> None:
        try:
            import tomllib
        except ImportError:
            self.skipTest("tomllib is not there before Python 3.11")
        with open(os.path.join(build.HERE, "pyproject.toml"), "rb") as f:
            self.assertEqual(build.project(), tomllib.load(f)["project"])


class NoGo(unittest.TestCase):
    def test_error(self) -> None:
        before = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(before)))
        os.environ.pop("RUNS_BINARY", None)
        with tempfile.TemporaryDirectory() as empty:
            os.environ["PATH"] = empty
            for build_it in (build.build_wheel, build.build_editable):
                with self.assertRaisesRegex(build.BuildError, "install it .*or set RUNS_BINARY"):
                    build_it(empty)


if __name__ == "__main__":
    unittest.main()
