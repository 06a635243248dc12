"""save() and restore()."""

from __future__ import annotations

import os
import unittest

from gitruns._errors import UsageError
from gitruns._save import save
from project import Project
from recorder import Recorded


class Save(Recorded):
    def put(self, name: str, text: str) -> str:
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        return path

    def kept(self) -> dict:
        out, top = {}, os.path.join(self.run_._folder, "files")
        for folder, _, names in os.walk(top):
            for n in names:
                with open(os.path.join(folder, n)) as f:
                    out[os.path.relpath(os.path.join(folder, n), top)] = f.read()
        return out

    def test_again_at_the_finish(self) -> None:
        path = self.put("out/m.pt", "1")
        self.put("out/n.pt", "n")
        save(self.run_, os.path.join(self.dir, "out", "m.pt"), self.dir)
        save(self.run_, os.path.join(self.dir, "out", "n.pt"), self.dir, "now")
        self.put("out/m.pt", "22")
        self.put("out/n.pt", "nn")
        self.assertEqual(self.kept(), {"out/m.pt": "1", "out/n.pt": "n"})
        for f in self.run_._at_finish:
            f(self.run_)
        self.assertEqual(self.kept(), {"out/m.pt": "22", "out/n.pt": "n"})
        self.assertTrue(os.path.exists(path))

    def test_paths(self) -> None:
        self.put("a/x.txt", "x")
        outside = self.put("secret.txt", "s")
        os.symlink(outside, os.path.join(self.dir, "a", "link.txt"))
        save(self.run_, os.path.join(self.dir, "a"), os.path.join(self.dir, "deep", "er"), "now")
        self.assertEqual(self.kept(), {"a/x.txt": "x"})
        os.symlink(self.dir, os.path.join(self.run_._folder, "files", "out"))
        self.put("out/y.txt", "y")
        self.assertEqual(save(self.run_, os.path.join(self.dir, "out", "y.txt"), self.dir, "now"), [])
        save(self.run_, os.path.join(self.dir, "**"), self.dir, "now")
        self.assertFalse([n for n in self.kept() if ".runs" in n])
        with self.assertRaises(UsageError):
            save(self.run_, "x", policy="never")
        self.assertEqual(save(self.run_, os.path.join(self.dir, "none*")), [])

    def test_a_file_in_the_place_of_a_folder(self) -> None:
        for base, name, text in (
            ("1", "a", "1"),
            ("2", "a/b", "2"),
            ("3", "media", "3"),
            ("4", "x.y/z", "4"),
            ("5", "x.y", "5"),
            ("6", "x-file.y", "6"),
        ):
            self.put(f"{base}/{name}", text)
            for _ in range(2):
                save(self.run_, os.path.join(self.dir, base, name), os.path.join(self.dir, base))
        for f in self.run_._at_finish:
            f(self.run_)
        self.assertEqual(
            self.kept(),
            {"a": "1", "a-folder/b": "2", "media-file": "3", "x.y/z": "4", "x-file.y": "6", "x-file2.y": "5"},
        )


class Restore(Project):
    def test_restore(self) -> None:
        self.python("""
import gitruns, os
def text(file):
    with file:
        return os.path.relpath(file.name), file.read()
def fails(word, *args, **more):
    try:
        gitruns.restore(*args, **more)
    except ValueError as e:
        assert word in str(e), e
    else:
        raise SystemExit(f"{args} is restored")
os.makedirs("out")
with open("out/m.pt", "w") as f:
    f.write("one")
fails("run_path", "out/m.pt")
run = gitruns.init(id="x", name="first")
run.save("out/m.pt")
assert text(run.restore("out/m.pt", root="copy")) == (os.path.join("copy", "out", "m.pt"), "one")
run.finish()
second = gitruns.init(id="x", resume="allow")
third = gitruns.init(id="x", resume="allow", reinit=True)
assert text(gitruns.restore("out/m.pt"))[1] == "one"
with open("out/m.pt", "w") as f:
    f.write("changed")
assert text(gitruns.restore("out/m.pt", root="."))[1] == "changed"
assert text(gitruns.restore("out/m.pt", root=".", replace=True))[1] == "one"
fails("kept no file 'none.pt'", "none.pt")
fails("'.' or '..'", "../none.pt")
gitruns.finish()
assert text(gitruns.restore("out/m.pt", "me/p/first", root="other"))[1] == "one"
fails("nobody", "out/m.pt", "me/p/nobody", root="third")
assert not os.path.exists("third")
gitruns.init(mode="disabled")
assert gitruns.restore("out/m.pt") is None
""")
        self.assertEqual([a["path"] for a in self.show("name=first")["artifacts"]], ["out/m.pt"])


if __name__ == "__main__":
    unittest.main()
