"""What a program reads is recorded without being named, and what must not be named is not."""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import unittest

from project import Project

# As in reads_test.go of repo/reads.
SECRETS = {
    "server.pem": True, "id_rsa": True, "id_ed25519.pub": True, "aws_credentials.json": True, "hf_token": True,
    "token": True, "my-token.txt": True, "stored_tokens": True, "tokens.json": True, "client_secret_1.json": True,
    "chord.key": True, "passwords.csv": True, "prod.env": True, "api_key.txt": True, "keystore.p12": True,
    "a.kdbx": True, "KubeConfig": True, "_netrc": True, "SECRET": True, "tokenizer.json": False,
    "train_tokens.bin": False, "special_tokens_map.json": False, "keypoints.csv": False, "monkey.png": False,
    "environment.csv": False, "train.csv": False, "x.npy": False, "bypass.csv": False, "tokenized.arrow": False,
    "creds.json": True,
    "pw.txt": True,
    "AuthKey_ABC.p8": True,
    "x.pkcs8": True,
    "x.pkcs12": True,
    "x.jceks": True,
    "pgpass_x": True,
    "vault_pass": True,
    "gh_pat.txt": True,
    "deploy_key": True,
    "x.tfstate": True,
    "x.tfvars": True,
    "service-account.json": True,
    "gcp-1.json": True,
    "auth.json": True,
    "oauth.json": True,
    "session.json": True,
    "cookies.txt": True,
    "jwt.txt": True,
    "bearer1": True,
    "a_webhook.txt": True,
    "wallet.dat": True,
    "local_settings.py": True,
    "login.json": True,
    "env.sh": True,
    "sessions.csv": False,
    "patch_1.png": False,
    "patient_pass1.csv": True,
    "author.json": False,
    "compass.csv": False,
}  # fmt: skip

# The others have numpy, h5py, DVC and so on.
OTHERS = (os.environ.get(name, "") for name in ("RUNS_TEST_LAYOUTS", "RUNS_TEST_MLFLOW"))
PYTHONS = [sys.executable, *filter(os.path.isfile, OTHERS)]

# Programs that read nothing that is data.
ORDINARY = {
    "json": "import json; json.dump({}, open('out.json', 'w')); json.load(open('out.json'))",
    "logging": "import logging; logging.basicConfig(filename='x.log'); logging.warning('x'); open('x.log').read()",
    "tempfile": "import tempfile; f = tempfile.NamedTemporaryFile('w+'); f.write('x'); f.flush(); open(f.name).read()",
    "subprocess": (
        "import subprocess; subprocess.run(['cat', '/etc/hostname']); subprocess.check_output(['ls', '/usr'])"
    ),
    "multiprocessing": "import multiprocessing as m; m.get_context('spawn').Pool(2).map(abs, [1, -1])",
    "importlib.resources": "import importlib.resources as r; r.files('email').joinpath('architecture.rst').is_file()",
    "zoneinfo": "import zoneinfo; zoneinfo.ZoneInfo('Europe/Berlin') if os.path.isdir('/usr/share/zoneinfo') else 0",
    "ssl": "import ssl; ssl.create_default_context()",
    "locale": "import locale; locale.setlocale(locale.LC_ALL, ''); locale.getpreferredencoding()",
    "urllib": "import urllib.request; urllib.request.urlopen('file:///etc/hostname').read()",
    "sqlite": "import sqlite3; c = sqlite3.connect('data/new.db'); c.execute('create table t(a)'); c.commit()",
    "in memory": "import sqlite3; sqlite3.connect(':memory:').execute('create table t(a)')",
    "pickle": "import pickle; pickle.dump(1, open('data/m.pkl', 'wb')); pickle.load(open('data/m.pkl', 'rb'))",
    "shelve": "import shelve; s = shelve.open('data/s'); s['a'] = 1; s.close(); shelve.open('data/s')['a']",
    "configparser": (
        "import configparser; configparser.ConfigParser().read(['config.ini', os.path.expanduser('~/.x.ini')])"
    ),
    "traceback": (
        "import traceback\ntry: 1 / 0\nexcept Exception: traceback.print_exc(); import inspect; inspect.stack()"
    ),
    "platform": "import platform, os; platform.platform(); os.cpu_count(); open('/proc/cpuinfo').read()",
    "netrc": "import netrc\ntry: netrc.netrc()\nexcept OSError: pass",
    "doctest": "import doctest, unittest, pydoc; doctest.testmod()",
    "pkgutil": "import pkgutil; list(pkgutil.iter_modules()); import importlib.metadata as m; list(m.distributions())",
    "mimetypes": "import mimetypes; mimetypes.guess_type('a.csv'); import gettext; gettext.find('x')",
    "random": "import random, uuid, hashlib; uuid.uuid4(); open('/dev/urandom', 'rb').read(4)",
    "numpy": "import numpy; numpy.save('data/o.npy', numpy.ones(3)); numpy.load('data/o.npy')",
    "pandas": "import pandas; pandas.DataFrame({'a': [1]}).to_csv('data/o.csv'); pandas.read_csv('data/o.csv')",
    "matplotlib": (
        "import matplotlib; matplotlib.use('Agg'); import matplotlib.pyplot as p; p.plot([1]); p.savefig('o.png')"
    ),
    "sklearn": "from sklearn.datasets import load_iris; load_iris()",
}


class WithReads(Project):
    def setUp(self):
        super().setUp()
        self.write(".gitignore", "data\n__pycache__/\nlocal_module.py\n.env\n*.pem\n")
        self.write("config.json", "{}")
        os.makedirs(os.path.join(self.dir, "data"))
        self.home, self.outside = self.dir + "-home", self.dir + "-outside"
        for folder in (self.home, self.outside):
            os.makedirs(folder)
            self.addCleanup(shutil.rmtree, folder)

    def exec(self, source: str, python: str = sys.executable, status: int = 0, flags: tuple = (), **env: str) -> dict:
        """Run a program under `runs exec` and return its record. Its files are a second older than the run."""
        path = self.write("train.py", source)
        for top, _, names in [*os.walk(self.dir), *os.walk(self.home), *os.walk(self.outside)]:
            if "/.git" not in top and "/.runs" not in top:
                for name in names:
                    os.utime(os.path.join(top, name), (1_700_000_000, 1_700_000_000), follow_symlinks=False)
        env.setdefault("HOME", self.home)
        done = subprocess.run(
            [self.binary, "exec", *flags, "--", python, path],
            cwd=self.dir, env=self.env(PYTHONPATH="", **env), capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.printed = done.stderr
        return self.show()

    def show(self, selector: str = "last") -> dict:
        """Return a record, without the packages of this Python that the program has imported."""
        run = super().show(selector)
        self.imported = (run.get("trace") or {}).pop("imported", [])
        return run

    def noticed(self, run: dict) -> dict:
        return {d["name"]: d["files"] for d in run.get("datasets", ()) if d.get("noticed") == "python"}


def with_module(module: str) -> str:
    """Return a Python that has a module."""
    for python in PYTHONS:
        have = subprocess.run(
            [python, "-c", f"import importlib.util as u; exit(not u.find_spec('{module}'))"], check=False
        )
        if have.returncode == 0:
            return python
    return ""


class TestOrdinary(WithReads):
    def test_ordinary_programs(self):
        """Programs that read nothing of their own give no dataset, no problem, and no doubt."""
        for name, source in ORDINARY.items():
            python = with_module(name) if name in ("numpy", "pandas", "matplotlib", "sklearn") else sys.executable
            if not python:
                continue
            with self.subTest(name):
                shutil.rmtree(os.path.join(self.dir, "data"))  # what a program may have read makes a doubt
                os.makedirs(os.path.join(self.dir, "data"))
                source = textwrap.indent("import os, sys\n" + source, "    ")
                run = self.exec("if __name__ == '__main__':\n" + source, python)
                self.assertEqual(self.noticed(run), {}, self.printed)
                if name != "subprocess":
                    run["trace"].pop("folders", None)
                    self.assertEqual(run["trace"], {"road": "python"})


class TestPrivacy(WithReads):
    def test_secret_names(self):
        from gitruns import _reads

        for name, want in SECRETS.items():
            self.assertEqual(_reads._secret(name), want, name)
            group = "\0" + name.lower().translate(_reads._DIGITS) + "\0"
            if want and not any(word in group for word in _reads._SUSPECT):
                self.fail(f"{name} does not stand out in a group")

    def test_groups_are_as_single_paths(self):
        """Paths that are looked at together are written as each of them alone would be."""
        from gitruns import _reads

        draw = random.Random(7)
        folders = ["data", "data/1", "data/img_2", "data/keys", "site-packages/x", ".hid", "data/.hid", self.dir + "/d",
                   "/etc", "data//x", "./data", ""]  # fmt: skip
        names = ["1.csv", "22.csv", "a.csv", "x.p12", "x.p8", "cert3.pem", "hf_token.txt", ".env", "id_2", "9pw.txt"]
        before, together = os.getcwd(), 0
        os.chdir(self.dir)
        try:
            for _ in range(3000):
                state = _reads._State(os.path.join(self.dir, "reads"), self.dir)
                some, kinds = draw.sample(folders, draw.choice((1, 1, 2))), draw.sample(names, draw.choice((2, 3, 10)))
                paths = [os.path.join(draw.choice(some), draw.choice(kinds)) for _ in range(draw.randint(1, 8))]
                got = _reads._plain(state, "\0".join(paths) + "\0", paths)
                if got is not None:
                    want = [_reads._wanted(state, path) for path in paths]
                    self.assertEqual(got, b"".join(b"R" + os.fsencode(p or "") + b"\0" for p in want), paths)
                    together += 1
        finally:
            os.chdir(before)
        self.assertGreater(together, 100)

    def test_nothing_is_named(self):
        """What must not be named is in no file: not in the record, nor in what the processes write down."""
        planted = [
            ".env", "data/hf_token.txt", "data/server.pem", "data/.hidden/x.csv", "secrets/x.csv",
        ] + [
            os.path.join(self.home, name)
            for name in (".netrc", ".aws/credentials", ".ssh/id_rsa", ".config/tool/settings.json", "direct.csv")
        ]  # fmt: skip
        for name in planted:
            self.write(name, "x")
        self.write("data/train.csv", "x")
        source = f"""
            import os, time
            for i in range(1200): open("data/train.csv").read()
            for path in {planted!r} + ["/etc/passwd", "/usr/share/none", "data/train.csv"] * 2:
                try:
                    open(path).read()
                except OSError: pass
            os.environ["RUNS_DIR"] and print(repr([open(os.path.join(os.environ["RUNS_READS"], n), "rb").read()
                for n in os.listdir(os.environ["RUNS_READS"])]))
        """
        run = self.exec(textwrap.dedent(source), flags=("--no-system",))
        self.assertEqual(self.noticed(run), {"train": 1})
        self.assertGreaterEqual(run["trace"]["withheld"], 5)
        names = [b"hf_token", b"server.pem", b".hidden", b"secrets/", b".netrc", b".aws", b"id_rsa", b".config/",
                 b"direct.csv", b"passwd", b"/usr/share", b"/.env"]  # fmt: skip
        written = [os.path.join(top, n) for top, _, names in os.walk(os.path.join(self.dir, ".runs")) for n in names]
        for path in [p for p in written if not p.endswith((".gitignore", ".patch"))]:  # the source may have the names
            with open(path, "rb") as f:
                content = f.read()
            for name in names:
                self.assertNotIn(name, content, path)
            self.assertNotIn(self.dir.encode(), content if path.endswith("run.toml") else b"", path)
        log = [p for p in written if p.endswith("output.log")]
        self.assertEqual(len(log), 1)
        with open(log[0]) as f:  # the program has printed what its own process wrote down
            self.assertIn("train.csv", f.read())


class TestBehavior(WithReads):
    def test_declared_data_is_not_noticed(self):
        self.write("data/a.csv", "x")
        self.write("data/b/1.txt", "x")
        run = self.exec("open('data/a.csv').read(); open('data/b/1.txt').read()", flags=("-d", "data/b"))
        self.assertEqual(self.noticed(run), {"a": 1})
        self.assertEqual([d["name"] for d in run["datasets"]], ["b", "a"])

    def test_what_reads_unseen(self):
        self.write("data/a.csv", "x")
        source = "import subprocess; subprocess.run(['cat', 'data/a.csv'])"
        problem = "cat may have read files unseen, and data is not in Git"
        self.assertEqual(self.exec(source)["trace"]["problems"], [problem.replace("data ", "data/ ")])
        self.assertIn("0 fully restorable", self.runs("verify"))
        run = self.exec(source, flags=("-d", "data"))
        self.assertNotIn("problems", run["trace"])
        run = self.exec("import subprocess, sys; subprocess.run([sys.executable, '-I', '-c', ''])")
        self.assertEqual(len(run["trace"]["problems"]), 1)

    def test_no_content_is_recorded(self):
        self.write("data/a.csv", "ada,hunter2\nbob,x\n")
        self.write("data/notes.txt", "password = 'aK9xQ2mZ8vT4wL6r'\n")
        run = self.exec("open('data/a.csv').read(); open('data/notes.txt').read()")
        self.assertEqual(self.noticed(run), {"a": 1})
        self.assertNotIn("columns", run["datasets"][0])
        self.assertEqual(run["trace"]["withheld"], 1)
        self.assertIn("must not be named", self.runs("verify"))

    def test_keys_by_any_name(self):
        """A private key is known by its content, in PEM and DER."""
        body = base64.encodebytes(os.urandom(600)).decode()
        self.write("data/a.dat", f"-----BEGIN EC PRIVATE KEY-----\n{body}-----END EC PRIVATE KEY-----\n")
        ed25519 = bytes.fromhex("302e020100300506032b657004220420") + os.urandom(32)
        for name, content in (("b.bin", ed25519), ("c.bin", ed25519[1:]), ("d.bin", b"0" + ed25519)):
            with open(os.path.join(self.dir, "data", name), "wb") as f:
                f.write(content)
        run = self.exec("for name in ('a.dat', 'b.bin', 'c.bin', 'd.bin'): open('data/' + name, 'rb').read()")
        self.assertEqual(self.noticed(run), {"c": 1, "d": 1})
        self.assertEqual(run["trace"]["withheld"], 2)

    def test_places_that_are_not_named(self):
        """What is hidden outside the project, or behind a link to such a place, is counted."""
        for name in ("{outside}/.h/a.csv", "{outside}/.b.csv", ".git/annex/objects/x/c.csv", ".hidden/d.csv"):
            self.write(name.replace("{outside}", self.outside), "x")
        for name, to in (("data/c.csv", "../.git/annex/objects/x/c.csv"), ("data/d.csv", "../.hidden/d.csv")):
            os.symlink(to, os.path.join(self.dir, name))
        names = (f"{self.outside}/.h/a.csv", f"{self.outside}/.b.csv", "data/c.csv", "data/d.csv")
        run = self.exec(f"[open(name).read() for name in {names!r} * 2]")
        self.assertEqual(self.noticed(run), {"c": 1})
        self.assertEqual(run["trace"]["withheld"], 2)
        self.assertEqual(run["trace"]["problems"], ["a file that was read is in a place that is not recorded"])
        self.assertIn("0 fully restorable", self.runs("verify"))

    def test_made_by_the_parent(self):
        """What a process makes in such a place, and one that it starts reads, does not count as an input."""
        made, before = os.path.join(self.home, "made.csv"), os.path.join(self.home, "before.csv")
        self.write(before, "x")
        for more, problems in (("", None), (before, ["a file that was read is in a place that is not recorded"])):
            source = f"""
                import subprocess, sys, time
                open({made!r}, "w").write("x")
                time.sleep(0.1)
                child = "[open(name).read() for name in {[made, more] if more else [made]!r}]"
                subprocess.run([sys.executable, "-c", child], check=True)
            """
            run = self.exec(textwrap.dedent(source))
            self.assertEqual(run["trace"].get("problems"), problems)

    def test_listed(self):
        """A program that chooses among the files of a folder, or reads nothing that is noticed, is not fully known."""
        for name in ("img/1.txt", "img/2.txt", "img/x.zip", "flag"):
            self.write("data/" + name, "x")
        files = "[open(f).read() for f in glob.glob('data/img/*.txt')]"
        for source, problem in {
            "os.listdir('data/img')": "the program listed data/img, and read nothing in it",
            files.replace(")]", ")[:1]]"): "the program listed data/img, and did not read all of its files",
            files: "",
            "os.path.getsize('data/flag')": "nothing that it read was noticed, and data/ is not in Git",
        }.items():  # fmt: skip
            with self.subTest(source):
                run = self.exec("import glob, os; " + source)
                self.assertEqual("problems" in run["trace"], problem.startswith("the program"))
                printed = self.runs("verify", "last")
                self.assertIn(problem or "1 fully restorable", printed)
        run = self.exec("import os; os.listdir('data/img'); os.listdir('data')", flags=("-d", "data"))
        self.assertNotIn("problems", run["trace"])

    def test_write_ahead_log(self):
        """The log of a database of SQLite is data too: it has the newest rows."""
        import sqlite3

        db = sqlite3.connect(os.path.join(self.dir, "data", "x.db"))
        self.addCleanup(db.close)
        db.executescript("pragma journal_mode=wal; create table t(a); insert into t values(1);")
        run = self.exec("import sqlite3; print(sqlite3.connect('data/x.db').execute('select a from t').fetchall())")
        self.assertEqual([d["path"] for d in run["datasets"]], ["data/x.db", "data/x.db-wal"])
        self.assertNotIn("problems", run["trace"])

    def test_mapped_files(self):
        """What native code has open or mapped at the end is noticed, as far as the system tells it."""
        for name in "abc":
            self.write(f"data/{name}.bin", name)
        source = """
            import ctypes
            c = ctypes.CDLL(None)
            a, b = c.open(b"data/a.bin", 0), c.open(b"data/b.bin", 0)
            c.mmap.restype = ctypes.c_void_p
            m = c.mmap(None, 1, 1, 2, b, 0)
            c.close(b)
            c.close(c.open(b"data/c.bin", 0))
        """
        run = self.exec(textwrap.dedent(source))
        if sys.platform == "linux":
            self.assertEqual(self.noticed(run), {"a": 1, "b": 1})

    def test_off(self):
        self.write("data/a.csv", "x")
        run = self.exec("open('data/a.csv').read()", flags=("--trace", "off"))
        self.assertEqual((self.noticed(run), run["trace"]["road"]), ({}, "none"))
        self.assertIn("data/", run["trace"]["ignored"])
        self.assertIn("restorable, but what it read was not noticed", self.runs("verify"))
        self.assertNotIn("1 fully restorable", self.runs("verify"))
        self.runs("init")
        with open(os.path.join(self.dir, ".runs", "config.toml"), "a") as f:
            f.write('[data]\ntrace = "off"\n')
        self.assertEqual(self.noticed(self.exec("open('data/a.csv').read()")), {})

    def test_bounds(self):
        """What is not hashed is recorded by names and sizes, and the record says so."""
        self.write("data/a.csv", "x" * 100)
        self.write("data/b.csv", "x")
        self.runs("init")
        for setting, listed in (('wait = "0s"', ["a", "b"]), ("max_auto_bytes = 10", ["a"])):
            with self.subTest(setting):
                self.write(".runs/config.toml", f"[data]\n{setting}\n")
                run = self.exec("[open(f'data/{n}.csv').read() for n in 'ab']")
                self.assertEqual([d["name"] for d in run["datasets"] if d.get("hash") == "listing"], listed)
                problem = run["trace"]["problems"][-1]
                self.assertEqual(problem, "only names and sizes are recorded of " + ", ".join(listed))
                subprocess.run(["rm", "-rf", ".git/runs/cache/noticed"], cwd=self.dir, check=True)

    def test_a_dataset_is_at_most_one_of_many(self):
        for i in range(12):
            self.write(f"data/{i}.txt", str(i))
        self.runs("init")
        self.write(".runs/config.toml", "[data]\ngroup_from = 20\n")
        self.assertEqual(len(self.noticed(self.exec("[open(f'data/{i}.txt').read() for i in range(12)]"))), 12)

    def test_changed(self):
        """A file that changes after it was read is reported, not recorded with its later content."""
        self.write("data/a.csv", "x")
        run = self.exec("open('data/a.csv').read(); open('data/a.csv', 'a').write('y')")
        self.assertEqual(self.noticed(run), {})
        self.assertEqual(run["trace"]["problems"], ["data/a.csv changed while the program ran"])
        self.assertNotIn("1 fully restorable", self.runs("verify"))

    def test_source_that_changed_before_it_was_read(self):
        """The source is recorded at the start: what the program read of a file that changed then is not in it."""
        for name in ("cfg.txt", "later.txt"):
            self.write(name, "1")
        subprocess.run(["git", "add", "-A"], cwd=self.dir, check=True)
        subprocess.run(["git", "commit", "-qm", "settings"], cwd=self.dir, check=True)
        run = self.exec(
            "import subprocess; open('later.txt').read(); "
            "subprocess.run(['sh', '-c', 'echo 2 >cfg.txt']); open('cfg.txt').read(); "
            "open('later.txt', 'a').write('2')"
        )
        problem = "cfg.txt changed after the source was recorded, and before the program read it"
        self.assertEqual([p for p in run["trace"]["problems"] if "changed" in p], [problem])

    def test_ignored_repository(self):
        """The source has nothing of a repository that Git ignores: what is read there is data."""
        self.write("data/inner/a.csv", "x")
        inner = os.path.join(self.dir, "data/inner")
        for args in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "data"]):
            subprocess.run(["git", *args], cwd=inner, check=True)
        self.assertEqual(list(self.noticed(self.exec("open('data/inner/a.csv').read()"))), ["a"])

    def test_replaced(self):
        self.write("data/a.csv", "x")
        source = "import os; open('data/a.csv').read(); open('data/b', 'w').write('y'); "
        run = self.exec(source + "os.replace('data/b', 'data/a.csv')")
        self.assertEqual((self.noticed(run), len(run["trace"]["problems"])), ({}, 1))

    def test_other_file_than_was_read(self):
        """A file that takes the place of another one, or comes from elsewhere, is never taken for an input."""
        for name in ("v1/a", "v2/a", "x", "y", "old"):
            self.write("data/" + name, name)
        self.write("torch.py", "")
        linked = os.path.join(self.dir, "data", "latest")
        # What another process does when the program has made the file go.
        made = "data/made.txt came into being during the run, and the program did not write it"
        changed = "{} changed while the program ran"
        wait = "; open('go', 'w').close()\nwhile not os.path.exists('went'): time.sleep(0.01)\n"
        for source, other, problem in (
            ("open('data/latest/a').read()" + wait, "ln -sfn v2 data/latest", changed.format("data/latest/a")),
            ("os.symlink('v2', 'data/new'); open('data/latest/a').read(); os.replace('data/new', 'data/latest')", "",
             changed.format("data/latest/a")),
            ("os.symlink('v2', 'data/new'); os.replace('data/new', 'data/latest'); open('data/latest/a').read()", "",
             ""),
            ("open('data/x').read()" + wait, "mv data/y data/x", changed.format("data/x")),
            ("open('data/x').read()" + wait, "echo z > data/z; mv data/z data/x", changed.format("data/x")),
            ("0" + wait + "open('data/made.txt').read()", "echo 1 > data/made.txt", made),
            ("0" + wait + "open('data/made.txt').read()", "cp -p data/old data/made.txt", made),
            ("os.mkdir('data/t'); open('data/t/a', 'w').close(); os.rename('data/t', 'data/t2'); open('data/t2/a')", "",
             ""),
            ("0" + wait + "import torch; open('data/made.pt').read()", "echo 1 > data/made.pt", ""),
        ):  # fmt: skip
            with self.subTest(source):
                for name in ("go", "went", "data/new", "data/t2/a", "data/made.txt"):
                    if os.path.lexists(os.path.join(self.dir, name)):
                        os.remove(os.path.join(self.dir, name))
                shutil.rmtree(os.path.join(self.dir, "data/t2"), ignore_errors=True)
                for name in ("x", "y"):
                    self.write("data/" + name, name)
                if os.path.lexists(linked):
                    os.remove(linked)
                os.symlink("v1", linked)
                shell = None
                if other:
                    script = f"until [ -e go ]; do sleep 0.01; done; {other}; touch went"
                    shell = subprocess.Popen(["sh", "-c", script], cwd=self.dir)
                run = self.exec("import os, sys, time\n" + source)
                if shell:
                    self.assertEqual(shell.wait(), 0)
                self.assertEqual(run["trace"].get("problems", []), [problem] if problem else [])

    def test_artifacts_of_an_earlier_run(self):
        """The record names the run of which the program has read an artifact in .runs, and no other file there."""
        self.write("w.bin", "x")
        self.runs("log", "x=1", "-a", "w.bin")
        first = self.show()["id"]
        source = "import glob; [open(f, 'rb').read() for f in glob.glob('.runs/2*/*/{}')]"
        for name, want in (("run.toml", []), ("artifacts/*", [
            f"the program read artifacts of run {first} in .runs, which are not recorded as data"
        ])):  # fmt: skip
            run = self.exec(source.replace("{}", name))
            self.assertEqual([p for p in run["trace"].get("problems", []) if "artifacts" in p], want)

    def test_secrets_by_other_names(self):
        """A hard link to a hidden file, and a file that is nothing but a key, are only counted."""
        self.write(".env", "DB=hunter2\n")
        os.link(os.path.join(self.dir, ".env"), os.path.join(self.dir, "data", "hard.csv"))
        self.write("data/k.txt", "da39a3ee5e6b4b0d3255bfef95601890afd80709\n")
        self.write("data/words.txt", "a-long-word-without-any-digit-in-it\n")
        run = self.exec("for name in ('hard.csv', 'k.txt', 'words.txt'): open('data/' + name).read()")
        self.assertEqual((self.noticed(run), run["trace"]["withheld"]), ({"words": 1}, 2))

    @unittest.skipIf(sys.platform == "win32", "Windows has no such names")
    def test_name_that_no_record_can_have(self):
        self.write(".gitignore", "dot.*\n")
        self.write("dot.", "x")
        run = self.exec("open('dot.').read()")
        self.assertEqual((self.noticed(run), run["trace"]["problems"]), ({}, ['no record can have the name of "dot."']))

    def test_code_outside_the_project(self):
        """Code outside the project is data, unless the environment has it."""
        lib = os.path.join(self.outside, "lib")
        self.write(f"{lib}/known.py", "K = 1\n")
        self.write(f"{lib}/pkg/__init__.py", "")
        self.write(f"{lib}/program.py", "import pkg\n")
        self.write(f"{self.outside}/edit/edited/__init__.py", "")
        self.write(f"{self.outside}/edit/edited/table.json", "{}")
        self.write("site-packages/edited-1.dist-info/direct_url.json",
                   json.dumps({"url": "file://" + self.outside + "/edit", "dir_info": {"editable": True}}))  # fmt: skip
        edited = f"sys.path[:0] = ['site-packages', '{self.outside}/edit']; import edited"
        for source, want in {
            f"sys.path.insert(0, {lib!r}); import known": ["known"],
            f"import runpy; runpy.run_path({lib!r} + '/known.py')": ["known"],
            f"exec(open({lib!r} + '/known.py').read())": ["known"],
            edited + "; open(edited.__file__[:-11] + 'table.json').read()": [],
        }.items():
            with self.subTest(source):
                for _ in range(2):  # the second time, from the cache of modules
                    self.assertEqual(sorted(self.noticed(self.exec("import sys\n" + source))), want)
        done = [self.binary, "exec", "--", sys.executable, lib + "/program.py"]
        subprocess.run(done, cwd=self.dir, env=self.env(PYTHONPATH="", HOME=self.home), check=True)
        self.assertEqual(sorted(self.noticed(self.show())), ["__init__", "program"])

    def test_changed_after_hashing(self):
        self.write("data/a.csv", "x")
        run = self.exec("import time; open('data/a.csv').read(); time.sleep(4); open('data/a.csv', 'w').write('y')")
        self.assertEqual(self.noticed(run), {"a": 1})
        self.assertNotIn("problems", run["trace"])

    def test_imported_packages(self):
        """The record names the installed packages that were imported, also for a run that the program itself begins."""
        for name in ("used", "unused"):
            self.write(f"site-packages/{name}/__init__.py", "")
        self.write("own.py", "")
        path = self.write("train.py", "import used, own\n")
        env = self.env(PYTHONPATH=os.path.join(self.dir, "site-packages"), HOME=self.home)
        subprocess.run([self.binary, "exec", "--", sys.executable, path], cwd=self.dir, env=env, check=True)
        self.show()
        self.assertIn("used", self.imported)
        self.assertFalse({"unused", "own", "os"} & set(self.imported))
        self.python("import sys; sys.path.append('site-packages'); import used, gitruns; gitruns.init().finish()")
        self.show()
        self.assertIn("used", self.imported)

    def test_sitecustomize_of_the_user(self):
        self.write("site/sitecustomize.py", "import builtins\nbuiltins.ours = 1\n")
        self.write("data/a.csv", "x")
        path = self.write("train.py", "assert ours == 1; open('data/a.csv').read()")
        os.utime(os.path.join(self.dir, "data/a.csv"), (1, 1))
        env = self.env(PYTHONPATH=os.path.join(self.dir, "site"), HOME=self.home)
        subprocess.run([self.binary, "exec", "--", sys.executable, path], cwd=self.dir, env=env, check=True)
        self.assertEqual(self.noticed(self.show()), {"a": 1})

    def test_program_that_closes_all_files(self):
        self.write("data/a.csv", "x")
        self.write("data/b.csv", "x")
        source = """
            import os
            open("data/a.csv").read()
            os.closerange(3, 4096)
            files = [os.open(f"data/out{i}", os.O_WRONLY | os.O_CREAT) for i in range(1000)]
            open("data/b.csv").read()
            assert all(os.fstat(f).st_size == 0 for f in files)
        """
        self.assertEqual(self.noticed(self.exec(textwrap.dedent(source))), {"a": 1, "b": 1})

    def test_data_beside_packages(self):
        """In a folder of PYTHONPATH, files of a package that was installed there are not data, and all others are."""
        self.write(".gitignore", "data\nvendor/\n")
        outside = os.path.join(self.outside, "lib")
        installed = os.path.join(self.outside, "installed")
        for folder in ("vendor", outside, installed):
            for name in ("pkg/__init__.py", "pkg/table.json", "pkg/sub/x.json", "train.csv", "data/a.csv"):
                self.write(f"{folder}/{name}", "")
        for folder in ("vendor", f"{self.outside}/installed"):
            self.write(f"{folder}/pkg-1.dist-info/METADATA", "Name: pkg\nVersion: 1\n")
        source = "import os, pkg; d = os.path.dirname(pkg.__file__)\n" + (
            "for n in ('table.json', 'sub/x.json', '../train.csv', '../data/a.csv'): open(os.path.join(d, n)).read()\n"
            "import importlib.metadata as m; list(m.distributions())"
        )
        vendor = os.path.join(self.dir, "vendor")
        for folder, begin, code in (
            (vendor, "vendor/", []),
            (outside, "", ["__init__", "x", "table"]),
            (installed, "", []),
        ):
            path = self.write("train.py", source)
            for top, _, names in [*os.walk(os.path.join(self.dir, "vendor")), *os.walk(self.outside)]:
                for name in names:
                    os.utime(os.path.join(top, name), (1_700_000_000, 1_700_000_000))
            env = self.env(PYTHONPATH=folder, HOME=self.home)
            subprocess.run([self.binary, "exec", "--", sys.executable, path], cwd=self.dir, env=env, check=True)
            run = self.show()
            want = [begin and begin + "data/a.csv", begin and begin + "train.csv"]
            got = [(d["name"].removesuffix("-2"), d.get("path", "")) for d in run["datasets"]]
            self.assertEqual(got, [("a", want[0]), *((name, "") for name in code), ("train", want[1])])
            self.assertEqual(run["trace"], {"road": "python", "files": 2 + len(code)})

    def test_end_of_hashing(self):
        """Ctrl-C ends the hashing at the end: the record has the listing, and says so."""
        self.write(".runs/config.toml", '[data]\nwait = "24h"\n')
        path = os.path.join(self.dir, "data", "big.bin")
        with open(path, "wb") as f:
            f.truncate(1 << 40)
        self.write(".runs/config.toml", '[data]\nwait = "24h"\nmax_auto_bytes = "2 TB"\n')
        os.utime(path, (1_700_000_000, 1_700_000_000))
        program = subprocess.Popen(
            [self.binary, "exec", "--", sys.executable, "-c", "open('data/big.bin', 'rb').read(1)"],
            cwd=self.dir, env=self.env(HOME=self.home), stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self.addCleanup(program.stderr.close)
        self.addCleanup(program.kill)
        printed = ""
        for line in program.stderr:
            printed += line
            if "press Ctrl-C" in line:
                program.send_signal(signal.SIGINT)
        self.assertEqual(program.wait(), 0, printed)
        run = self.show()
        self.assertEqual([d.get("hash") for d in run["datasets"]], ["listing"])
        self.assertIn("hashing was not complete in time", run["trace"]["problems"])
        self.assertIn("only names and sizes are recorded of big", printed)

    @unittest.skipUnless(sys.platform == "linux", "only Linux tells of which run a process is")
    def test_process_that_outlives_the_program(self):
        """What a process reads after the end is not known, and the record says so."""
        self.write("data/a.csv", "x")
        daemon = "import time; open('ready', 'w'); time.sleep(600); open('data/a.csv').read()"
        source = f"""
            import os, subprocess, sys, time
            p = subprocess.Popen([sys.executable, "-c", {daemon!r}], start_new_session=True)
            while not os.path.exists("ready"): time.sleep(0.01)
            open("pid", "w").write(str(p.pid))
        """
        run = self.exec(textwrap.dedent(source))
        with open(os.path.join(self.dir, "pid")) as f:
            os.kill(int(f.read()), signal.SIGKILL)
        problem = "a process of the program had not ended: what it reads later is not known"
        self.assertEqual(run["trace"]["problems"], [problem])

    def test_exception_of_a_signal_handler(self):
        """An exception that a handler raises reaches the program, also within the hook."""
        source = """
            import os, signal
            class Late(Exception): pass
            def late(*_): raise Late
            signal.signal(signal.SIGALRM, late)
            caught = 0
            for _ in range(200):
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.0005)
                    for i in range(10_000): open("config.json").close(); open(f"/dev/null").close()
                except Late:
                    caught += 1
            assert caught == 200, caught
        """
        self.exec(textwrap.dedent(source))

    def test_seeds_that_read_other_files(self):
        for i in range(40):
            self.write(f"data/{i}.txt", str(i))
        for seed in range(3):
            source = "import os, random; random.seed(int(os.environ['SEED']))\n" + (
                "[open(f'data/{i}.txt').read() for i in random.sample(range(40), 20)]"
            )
            self.exec(source, flags=("-p", f"seed={seed}", "-e", "s"), SEED=str(seed))
        groups = json.loads(self.runs("ls", "-e", "s", "--group-by", "replicates", "--json"))
        self.assertEqual([len(g["runs"]) for g in groups], [3])
        with open(os.path.join(self.dir, "data", "7.txt"), "w") as f:
            f.write("other")
        self.exec("[open(f'data/{i}.txt').read() for i in range(40)]", flags=("-p", "seed=9", "-e", "s"))
        self.exec(source, flags=("-p", "seed=2", "-e", "s", "--trace", "off"), SEED="2")

    def test_init_knows_what_was_read_before(self):
        self.write("data/a.csv", "x")
        os.utime(os.path.join(self.dir, "data/a.csv"), (1, 1))
        self.python("import gitruns; open('data/a.csv').read()\nrun = gitruns.init(); run.finish()")
        self.assertEqual(self.noticed(self.show()), {"a": 1})
        self.python("open('data/a.csv').read()\nimport gitruns; run = gitruns.init(mode='disabled'); run.finish()")

    def test_runs_of_one_process(self):
        """Each run has what the process has read until its end, also between two runs."""
        for name in "abc":
            self.write(f"data/{name}.csv", name)
            os.utime(os.path.join(self.dir, f"data/{name}.csv"), (1, 1))
        source = """
            import gitruns
            open("data/a.csv").read()
            run = gitruns.init(project="one"); run.finish()
            open("data/b.csv").read()
            run = gitruns.init(project="two"); open("data/c.csv").read(); run.finish()
        """
        self.python(textwrap.dedent(source))
        self.assertEqual(self.noticed(self.show("last=one")), {"a": 1})
        self.assertEqual(self.noticed(self.show("last=two")), {"a": 1, "b": 1, "c": 1})

    def test_reproduce(self):
        for i in range(30):
            self.write(f"data/{i}.txt", str(i))
        self.write("data/x.csv", "a\n1\n")
        source = "[open(f'data/{i}.txt').read() for i in range(20)]; open('data/x.csv').read()"
        run = self.exec(source)
        self.assertEqual(self.noticed(run), {"data": 21})
        self.runs("reproduce", "last", "--env", "none", "--in", self.dir + "-again")
        self.addCleanup(subprocess.run, ["rm", "-rf", self.dir + "-again"], check=True)
        self.assertEqual(len(os.listdir(self.dir + "-again/data")), 21)
        os.remove(os.path.join(self.dir, "data", "7.txt"))
        self.runs("reproduce", run["id"], "--env", "none", status=1)

    def again(self, run: dict, status: int = 0, **env: str) -> tuple[dict, str]:
        """Reproduce a run. Returns the record of the reproduction and what was printed."""
        done = subprocess.run(
            [self.binary, "reproduce", run["id"], "--env", "none"],
            cwd=self.dir, env=self.env(PYTHONPATH="", HOME=self.home, **env), capture_output=True, text=True,
            timeout=240, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        for line in done.stderr.splitlines():
            if "kept " in line:
                self.addCleanup(shutil.rmtree, os.path.dirname(line.split("kept ")[1].split(": ")[0]), True)
        return self.show(), done.stderr

    def test_reproduction_that_reads_the_project(self):
        """A reproduction says that its program reads the data of the project, and not the restored copy."""
        self.write("data/a.csv", "x")
        path = os.path.join(self.dir, "data", "a.csv")
        run = self.exec(f"open({path!r}).read(); open('config.json').read(); open('data/o', 'w').write('x')")
        again, printed = self.again(run)
        problem = "it read data/a.csv in the project, by an absolute path, and not in the restored source"
        self.assertEqual(again["trace"]["problems"], [problem])
        self.assertIn(problem, printed)
        run = self.exec("open('data/a.csv').read(); open('config.json').read()")
        again, printed = self.again(run)
        self.assertEqual(again["trace"], {"road": "python"})
        self.assertEqual([d["name"] for d in again["datasets"]], ["a"])

    def test_reproduction_that_reads_another_place(self):
        """Data outside the project is found by its variable, but a program that does not use it reads its old path."""
        for name, text in (("old", "x"), ("new", "x"), ("old/b", "y")):
            self.write(f"{self.outside}/{name}/a.csv", text)
        place = os.path.join(self.outside, "new", "a.csv")
        old = os.path.join(self.outside, "old", "a.csv")
        fixed = self.exec(f"open({old!r}).read()")
        used = self.exec(f"import os; open(os.environ.get('RUNS_DATA_A') or {old!r}).read()")
        _, printed = self.again(fixed)
        self.assertIn("its source does not name it", printed)
        for content, problems in (("x", None), ("other", 1)):
            self.write(old, content)
            again, printed = self.again(fixed, RUNS_DATA_A=place)
            self.assertIn(f"reads the path that it names itself, {old}, and not", printed)
            want = "it read a.csv in the place that it names, which differs from dataset a, "
            self.assertEqual(again["trace"].get("problems"), problems and [want + "unlike the run that it reproduces"])
            again, printed = self.again(used, RUNS_DATA_A=place)
            self.assertNotIn("names itself", printed)
            self.assertEqual((again["trace"], [d["name"] for d in again["datasets"]]), ({"road": "python"}, ["a"]))

    def test_a_python_2_starts_as_without_us(self) -> None:
        python = shutil.which("python2")
        if not python or subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode:
            self.skipTest("python2 is not installed")
        done = subprocess.run(
            [self.binary, "exec", "--", python, "-c", "print(1)"],
            cwd=self.dir,
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertEqual(done.stdout, "1\n")
        self.assertNotIn("sitecustomize", done.stderr)


if __name__ == "__main__":
    unittest.main()
