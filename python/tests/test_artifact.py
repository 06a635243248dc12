"""Artifacts: versions over runs, files proved."""

from __future__ import annotations

import unittest

from project import Project


class Artifacts(Project):
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
