"""A process records to its own run, to that of its starter, or to that of the program that started it."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest

from project import Project

CHILD = "import gitruns, sys\nwith gitruns.init({}) as r:\n    r.log({{'c': 1.0}})\n    print(r.run_id)\n"
PARENT = """
import gitruns, subprocess, sys
run = gitruns.init(name="outer", config={"lr": 1}, id="key")
out = subprocess.run([sys.executable, "child.py"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
run.log({"p": 1.0})
run.finish()
import os
assert "RUNS_ID" not in os.environ and "RUNS_STARTED_BY" not in os.environ
"""


class Children(Project):
    def runs_of(self, words: str, **env: str) -> list:
        self.write("child.py", CHILD.format(words))
        self.python(PARENT, **env)
        return [
            (r.get("name"), sorted(r.get("metrics", ())), r["params"] if "params" in r else {}, bool(r.get("parent")))
            for r in reversed(self.list())
        ]

    def test_a_program_that_a_program_with_a_run_starts(self) -> None:
        self.assertEqual(
            self.runs_of("name='inner', config={'lr': 2}"),
            [("outer", ["p"], {"lr": 1}, False), ("inner", ["c"], {"lr": 2}, True)],
        )

    def test_one_that_asks_to_share(self) -> None:
        shared = [("outer", ["c", "p"], {"lr": 1}, False)]
        for words in ("mode='shared'", "settings=gitruns.Settings(mode='shared')", "id='key'"):
            with self.subTest(words):
                self.assertEqual(self.runs_of(words)[-1:], shared)
        self.assertEqual(self.runs_of("", RUNS_JOIN="1")[-1:], shared)
        self.assertEqual(len(self.list()), 4)

    def test_ranks_that_a_program_starts(self) -> None:
        self.write("child.py", CHILD.format("name='inner'"))
        self.python(
            PARENT.replace("import gitruns, ", "import gitruns, os, ").replace(
                "out =", "os.environ.update(LOCAL_RANK='1', WORLD_SIZE='2')\nout ="
            )
        )
        self.assertEqual([r.get("name") for r in self.list()], ["outer"])
        self.write("child.py", CHILD.format("settings={'all_ranks': True}"))
        self.python(
            PARENT.replace("import gitruns, ", "import gitruns, os, ").replace(
                "out =", "os.environ.update(LOCAL_RANK='1', WORLD_SIZE='2')\nout ="
            )
        )
        self.assertEqual([sorted(r["metrics"]) for r in self.list()], [["p", "rank1/c"], ["p"]])

    def test_ranks_without_exec(self) -> None:
        source = (
            "import gitruns\nwith gitruns.init({}settings={{'all_ranks': True}}) as r:\n"
            "    r.log({{'x': 1.0}})\n    print(r.group, r.tags)\n"
        )
        for words, env, group in (
            ("", {"TORCHELASTIC_RUN_ID": "a-b"}, "a-b"),
            ("", {"TORCHELASTIC_RUN_ID": "none"}, "ranks-29511"),
            ("", {}, "ranks-29511"),
            ("group='own', tags=['t'], ", {"TORCHELASTIC_RUN_ID": "a-b"}, "own"),
        ):
            for rank in "01":
                with self.subTest(words, group=group, rank=rank):
                    done = self.python(source.format(words), RANK=rank, WORLD_SIZE="2", MASTER_PORT="29511", **env)
                    said = [line for line in done.stderr.splitlines() if "its own" in line]
                    self.assertEqual(
                        said,
                        [
                            f"gitruns: rank {rank} has its own run; "
                            "use 'runs exec -- torchrun …' for one run of all ranks"
                        ],
                    )
                    r = self.show()
                    self.assertEqual(
                        (r["group"], r["tags"]["rank"], list(r["metrics"])),
                        (group, rank, ["x" if rank == "0" else "rank1/x"]),
                    )
                    self.assertEqual(done.stdout, f"{group} {('t', 'rank') if words else ('rank',)}\n")
        self.python(source.format(""), RANK="0", WORLD_SIZE="1", MASTER_PORT="29511")
        self.assertEqual((self.show().get("group"), self.show().get("tags")), (None, None))

    def test_processes_of_one_exec(self) -> None:
        self.write(
            "rank.py", "import gitruns\nwith gitruns.init(settings={'all_ranks': True}) as r:\n    r.log({'x': 1.0})\n"
        )
        self.write(
            "launch.py",
            "import os, subprocess, sys\nfor k in range(2):\n"
            "    env = {**os.environ, 'RANK': str(k), 'WORLD_SIZE': '2', 'MASTER_PORT': '29511'}\n"
            "    subprocess.run([sys.executable, 'rank.py'], check=True, env=env)\n",
        )
        self.runs("exec", "--", sys.executable, "launch.py")
        self.assertEqual(
            [(sorted(r["metrics"]), r.get("group"), r.get("tags")) for r in self.list()],
            [(["rank1/x", "x"], None, None)],
        )
        # The processes of an exec inside a program with a run share the run of the exec, not that of the program.
        self.python(
            "import gitruns, os, subprocess, sys\ngitruns.init(name='outer')\n"
            "subprocess.run([os.environ['RUNS_BINARY'], 'exec', '--', sys.executable, 'rank.py'], check=True)\n"
        )
        self.assertEqual(
            [(r.get("name"), sorted(r.get("metrics", ()))) for r in self.list()][:2], [(None, ["x"]), ("outer", [])]
        )

    def test_workers_that_only_log(self) -> None:
        for method in ("spawn", "fork", "forkserver") if os.name != "nt" else ("spawn",):
            self.python(f"""
import gitruns, multiprocessing
def work(k):
    gitruns.log({{"w%d" % k: float(k)}}, labels={{"worker": str(k)}})
    assert gitruns.run is not None
    return k
if __name__ == "__main__":
    run = gitruns.init()
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        assert pool.map(work, range(4)) == [0, 1, 2, 3]
    run.log({{"parent": 1.0}})
""")
            self.assertEqual(
                (len(self.list()), sorted(self.show()["metrics"])),
                (1 + ("spawn", "fork", "forkserver").index(method), ["parent", "w0", "w1", "w2", "w3"]),
                method,
            )

    @unittest.skipIf(os.name == "nt", "skipped: Windows has no handler of SIGTERM")
    def test_a_pool_can_end_its_workers(self) -> None:
        """A worker that waits for a lock never calls a handler in Python, so the kernel has to end it."""
        self.python("""
import gitruns, multiprocessing, os, signal
def work(k):
    gitruns.log({"w": 1.0})
    return signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
def own(k):
    gitruns.init(name="own")
    return signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
if __name__ == "__main__":
    run = gitruns.init()
    assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
    for method in ("spawn", "fork", "forkserver"):
        for f in (work, own):
            with multiprocessing.get_context(method).Pool(1) as pool:
                assert pool.map(f, [0]) == [True], (method, f)
    if os.fork() == 0:
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        gitruns.init(name="forked", reinit="create_new")
        assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
        os._exit(0)
    assert os.wait()[1] == 0
    assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
""")

    def test_processes_of_multiprocessing_with_a_run_of_their_own(self) -> None:
        for method in ("spawn", "fork") if os.name != "nt" else ("spawn",):
            self.python(f"""
import gitruns, multiprocessing, sys
def work(k):
    run = gitruns.init(name="{method}%d" % k)
    run.log({{"a": float(k)}})
    if k == 1: raise ValueError("bad")
    if k > 1: sys.exit(3 if k == 2 else 0)
if __name__ == "__main__":
    gitruns.init(name="outer {method}")
    ps = [multiprocessing.get_context({method!r}).Process(target=work, args=(k,)) for k in range(4)]
    for p in ps: p.start()
    for p in ps: p.join()
    assert [p.exitcode for p in ps] == [0, 1, 3, 0]
""")
        runs = {r["name"]: r for r in self.list()}
        for method in ("spawn", "fork") if os.name != "nt" else ("spawn",):
            self.assertEqual(
                [runs[f"{method}{k}"]["status"] for k in range(4)], ["finished", "failed", "failed", "finished"], method
            )
            self.assertEqual([runs[f"{method}{k}"].get("exit_code") for k in range(1, 4)], [1, 3, 0], method)
            self.assertEqual({runs[f"{method}{k}"]["parent"] for k in range(3)}, {runs[f"outer {method}"]["id"]})

    def test_log_without_init_where_nobody_has_a_run(self) -> None:
        done = self.python("import gitruns\ngitruns.log({'a': 1})\n", status=1)
        self.assertIn("call gitruns.init() before gitruns.log()", done.stderr)


class Again(Project):
    def test_a_second_init(self) -> None:
        done = self.python("""
import gitruns
a = gitruns.init(name="a", config={"lr": 1}, tags=["t"])
assert gitruns.init() is a and gitruns.init(name="a", tags=["t"], config={"lr": 1}) is a
def library():
    b = gitruns.init(name="b", project="other", config={"lr": 2, "new": 3})
    assert b is a and a.config.lr == 1 and a.config.new == 3
library()
assert gitruns.init(reinit="return_previous", config={"lr": 3}) is a
assert gitruns.init(config={"lr": 4}, allow_val_change=True) is a and a.config.lr == 4
""")
        said = [line for line in done.stderr.splitlines() if "does not use" in line]
        self.assertEqual(len(said), 2, done.stderr)
        self.assertEqual(
            said[0],
            "gitruns: warning: run a is already active, so init() does not use name, project, config.lr; "
            "call finish() first, or use reinit='create_new'",
        )
        self.assertEqual([(r["name"], r["params"]) for r in self.list()], [("a", {"lr": 4, "new": 3})])

    JOBS = (
        # a loop
        "for lr in (1, 2):\n    gitruns.init(config={'lr': lr})\n    gitruns.log({'loss': lr})\n",
        # a function that is called for each job
        "def job(lr):\n    gitruns.init(config={'lr': lr})\n    gitruns.log({'loss': lr})\njob(1)\njob(2)\n",
        # the same below another function, as a launcher calls it
        "def setup(lr):\n    return gitruns.init(config={'lr': lr})\n"
        "def job(lr):\n    setup(lr).log({'loss': lr})\ndef launch():\n    for lr in (1, 2): job(lr)\nlaunch()\n",
        # a thread for each job, one after the other
        "import threading\ndef job(lr):\n    gitruns.init(config={'lr': lr})\n    gitruns.log({'loss': lr})\n"
        "for lr in (1, 2):\n    t = threading.Thread(target=job, args=(lr,))\n    t.start()\n    t.join()\n",
    )

    def test_two_jobs_of_one_process(self) -> None:
        """Each has its own run. Under exec the second is a child of the run of exec, which the first joined."""
        for source in self.JOBS:
            with self.subTest(source):
                done = self.python("import gitruns\n" + source)
                self.assertIn(
                    "this init() starts a second run, because its config has another value of lr", done.stderr
                )
                second, first = self.list()[:2]
                for r, lr in ((first, 1), (second, 2)):
                    self.assertEqual((r["params"], r["metrics"]["loss"]["last"]), ({"lr": lr}, lr))
                    self.assertEqual((r["status"], r.get("parent")), ("finished", None))
        self.runs("exec", "--", sys.executable, "train.py")
        second, first = self.list()[:2]
        self.assertEqual((second["parent"], second["params"], first["params"]), (first["id"], {"lr": 2}, {"lr": 1}))

    def test_one_job_that_calls_init_twice(self) -> None:
        done = self.python("""
import gitruns
def job():
    return gitruns.init(config={"lr": 1}, tags=["t"])
a = job()
assert job() is a and gitruns.init() is a and gitruns.init(config={"more": 2}) is a
def train():
    gitruns.init(config={"depth": 1}, reinit="finish_previous")
    def library():
        assert gitruns.init(config={"depth": 5}) is gitruns.run
    library()
train()
""")
        self.assertEqual([r["params"] for r in reversed(self.list())], [{"lr": 1, "more": 2}, {"depth": 1}])
        self.assertNotIn("second run", done.stderr)

    def test_an_id_of_its_own(self) -> None:
        self.python("import gitruns\nfor id in 'ab':\n    gitruns.init(id=id)\n    gitruns.init(id=id)\n")
        self.assertEqual([r["key"] for r in self.list()], ["b", "a"])

    def test_jobs_of_hydra(self) -> None:
        try:
            import hydra  # noqa: F401
        except ImportError:
            self.skipTest("hydra is not installed")
        done = self.python(
            "import gitruns, hydra\n@hydra.main(config_path=None, version_base=None)\ndef main(c):\n"
            "    gitruns.init(config=dict(c))\n    gitruns.log({'loss': c.lr})\n"
            "if __name__ == '__main__': main()\n",
            "-m",
            "+lr=0.1,0.2,0.2",
        )
        self.assertEqual(done.stderr.count("it is another job of Hydra"), 2, done.stderr)
        self.assertEqual([r["params"]["lr"] for r in reversed(self.list())], [0.1, 0.2, 0.2])

    def test_a_param_of_the_starter(self) -> None:
        self.write(
            "train.py",
            "import gitruns\nwith gitruns.init(config={'lr': 0.1, 'n': 1}) as r:\n"
            "    assert r.config.lr == 0.5, r.config\n    r.log({'a': 1.0})\n",
        )
        self.runs("exec", "-p", "lr=0.5", "--", sys.executable, "train.py")
        r = self.show()
        self.assertEqual((r["params"], r["conflicts"], r["status"]), ({"lr": 0.5, "n": 1}, {"lr": [0.1]}, "finished"))

    def test_a_notebook_may_change_its_config(self) -> None:
        from test_notebook import FAKE

        self.python(
            FAKE + "import gitruns\nrun = gitruns.init(config={'lr': 1})\ngitruns.config.lr = 0.5\nrun.finish()\n"
        )
        r = self.show()
        self.assertEqual(r["params"], {"lr": 0.5})
        self.assertNotIn("conflicts", r)


class Places(Project):
    def test_a_folder_that_cannot_be_written(self) -> None:
        answer = '{"error": {"kind": "readonly", "message": "setting up .runs: permission denied", "hint": ""}}'
        other = self.write("runs", f"#!/bin/sh\ncat > /dev/null\necho '{answer}'\nexit 1\n")
        os.chmod(other, 0o755)
        done = self.python("import gitruns\ngitruns.init()\n", status=1, RUNS_BINARY=other)
        self.assertIn("permission denied; make the folder writable ('chmod u+w'), set RUNS_REPO", done.stderr)

    def test_a_path_without_the_program(self) -> None:
        """Under exec the client finds the program that started it, as long as that one fits."""
        self.write("train.py", "import gitruns\ngitruns.init()\ngitruns.log({'a': 1})\n")
        env = {k: v for k, v in self.env().items() if k not in ("RUNS_BINARY", "PATH")}
        command = [self.binary, "exec", "--", sys.executable, "train.py"]
        done = subprocess.run(
            command,
            cwd=self.dir,
            env={**env, "PATH": os.defpath},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.points("a"), [(0, 1.0)])
        old = self.write("old/runs", "#!/bin/sh\ncat > /dev/null\necho '{\"protocol\": 0}'\n")
        os.chmod(old, 0o755)
        self.write("folder/runs", "not a program\n")
        other = self.write("path/runs", f"#!/bin/sh\nexec '{self.binary}' \"$@\"\n")
        os.chmod(other, 0o755)
        for program in (old, os.path.join(self.dir, "folder", "runs"), "/nowhere/runs"):
            env.update(RUNS_PROGRAM=program, PATH=os.path.dirname(other) + os.pathsep + os.defpath)
            done = subprocess.run(
                [sys.executable, "train.py"],
                cwd=self.dir,
                env=env,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            self.assertEqual(done.returncode, 0, program + done.stderr)
        self.assertEqual(len(self.list()), 4)
        env["PATH"] = os.defpath
        env["RUNS_PROGRAM"] = old
        done = subprocess.run(
            [sys.executable, "train.py"], cwd=self.dir, env=env, capture_output=True, text=True, check=False
        )
        self.assertIn("does not work with this client", done.stderr)

    def test_the_environment_of_the_python_that_runs(self) -> None:
        """A script hides it from exec, but the client says which one it is."""
        venv = os.path.join(self.dir, "own")
        made = subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], capture_output=True, check=False)
        if made.returncode:
            self.skipTest("this Python makes no virtual environment")
        self.write("train.py", "import gitruns\ngitruns.init()\ngitruns.log({'a': 1})\n")
        python = os.path.join(venv, "Scripts" if os.name == "nt" else "bin", "python")
        self.write("launch.py", f"import subprocess\nsubprocess.run([{python!r}, 'train.py'], check=True)\n")
        for command in ([sys.executable, "launch.py"], [python, "train.py"]):
            self.runs("exec", "--", *command)
            digest = self.show()["environment"]["digest"]
            found = [
                os.path.join(folder, name)
                for folder, _, names in os.walk(self.dir)
                for name in names
                if name == digest + ".toml"
            ]
            with open(found[0], encoding="utf-8") as f:
                self.assertIn('prefix = "{project}/own"', f.read())
        self.assertIn("as recorded", self.runs("verify", "last"))

    def test_wandb_dir(self) -> None:
        done = self.python("import gitruns\ngitruns.init().finish()\ngitruns.init().finish()\n", WANDB_DIR="/elsewhere")
        self.assertEqual(done.stderr.count("WANDB_DIR='/elsewhere' is not used"), 1)

    def test_an_installation_without_its_program(self) -> None:
        import shutil

        from project import SRC

        site = os.path.join(self.dir, "site-packages")
        shutil.copytree(
            os.path.join(SRC, "gitruns"),
            os.path.join(site, "gitruns"),
            ignore=shutil.ignore_patterns("_bin", "__pycache__"),
        )
        done = self.python(
            "import gitruns\ngitruns.init()\n", status=1, RUNS_BINARY="", PATH="/nowhere", PYTHONPATH=site
        )
        self.assertIn("pip install --force-reinstall gitruns", done.stderr)

    def test_console(self) -> None:
        for env in ({}, {"WANDB_CONSOLE": "wrap"}):
            self.python(
                "import gitruns\n"
                f"run = gitruns.init(settings={{}} if {bool(env)} else gitruns.Settings(console='wrap'))\n"
                "print('to be kept')\nrun.finish()\n",
                **env,
            )
            self.runs("artifacts", "last", "console.txt", "-o", "console.txt")
            with open(os.path.join(self.dir, "console.txt"), encoding="utf-8") as f:
                self.assertIn("to be kept", f.read())
            os.remove(os.path.join(self.dir, "console.txt"))


if __name__ == "__main__":
    unittest.main()
