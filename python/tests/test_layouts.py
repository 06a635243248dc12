"""What a program needs is recorded and comes back, or is named before it starts: one table of layouts of projects.

The layouts that need a library are left out unless it is installed, in this Python or in one that RUNS_TEST_LAYOUTS or
RUNS_TEST_MLFLOW names. With RUNS_TEST_LAYOUTS=off, those that are projects of their own are left out.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import unittest

from test_reads import WithReads, with_module


class Own:
    """A layout that is a project of its own.

    Its scripts know the folder W with the project and what belongs to it, the Python PY that has what it needs, and a
    virtual environment ENV that stays. The project is cloned to W/clone, and all else is moved to GONE.
    """

    def __init__(self, needs: str, setup: str, command: str, want: dict, missing: str, **more: str):
        self.needs, self.setup, self.command = needs, setup, command
        self.want = want  # the noticed datasets, with their numbers of files
        self.missing = missing  # what is printed of the piece that is missing, before anything is run
        self.data = more.get("data", "")  # where the data of the first dataset is, below GONE
        self.back = more.get("back", "")  # a script that brings what is missing back
        self.flags = more.get("flags", "")  # of exec
        self.refused = more.get("refused", "--env none")  # flags of the reproduction that is refused
        self.cwd = more.get("cwd", "")


TRAIN = (
    "printf 'print(open(\"data/x.csv\").read())\\n' > train.py; "
    "mkdir -p data; echo data/ > .gitignore; echo 1 > data/x.csv"
)
FIND = "set RUNS_DATA_X to a file or folder with the recorded content"
# A distribution in the environment that was installed from a folder or a file of W.
INSTALLED = (
    "set -- {}; site=$(echo $ENV/lib/python*/site-packages); mkdir $site/$1-0.1.dist-info; "
    "printf 'Name: %s\\nVersion: 0.1\\n' $1 > $site/$1-0.1.dist-info/METADATA; "
    'printf \'{{"url": "file://%s", %s}}\' $W/$2 "$3" > $site/$1-0.1.dist-info/direct_url.json; '
)

# Each layout is a project of its own, or what it needs, files that exist before the run, the program, and the datasets
# with their number of files.
LAYOUTS = {
    "ignored file": ("", {"data/a.csv": "x\n1\n"}, "open('data/a.csv').read()", {"a": 1}),
    "absolute path": ("", {"data/a.csv": "x\n1\n"}, "open(os.path.abspath('data/a.csv')).read()", {"a": 1}),
    "bytes path": ("", {"data/a.csv": "x\n1\n"}, "open(b'data/a.csv').read()", {"a": 1}),
    "pathlib": ("", {"data/a.csv": "x\n"}, "import pathlib; pathlib.Path('data', 'a.csv').read_text()", {"a": 1}),
    "os.open": ("", {"data/a.bin": "x"}, "os.close(os.open('data/a.bin', os.O_RDONLY))", {"a": 1}),
    "another folder": ("", {"data/a.csv": "x\n"}, "os.chdir('data'); open('a.csv').read()", {"a": 1}),
    "omitted from the tree": ("", {"w/model.pt": "x"}, "open('w/model.pt').read()", {"model": 1}),
    "large": ("", {"big.csv": "x\n" * 600_000}, "open('big.csv').read()", {"big": 1}),
    "tracked": ("", {"config.json": "{}"}, "open('config.json').read()", {}),
    "two files": ("", {"data/a.csv": "", "data/b.csv": "1"}, "[open(f'data/{n}.csv').read() for n in 'ab']",
                  {"a": 1, "b": 1}),
    "same names": ("", {"data/a/x.csv": "1", "data/b/x.csv": "2"}, "[open(f'data/{n}/x.csv').read() for n in 'ab']",
                   {"x": 1, "b/x": 1}),
    "image folder": ("", {f"data/img/{c}/{i}.png": f"{c}{i}" for c in "abc" for i in range(20)},
                     "[open(os.path.join(d, n), 'rb').read() for d, _, names in os.walk('data') for n in names]",
                     {"a": 20, "b": 20, "c": 20}),
    "many classes": ("", {f"data/img/{c}/{i}.png": f"{c}{i}" for c in range(40) for i in range(3)},
                     "[open(os.path.join(d, n), 'rb').read() for d, _, names in os.walk('data') for n in names]",
                     {"img": 120}),
    "some of a folder": ("", {f"data/{i}.txt": str(i) for i in range(100)},
                         "[open(f'data/{i}.txt').read() for i in range(30)]", {"data": 30}),
    "sqlite": ("", {}, "import sqlite3; sqlite3.connect('data/x.db').execute('select * from t').fetchall()", {"x": 1}),
    "sqlite uri": ("", {},
        "import sqlite3; sqlite3.connect('file:data/x.db?mode=ro', uri=True).execute('select 1 from t')",
                   {"x": 1}),
    "zip": ("", {}, "import zipfile; zipfile.ZipFile('data/x.zip').read('a')", {"x": 1}),
    "tar": ("", {}, "import tarfile; tarfile.open('data/x.tar').getmembers()", {"x": 1}),
    "gzip": ("", {}, "import gzip; gzip.open('data/x.gz').read()", {"x": 1}),
    "mmap": ("", {"data/a.bin": "xyz"},
            "import mmap; f=open('data/a.bin', 'rb'); mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)[:2]",
             {"a": 1}),
    "generated, then read": ("", {}, "open('data/new.csv', 'w').write('x'); open('data/new.csv').read()", {}),
    "made by a child, then read": (
        "", {}, "import subprocess; subprocess.run(['sh', '-c', 'echo x > data/new.csv']); open('data/new.csv').read()",
        {}),
    "appended": ("", {"data/log.txt": "x"}, "open('data/log.txt', 'a').write('y')", {}),
    "renamed over": ("", {"data/a.csv": "x"},
         "open('data/t.tmp', 'w').write('y'); os.replace('data/t.tmp', 'data/a.csv'); open('data/a.csv').read()",
                     {}),
    "not found": ("", {}, "os.path.exists('data/none'); open('data/none') if 0 else None", {}),
    "a pipe": ("", {}, "os.mkfifo('data/p'); f = os.open('data/p', os.O_RDONLY | os.O_NONBLOCK); os.close(f)", {}),
    "vanished": ("", {"data/a.csv": "x"}, "open('data/a.csv').read(); os.remove('data/a.csv')", {}),
    "odd names": ("", {"data/a\nb.csv": "x", "data/\udcff.csv": "y"},
                  "[open(os.path.join('data', n)).read() for n in os.listdir('data') if n[-4:] == '.csv']",
                  {"data": 2}),
    "a job's folder": ("", {"data/a.csv": "x"},
        "os.makedirs('outputs/1', exist_ok=True); os.chdir('outputs/1'); open('../../data/a.csv').read()", {"a": 1}),
    "make": ("make", {"data/a.csv": "x", "Makefile": "all: data/a.csv\n\t@python3 -c \"open('data/a.csv').read()\"\n"},
        "import subprocess; subprocess.run(['make'], check=True)", {"a": 1}),
    "subprocess": ("", {"data/a.csv": "x"},
                "import subprocess; subprocess.run([sys.executable, '-c', 'open(\"data/a.csv\").read()'], check=True)",
                   {"a": 1}),
    "fork": ("", {"data/a.csv": "x"},
        "import multiprocessing as m; m.get_context('fork').Pool(2).map(read, ['data/a.csv'])",
             {"a": 1}),
    "spawn": ("", {"data/a.csv": "x"},
              "import multiprocessing as m; m.get_context('spawn').Pool(2).map(read, ['data/a.csv'])", {"a": 1}),
    "hard exit": ("", {"data/a.csv": "x"}, "open('data/a.csv').read(); os._exit(0)", {"a": 1}),
    "outside": ("", {"../{outside}/a.csv": "x"}, "open('../{outside}/a.csv').read()", {"a": 1}),
    "outside folder": ("", {f"../{{outside}}/set/{i}.txt": "x" for i in range(20)},
                       "[open(f'../{outside}/set/{i}.txt').read() for i in range(20)]", {"set": 20}),
    "linked folder": ("", {"../{outside}/a.csv": "x"},
          "os.path.lexists('data/l') or os.symlink('../../{outside}', 'data/l'); open('data/l/a.csv').read()",
                      {"a": 1}),
    "hub cache": ("", {"{home}/.cache/huggingface/hub/models--org--name/snapshots/" + "a" * 40 + "/w/x.bin": "x"},
                  "open(os.path.expanduser('~/.cache/huggingface/hub/models--org--name/snapshots/" + "a" * 40
                  + "/w/x.bin')).read()", {"org/name": 1}),
    "ignored module": ("", {"local_module.py": "def f(): pass\n"}, "import local_module; local_module.f()",
                       {"local_module": 1}),
    "ignored module in a cache": ("", {"data/gen/__init__.py": "", "data/gen/ver.py": "K = 2\n"},
        "sys.path.append('data'); import py_compile; py_compile.compile('data/gen/ver.py'); import gen.ver",
                                  {"__init__": 1, "ver": 1}),
    "ignored program": ("", {"data/run.sh": "#!/bin/true\n"},
        "import subprocess; os.chmod('data/run.sh', 0o755); os.system('true; ./data/run.sh')"
        "; subprocess.run(['./run.sh'], cwd='data')", {"run": 1}),
    "ignored library": ("", {"data/l.so": "x"},
        "import ctypes\n    try: ctypes.CDLL('./data/l.so')\n    except OSError: pass", {"l": 1}),
    "numpy.memmap": ("numpy", {"data/a.bin": "x" * 80},
        "import numpy; numpy.memmap('data/a.bin', mode='r')[:2]", {"a": 1}),
    "numpy.load": ("numpy", {"data/a.txt": "1 2\n"}, "import numpy; numpy.loadtxt('data/a.txt')", {"a": 1}),
    "pandas": ("pandas", {"data/a.csv": "x,y\n1,2\n"}, "import pandas; pandas.read_csv('data/a.csv')", {"a": 1}),
    "git LFS": Own("git-lfs",
        "git lfs install --local > /dev/null; git lfs track '*.bin' > /dev/null; head -c 3000 /dev/zero > x.bin; "
        "echo 'print(len(open(\"x.bin\").read()))' > train.py",
        "python3 train.py", {}, "x.bin in Git LFS was not restored", back="mv $GONE/origin.git $W"),
    "DVC": Own("dvc",
        "dvc init -q; mkdir data ../store; seq 100 > data/x.csv; dvc add -q data/x.csv; "
        "dvc remote add -q -d r ../store; dvc push -q; echo 'print(open(\"data/x.csv\").read())' > train.py",
        "python3 train.py", {"x": 1}, "run 'dvc pull data/x.csv' in the project",
        back="mv $GONE/store $W; cd clone; dvc pull -q"),
    "git-annex": Own("",
        "mkdir -p .git/annex/objects/ab/cd/E-s2 data; echo 1 > .git/annex/objects/ab/cd/E-s2/E-s2; "
        "ln -s ../.git/annex/objects/ab/cd/E-s2/E-s2 data/x.csv; echo 'print(open(\"data/x.csv\").read())' > train.py",
        "python3 train.py", {"x": 1}, "run 'git annex get data/x.csv' in the project", data="project/data/x.csv"),
    "submodule": Own("",
        "git init -q ../lib; echo 'k = 5' > ../lib/lib.py; git -C ../lib add .; git -C ../lib commit -q -m lib; "
        "git submodule -q add file://$W/lib lib; echo 'import lib.lib; print(lib.lib.k)' > train.py",
        "python3 -B train.py", {}, "submodule lib was not restored", back="mv $GONE/lib $W"),
    "nested submodule": Own("",
        "git init -q ../deep; echo 'k = 6' > ../deep/deep.py; git -C ../deep add .; git -C ../deep commit -q -m deep; "
        "git init -q ../lib; git -C ../lib submodule -q add file://$W/deep deep; git -C ../lib commit -q -m lib; "
        "git submodule -q add file://$W/lib lib; git submodule -q update --init --recursive; "
        "echo 'import lib.deep.deep; print(lib.deep.deep.k)' > train.py",
        "python3 -B train.py", {}, "2 submodules were not restored: lib, lib/deep", back="mv $GONE/lib $GONE/deep $W"),
    "monorepo": Own("",
        "mkdir -p a/lib b; echo k = 7 > a/lib/m.py; cd b; $RUNS init > /dev/null 2>&1; " + TRAIN + "; "
        "echo 'import sys; sys.path.append(\"../a/lib\"); import m; print(m.k)' >> train.py",
        "python3 -B train.py", {"x": 1}, FIND, data="project/b/data/x.csv", cwd="b"),
    "notebook": Own("nbconvert", TRAIN + "; cp $NOTEBOOK train.ipynb",
        "$PY -m nbconvert --log-level ERROR --to notebook --execute --stdout train.ipynb > out.ipynb", {"x": 1}, FIND,
        data="project/data/x.csv"),
    "Hydra": Own("hydra",
        TRAIN + "; printf 'outputs/\\n' >> .gitignore; echo 'lr: 1' > config.yaml; cat > train.py <<END\n"
        "import hydra\n@hydra.main(version_base=None, config_path='.', config_name='config')\n"
        "def main(cfg): print(cfg.lr, open(hydra.utils.to_absolute_path('data/x.csv')).read())\nmain()\nEND",
        "$PY train.py hydra.job.chdir=True lr=3", {"x": 1}, FIND, data="project/data/x.csv"),
    "make, in stages": Own("make",
        TRAIN + "; echo build >> .gitignore; printf 'all: build/a\\n\\t@python3 train.py\\nbuild/a: data/x.csv\\n"
        "\\t@mkdir build; python3 train.py > build/a\\n' > Makefile",
        "make", {"x": 1}, FIND, data="project/data/x.csv"),
    "launcher of two processes": Own("",
        TRAIN + "; cat > launch.py <<END\nimport os, subprocess, sys\n"
        "for rank in '01':\n"
        "    subprocess.run([sys.executable, *sys.argv[1:]], env={**os.environ, 'RANK': rank}, check=True)\n"
        "END\nprintf 'import os\\nif os.environ[\"RANK\"] == \"1\": print(open(\"data/x.csv\").read())\\n' > train.py",
        "python3 -m launch train.py", {"x": 1}, FIND, data="project/data/x.csv"),
    "editable install": Own("",
        INSTALLED.format('lib lib \'"dir_info": {"editable": true}\'')
        + "git init -q ../lib; echo 'k = 8' > ../lib/lib.py; "
        "echo $W/lib > $site/lib.pth; git -C ../lib add .; git -C ../lib commit -q -m lib; "
        "echo 'import lib; print(lib.k)' > train.py",
        "$ENV/bin/python -B train.py", {}, "package lib cannot be installed as recorded", back="mv $GONE/lib $W",
        refused="--env venv"),
    "local wheel": Own("",
        "echo wheel > ../wl.whl; " + INSTALLED.format("wl wl.whl '\"archive_info\": {}'")
        + "echo 'k = 9' > $site/wl.py; echo 'import wl; print(wl.k)' > train.py",
        "$ENV/bin/python -B train.py", {}, "package wl cannot be installed as recorded", back="mv $GONE/wl.whl $W",
        refused="--env venv"),
    "pyarrow": Own("pyarrow",
        TRAIN + "; $PY -c \"import pyarrow as p, pyarrow.parquet as q; "
        "q.write_table(p.table({'a': [1]}), 'data/x.csv')\"; "
        "echo 'import pyarrow.parquet as q; print(q.read_table(\"data/x.csv\").num_rows)' > train.py",
        "$PY train.py", {"x": 1}, FIND, data="project/data/x.csv", flags="--trace syscalls"),
    "h5py": Own("h5py",
        TRAIN + "; $PY -c \"import h5py; h5py.File('data/x.csv', 'w').create_dataset('a', data=[1])\"; "
        "echo 'import h5py; print(h5py.File(\"data/x.csv\", \"r\")[\"a\"][0])' > train.py",
        "$PY train.py", {"x": 1}, FIND, data="project/data/x.csv", flags="--trace syscalls"),
}  # fmt: skip

PROGRAM = """
import os, sys
def read(path):
    return open(path).read()
if __name__ == "__main__":
    {}
"""


class TestLayouts(WithReads):
    def prepare(self, name: str, files: dict):
        for path, text in files.items():
            path = path.replace("{outside}", os.path.basename(self.outside)).replace("{home}", self.home)
            path = os.path.join(self.dir, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", errors="surrogateescape") as f:
                f.write(text)
        import gzip
        import sqlite3
        import tarfile
        import zipfile

        data = os.path.join(self.dir, "data")
        if name.startswith("sqlite"):
            with sqlite3.connect(os.path.join(data, "x.db")) as db:
                db.execute("create table t(a)")
        elif name == "zip":
            with zipfile.ZipFile(os.path.join(data, "x.zip"), "w") as z:
                z.writestr("a", "b")
        elif name == "tar":
            tarfile.open(os.path.join(data, "x.tar"), "w").close()
        elif name == "gzip":
            gzip.open(os.path.join(data, "x.gz"), "w").close()

    def test_layouts(self):
        """Each layout is recorded, and comes back from a fresh clone.

        With the project gone, `reproduce` names what is missing before it starts the program. With the data in another
        place, it finds the data by hash, or says that the program reads a path of its own.
        """
        subprocess.run(["git", "add", "config.json", ".gitignore"], cwd=self.dir, check=True)
        subprocess.run(["git", "commit", "-q", "-m", "start"], cwd=self.dir, env=self.env(), check=True)
        recorded = []
        for name, layout in LAYOUTS.items():
            if isinstance(layout, Own):
                continue
            needs, files, source, want = layout
            python = sys.executable if not needs or shutil.which(needs) else with_module(needs)
            if not python:
                print(f"the layout {name} is left out: {needs} is not installed")
                continue
            with self.subTest(name):
                os.rename(os.path.join(self.dir, "data"), f"{self.outside}/data-{len(recorded)}")
                os.makedirs(os.path.join(self.dir, "data"))
                self.prepare(name, files)
                source = source.replace("{outside}", os.path.basename(self.outside))
                run = self.exec(PROGRAM.replace("{}", source), python)
                got = self.noticed(run)
                self.assertEqual(got, want, self.printed)
                self.assertEqual(run["trace"]["road"], "python")
                if name == "vanished":
                    self.assertEqual(run["trace"]["problems"], ["data/a.csv no longer existed at the end"])
                elif name not in ("renamed over", "made by a child, then read", "ignored program", "make"):
                    self.assertNotIn("problems", run["trace"])
                recorded.append((name, run))
        os.rename(os.path.join(self.dir, "data"), f"{self.outside}/data-{len(recorded)}")
        self.runs("commit")
        fresh, gone, data = (self.dir + end for end in ("-fresh", "-gone", "-store"))
        subprocess.run(["git", "clone", "-q", self.dir, fresh], check=True)
        for old, new in ((self.dir, gone), (self.outside, data)):
            os.rename(old, new)
            os.makedirs(old)
            self.addCleanup(shutil.rmtree, new)
        self.addCleanup(shutil.rmtree, fresh)
        for n, (name, run) in enumerate(recorded, 1):
            with self.subTest("reproduce " + name):
                self.comes_back(fresh, name, run, f"{data}/data-{n}", gone)

    def comes_back(self, fresh: str, name: str, run: dict, data: str, gone: str):
        def again(**env: str) -> tuple[int, str]:
            done = subprocess.run(
                [self.binary, "reproduce", run["id"], "--env", "none", "--no-variables"], cwd=fresh,
                env=self.env(PYTHONPATH="", HOME=self.home, TMPDIR=self.outside, **env), capture_output=True, text=True,
                timeout=240, check=False,
            )  # fmt: skip
            return done.returncode, done.stderr

        datasets = [d for d in run.get("datasets", ()) if d.get("source_type") != "hugging_face"]
        if datasets:
            status, printed = again()
            self.assertEqual(status, 1, printed)
            self.assertNotIn("runs: recorded", printed)  # nothing was run
            named = [d["name"] for d in datasets if d["name"] in printed]
            self.assertEqual(len(named), len(datasets) if len(datasets) < 4 else 3, printed)
        env = {}
        for d in datasets:
            path = d.get("path", "")
            if name == "linked folder":
                place = os.path.join(os.path.dirname(data), "a.csv")
            elif path.startswith("data"):
                place = data + path[4:]
            elif path:
                place = os.path.join(gone, path)
            else:
                place = os.path.join(os.path.dirname(data), d["name"] if d["files"] > 1 else d["name"] + ".csv")
            env["RUNS_DATA_" + "".join(c if c.isalnum() else "_" for c in d["name"].upper())] = place
        status, printed = again(**env)
        if name == "vanished":
            self.assertIn("data/a.csv no longer existed at the end", printed)
        elif any("path" not in d for d in datasets):
            self.assertIn("the path that it names itself", printed)
        else:
            self.assertEqual(status, 0, printed)

    def own(self, name: str, layout: Own):
        """Record a project of its own, and reproduce it from a clone."""
        python = sys.executable
        if layout.needs and not shutil.which(layout.needs):
            python = with_module(layout.needs)
        if not python:
            print(f"the layout {name} is left out: {layout.needs} is not installed")
            return
        base = os.path.join(self.outside, name.replace(" ", "-").replace(",", ""))
        world, gone, env = base, base + "-gone", base + "-env"
        os.makedirs(os.path.join(world, "project"))
        notebook = {"cells": [{"cell_type": "code", "execution_count": None, "id": "a", "metadata": {}, "outputs": [],
                               "source": "print(open('data/x.csv').read())"}],
                    "metadata": {}, "nbformat": 4, "nbformat_minor": 5}  # fmt: skip
        with open(base + ".ipynb", "w") as f:
            json.dump(notebook, f)
        variables = {
            "W": world, "GONE": gone, "ENV": env, "PY": python, "RUNS": self.binary, "NOTEBOOK": base + ".ipynb",
            "PATH": os.pathsep.join([os.path.dirname(python)] * bool(layout.needs) + [os.environ["PATH"]]),
            "HOME": self.home, "PYTHONPATH": "", "DVC_NO_ANALYTICS": "1", "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "protocol.file.allow", "GIT_CONFIG_VALUE_0": "always",
        }  # fmt: skip

        def run(script: str, at: str = "", status: int = 0, **more: str) -> subprocess.CompletedProcess:
            done = subprocess.run(
                ["sh", "-ec", script], cwd=os.path.join(world, at), env=self.env(**variables, **more),
                capture_output=True, text=True, timeout=240, check=False,
            )  # fmt: skip
            self.assertEqual(done.returncode, status, script + "\n" + done.stdout + done.stderr)
            return done

        if "$ENV" in layout.command:
            run(f"{sys.executable} -m venv --without-pip $ENV")
        run("git init -q --bare -b main origin.git; git init -q -b main project")
        run("git remote add origin $W/origin.git; " + layout.setup, "project")
        run("git add -A; git commit -q -m first; git push -q -u origin main; "
            "find . -path ./.git -prune -o -type f -exec touch -h -d 2023-01-01 {} +", "project")  # fmt: skip
        cwd = os.path.join("project", layout.cwd)
        words = layout.command.split(" > ")[0]
        done = run(f"$RUNS exec --name run {layout.flags} -- {words}", cwd)
        if "are not watched" in done.stderr:
            print(f"the layout {name} is left out: {done.stderr}")
            return
        record = json.loads(run("$RUNS show run --json", cwd).stdout)
        noticed = {d["name"]: d["files"] for d in record.get("datasets", ()) if d.get("noticed")}
        self.assertEqual(noticed, layout.want, done.stderr)
        self.assertNotIn("cannot be fully restored", done.stderr)
        run("$RUNS commit; git push -q", cwd)
        run("git clone -q $W/origin.git $W/clone")
        os.rename(world, gone)
        os.mkdir(world)
        os.rename(os.path.join(gone, "clone"), os.path.join(world, "clone"))
        clone = os.path.join("clone", layout.cwd)
        again = "$RUNS reproduce run --no-variables "
        printed = run(again + layout.refused, clone, 1)
        self.assertIn(layout.missing, printed.stderr)
        self.assertNotIn("runs: recorded", printed.stderr)
        self.assertEqual(printed.stdout, "")  # nothing was run
        self.assertNotIn("1 fully restorable", run("$RUNS verify run", clone).stdout)
        if layout.back:
            run(layout.back)
        place = {"RUNS_DATA_X": os.path.join(gone, layout.data)} if layout.data else {}
        printed = run(again + "--env none", clone, **place)
        if name == "notebook":  # its cell has an id of its own each time
            self.assertIn('"1\\n"', done.stdout + printed.stdout)
        else:
            self.assertIn(done.stdout, printed.stdout)

    @unittest.skipIf(os.environ.get("RUNS_TEST_LAYOUTS") == "off", "another Python has tried the projects of their own")
    @unittest.skipIf(sys.platform == "win32", "the projects are made by shell scripts")
    def test_projects(self):
        """Each project comes back from a clone with the original gone; until then, what is missing is named."""
        for name, layout in LAYOUTS.items():
            if isinstance(layout, Own):
                with self.subTest(name):
                    self.own(name, layout)

    def test_table(self):
        """The table has the layouts that must come back."""
        must = {
            "ignored file", "outside", "linked folder", "git LFS", "DVC", "git-annex", "submodule", "nested submodule",
            "monorepo", "notebook", "Hydra", "make, in stages", "launcher of two processes", "pandas", "numpy.memmap",
            "pyarrow", "h5py", "sqlite", "zip", "tar", "image folder", "generated, then read", "fork", "spawn",
            "hub cache", "editable install", "local wheel", "a job's folder", "ignored module", "ignored library",
        }  # fmt: skip
        self.assertEqual(must - LAYOUTS.keys(), set())
        self.assertGreaterEqual(len(must), 30)


if __name__ == "__main__":
    unittest.main()
