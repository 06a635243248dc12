"""The wheel of this platform, its installation, and the source distribution work."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile

from project import SRC, Project

sys.path.insert(0, os.path.join(os.path.dirname(SRC), "backend"))

import gitruns_build as build  # noqa: E402


class Wheel(Project):
    git = False

    def setUp(self) -> None:
        if os.environ.get("RUNS_TEST_WHEELS") != "1":
            self.skipTest("RUNS_TEST_WHEELS=1 builds wheels, some minutes of Go")
        super().setUp()
        before = os.environ.get("RUNS_BINARY")
        os.environ["RUNS_BINARY"] = self.binary
        self.addCleanup(
            lambda: os.environ.__setitem__("RUNS_BINARY", before) if before else os.environ.pop("RUNS_BINARY")
        )
        try:
            build.host()
        except SystemExit as e:
            self.skipTest(str(e))

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
                self.assertEqual(
                    digest,
                    "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode(),
                    path,
                )
                self.assertEqual(int(size), len(data))
            for name in ("runs", "runs-https"):
                program = f"gitruns-{build.version()}.data/scripts/{name}" + (".exe" if os.name == "nt" else "")
                self.assertEqual(wheel.getinfo(program).external_attr >> 16, 0o100755)
            for needed in (
                "gitruns/__init__.py",
                "gitruns/py.typed",
                "gitruns/_shim/wandb/__init__.py",
                "gitruns/_shim/wandb-0.31.0.dist-info/METADATA",
                info + "licenses/LICENSE",
            ):
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
            self.assertIn(os.path.realpath(bin_dir), os.path.realpath(said.strip().rpartition(" in ")[2]))
            call(*pip, "uninstall", "-y", "gitruns")
            self.assertEqual(self.files(venv) - before, set())

    def files(self, folder: str) -> set:
        return {os.path.join(at, n) for at, _, names in os.walk(folder) for n in names if "__pycache__" not in at}

    def test_wrong_binary(self) -> None:
        os.environ["RUNS_BINARY"] = sys.executable
        with self.assertRaisesRegex(SystemExit, "is not a program 'runs'"):
            build.build_wheel(self.dir)

    def test_metadata_is_that_of_pyproject(self) -> None:
        try:
            import tomllib
        except ImportError:
            self.skipTest("tomllib is not there before Python 3.11")
        with open(os.path.join(build.HERE, "pyproject.toml"), "rb") as f:
            project = tomllib.load(f)["project"]
        said = build._metadata().decode().split("\n\n")[0].splitlines()
        for line in (
            f"Summary: {project['description']}",
            f"Keywords: {','.join(project['keywords'])}",
            f"License-Expression: {project['license']}",
            f"Requires-Python: {project['requires-python']}",
        ):
            self.assertIn(line, said)
        self.assertEqual(
            [line for line in said if line.startswith("Classifier: ")],
            ["Classifier: " + c for c in project["classifiers"]],
        )

    def test_sdist_has_the_sources_of_both(self) -> None:
        sdists = []
        for folder in ("a", "b"):
            directory = os.path.join(self.dir, folder)
            os.mkdir(directory)
            with open(os.path.join(directory, build.build_sdist(directory)), "rb") as f:
                sdists.append(f.read())
        self.assertTrue(sdists[0] == sdists[1], "two builds differ")
        with tarfile.open(fileobj=io.BytesIO(sdists[0])) as archive:
            names = archive.getnames()
            archive.extractall(self.dir, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        base = f"gitruns-{build.version()}/"
        for needed in (
            "PKG-INFO",
            "LICENSE",
            "src/gitruns/__init__.py",
            "go/go.mod",
            "go/cmd/runs/main.go",
            "go/cmd/runs-https/main.go",
            "go/python/src/gitruns/_shim/wandb/__init__.py",
        ):
            self.assertIn(base + needed, names)
        self.assertFalse([n for n in names if "__pycache__" in n or n.endswith("_test.go")])
        go = shutil.which("go")
        if go is None:
            self.skipTest("go is not installed: that the sources compile is not tested")
        done = subprocess.run(
            [go, "list", "-deps", "./cmd/runs", "./cmd/runs-https"],
            cwd=os.path.join(self.dir, base, "go"),
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_builds_leave_no_program_below_src(self) -> None:
        before = self.files(SRC)
        build.build_editable(self.dir)
        self.assertEqual(self.files(SRC), before)


class Find(Project):
    git = False

    def test_the_program_of_this_installation(self) -> None:
        def found(packages: str, lib: str, scripts: str, record: str) -> str:
            """Return the program that find() finds for a package in packages/lib, with a program in packages/scripts.

            'path' stands for the program on the PATH.
            """
            top = os.path.join(self.dir, packages)
            os.makedirs(os.path.join(top, lib, f"gitruns-{build.version()}.dist-info"))
            os.symlink(os.path.join(SRC, "gitruns"), os.path.join(top, lib, "gitruns"))
            for at in (os.path.join(top, scripts), os.path.join(self.dir, "path")):
                os.makedirs(at, exist_ok=True)
                with open(os.path.join(at, "runs"), "w", encoding="utf-8") as f:
                    f.write("#!/bin/sh\n")
                os.chmod(os.path.join(at, "runs"), 0o755)
            if record:
                with open(
                    os.path.join(top, lib, f"gitruns-{build.version()}.dist-info", "RECORD"), "w", encoding="utf-8"
                ) as f:
                    f.write(f"gitruns/__init__.py,,\n{record},sha256=x,1\n")
            env = {
                **os.environ,
                "PYTHONPATH": os.path.join(top, lib),
                "PATH": os.path.join(self.dir, "path"),
                "PYTHONDONTWRITEBYTECODE": "1",
            }
            env.pop("RUNS_BINARY", None)
            done = subprocess.run(
                [sys.executable, "-c", "from gitruns import _binary; print(_binary.find())"],
                env=env,
                capture_output=True,
                text=True,
                check=True,
            )
            return os.path.relpath(done.stdout.strip(), top if done.stdout.startswith(top) else self.dir)

        site = "lib/python3/site-packages"
        self.assertEqual(found("user", site, "bin", "../../../bin/runs"), "bin/runs")
        self.assertEqual(found("target", "", "bin", "../../bin/runs"), "bin/runs")
        self.assertEqual(found("stray", site, "bin", ""), "path/runs")
        self.assertEqual(found("beside", "", "bin", ""), "path/runs")


class NoGo(unittest.TestCase):
    def test_error(self) -> None:
        before = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(before)))
        os.environ.pop("RUNS_BINARY", None)
        with tempfile.TemporaryDirectory() as empty:
            os.environ["PATH"] = empty
            for build_it in (build.build_wheel, build.build_editable):
                with self.assertRaisesRegex(SystemExit, "install Go .*set RUNS_BINARY"):
                    build_it(empty)


if __name__ == "__main__":
    unittest.main()
