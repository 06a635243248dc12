"""Artifacts have versions across runs, and their files are verified."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import unittest
from contextlib import redirect_stderr

from project import Project


class Artifacts(Project):
    def test_not_logged(self) -> None:
        import gitruns

        a = gitruns.Artifact("model", "model")
        for call in (a.download, a.verify, a.checkout):
            with self.assertRaisesRegex(gitruns.UsageError, "not logged yet"):
                call()

    def test_versions(self) -> None:
        make = """
import sys, gitruns
with gitruns.init(project="p") as run:
    a = gitruns.Artifact("model", "model", metadata={"n": 1})
    with a.new_file("w/x.txt") as f:
        f.write(sys.argv[1])
    run.log_artifact(a, aliases=sys.argv[2:])
"""
        self.python(make, "one", "best")
        self.python(make, "two")
        self.python(make, "one")
        self.python("""
import gitruns
with gitruns.init(project="p") as run:
    for name, want, version in (("model:best", "one", "v0"), ("model:v1", "two", "v1"), ("model", "one", "v0")):
        a = run.use_artifact(name)
        assert a.version == version and a.metadata == {"n": 1}, (name, a.version)
        assert open(a.download() + "/w/x.txt").read() == want
        assert open(a.file()).read() == want
    for bad in ("nothing:latest", "model:v9"):
        try:
            run.use_artifact(bad)
        except gitruns.CommError as e:
            assert "artifact" in str(e)
        else:
            raise SystemExit("found " + bad)
""")
        used = {d["name"]: d["role"] for d in self.show()["datasets"]}
        self.assertEqual(used["model"], "artifact")
        self.assertEqual(len(used), 2)

    def test_models(self) -> None:
        self.write("out/model.bin", "weights")
        self.write("folder/a.txt", "a")
        self.write("folder/sub/b.txt", "b")
        done = self.python("""
import pathlib, gitruns
with gitruns.init(project="p") as run:
    unnamed = run.log_model(pathlib.Path("out/model.bin"))
    assert unnamed.name == "run-" + run.id + "-model.bin:v0", unnamed.name
    gitruns.log_model("out/model.bin", name="net", aliases=["best"])
    run.log_model("folder/", "several")
    gitruns.log_artifact("out/model.bin", name="no-model", type="dataset")
with gitruns.init(project="p") as run:
    at = run.use_model("net:best")
    assert at.endswith("model.bin") and open(at).read() == "weights", at
    open(at, "w").write("changed")
    assert open(gitruns.use_model("net")).read() == "weights"
    folder = run.use_model("several:v0")
    assert open(folder + "/a.txt").read() + open(folder + "/sub/b.txt").read() == "ab"
    try:
        run.use_model("no-model")
    except gitruns.CommError as e:
        assert "dataset" in str(e)
    else:
        raise SystemExit("a dataset is not a model")
with gitruns.init(mode="disabled") as run:
    run.log_model("/no/such")
""")
        self.assertEqual(done.stderr.count("Traceback"), 0)
        self.assertEqual({d["name"] for d in self.show()["datasets"]}, {"net", "several"})

    def test_a_fresh_clone(self) -> None:
        make = """
import sys, gitruns
with gitruns.init(project="p") as run:
    a = gitruns.Artifact("data", "dataset")
    with a.new_file("x/y.txt") as f:
        f.write(sys.argv[1])
    a.add(gitruns.Table(columns=["n"], data=[[1], [2]]), "rows")
    run.log_artifact(a, aliases=sys.argv[2:])
"""
        bare, clone = os.path.join(self.dir, "up.git"), os.path.join(self.dir, "clone")
        self.write("README", "a project\n")
        for args in (
            ["init", "-q", "--bare", "-b", "main", bare],
            ["remote", "add", "origin", bare],
            ["add", "README"],
            ["commit", "-q", "-m", "a project"],
        ):
            subprocess.run(["git", *args], cwd=self.dir, env=self.env(), check=True, capture_output=True)
        self.python(make, "one", "first")
        self.python(make, "two")
        self.runs("commit")
        subprocess.run(
            ["git", "push", "-q", "origin", "main"], cwd=self.dir, env=self.env(), check=True, capture_output=True
        )
        subprocess.run(["git", "clone", "-q", bare, clone], env=self.env(), check=True, capture_output=True)
        shutil.rmtree(os.path.join(self.dir, ".runs"))  # only the first machine has it
        self.dir = clone
        self.python(
            """
import gitruns
with gitruns.init(project="p") as run:
    for name, version, want in (("data:latest", "v1", "two"), ("data:first", "v0", "one"), ("p/data:v0", "v0", "one")):
        a = run.use_artifact(name, type="dataset")
        assert (a.version, open(a.get_entry("x/y.txt").download()).read()) == (version, want), a.version
        assert sorted(a.manifest) == ["rows.parquet", "x/y.txt"]
        a.verify(a.download())
""",
            name="use.py",
        )
        self.assertEqual({d["role"] for d in self.show()["datasets"]}, {"artifact"})

    def test_a_tampered_manifest_is_left_out(self) -> None:
        from gitruns import _artifact

        files = [{"path": "a", "sha256": "0" * 64, "bytes": 1}]
        good = {
            "name": "m",
            "type": "t",
            "digest": _artifact._digest({"a": files[0]}),
            "time": 1.5,
            "files": files,
            "aliases": ["x", 1],
        }
        text = {**files[0], "bytes": "1"}
        bad = [
            {"time": "x"},
            {"time": None},
            {"time": float("nan")},
            {"time": True},
            {"type": None},
            {"files": [text]},
            {"files": [{**files[0], "bytes": -1}]},
            {"files": 5},
            {"digest": "0"},
        ]
        record = {"id": "20261125-100000-abcdefgh"}
        said = io.StringIO()

        def read(n: int, data: bytes) -> object:
            path = self.write(f".runs/2026-11-25/{record['id']}/artifacts/m/{n}.json", "")
            with open(path, "wb") as f:
                f.write(data)
            return _artifact._manifest(
                self.dir,
                record,
                {"path": f"m/{n}.json", "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)},
            )

        with redirect_stderr(said):
            self.assertEqual(read(0, json.dumps(good).encode())["aliases"], ["x"])
            for n, change in enumerate(bad, 1):
                made = {**good, **change}
                if isinstance(made["files"], list) and "digest" not in change:
                    made["digest"] = _artifact._digest({f["path"]: f for f in made["files"]})
                with self.subTest(change):
                    self.assertIsNone(read(n, json.dumps(made).encode()))
            self.assertIsNone(read(99, b'{"name":' + b"[" * 200000))
        self.assertEqual(said.getvalue().count("its manifest is invalid"), len(bad) + 1)

    def test_a_full_disk(self) -> None:
        self.write("m.bin", "x")
        done = self.python("""
import errno, gitruns
from gitruns import _files
def full(*a):
    raise OSError(errno.ENOSPC, "No space left on device")
with gitruns.init(project="p") as run:
    _files._place = full
    for _ in range(2):
        run.log_artifact("m.bin", name="m")
    a = gitruns.Artifact("own", "t")
    a.add_file("m.bin")
    a.add(gitruns.Table(columns=["n"], data=[[1]]), "rows")
    assert run.log_artifact(a).is_draft()
""")
        self.assertEqual(
            (
                done.stderr.count("warning: artifact m was not kept: No space left"),
                done.stderr.count("warning: artifact own was not kept"),
            ),
            (1, 1),
        )
        self.assertNotIn("artifacts", {k for k, v in self.show().items() if v})

    def test_verify_of_the_last_download(self) -> None:
        self.write("d.csv", "1")
        self.python("""
import gitruns
with gitruns.init(project="p") as run:
    run.log_artifact("d.csv", name="ds")
with gitruns.init(project="p") as run:
    a = run.use_artifact("ds")
    a.download(root="out")
    a.verify()
    a.verify("out")
    open("out/d.csv", "w").write("2")
    try:
        a.verify()
    except ValueError as e:
        assert "out" in str(e)
    else:
        raise SystemExit("a changed file was verified")
""")

    def test_no_reading_through_links(self) -> None:
        from gitruns import _artifact, _files

        self.write("else/x", "x")
        os.makedirs(os.path.join(self.dir, "run/artifacts"))
        os.symlink(os.path.join(self.dir, "else"), os.path.join(self.dir, "run/artifacts/m"))
        self.assertFalse(_artifact._copy_from(os.path.join(self.dir, "run"), "m/x", os.path.join(self.dir, "to")))
        for path in ("artifacts/m/x", "artifacts/m", "../x", "a//b"):
            with self.assertRaises(OSError):
                _files.without_links(os.path.join(self.dir, "run"), path)

    def test_a_saved_file_of_the_same_name(self) -> None:
        self.write("model.pt", "weights")
        for order in ('art(); r.save("model.pt")', 'r.save("model.pt"); art()'):
            self.python(f"""
import gitruns
with gitruns.init(project="p") as r:
    art = lambda: r.log_artifact("model.pt", name="model.pt", type="model")
    {order}
    assert open(r.use_artifact("model.pt").file("active")).read() == "weights"
with gitruns.init(project="p") as r:
    assert open(r.use_artifact("model.pt").file()).read() == "weights"
""")
            paths = [a["path"] for a in self.show("last~1")["artifacts"]]
            with self.subTest(order):
                self.assertEqual(
                    sorted(p.partition("/")[0] for p in paths),
                    sorted(
                        ["model-file.pt", "model.pt", "model.pt"]
                        if order[0] == "a"
                        else ["model.pt", "model.pt+artifact", "model.pt+artifact"]
                    ),
                )

    def test_an_artifact_called_as_the_traceback(self) -> None:
        self.write("traceback.txt", "mine")
        self.python(
            """
import gitruns
r = gitruns.init(project="p")
r.log_artifact("traceback.txt", name="traceback.txt")
raise ValueError
""",
            status=1,
        )
        self.python("""
import gitruns
with gitruns.init(project="p") as r:
    assert open(r.use_artifact("traceback.txt").file()).read() == "mine"
""")
        self.assertIn("traceback.txt", [a["path"] for a in self.show("last~1")["artifacts"]])

    def test_names(self) -> None:
        import gitruns

        for name in ("a/b", "../x", "", "a:b", "con"):
            with self.assertRaises(ValueError):
                gitruns.Artifact(name, "t")
        a = gitruns.Artifact("x", "t")
        with self.assertRaises(ValueError):
            a.add_file(__file__, name="../../x")


if __name__ == "__main__":
    unittest.main()
