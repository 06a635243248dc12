"""The shim of wandb that `runs exec --wandb` puts on the path."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest

from project import SRC, Project


class Shim(Project):
    def shim(self, source: str, **env: str) -> str:
        """Run source with the shim of the source folder, without exec, and return what it prints."""
        return self.shim_result(source, **env).stdout

    def shim_result(self, source: str, **env: str) -> subprocess.CompletedProcess:
        path = os.pathsep.join([os.path.join(SRC, "gitruns", "_shim"), SRC])
        return self.python(source, PYTHONPATH=path, **env)

    def test_live(self) -> None:
        out = self.shim(
            "import wandb, gitruns\n"
            "assert wandb.run is None and 'run' in dir(wandb)\n"
            "wandb.config = {'a': 1}\n"
            "run = wandb.init(config={'lr': 0.1})\n"
            "assert wandb.run is run is gitruns.run\n"
            "assert (wandb.config.a, wandb.config.lr) == (1, 0.1)\n"
            "wandb.log({'loss': 1.0}); wandb.summary['best'] = 2; wandb.extra = 3\n"
            "assert gitruns.extra == 3; del wandb.extra; assert 'extra' not in vars(gitruns)\n"
            "wandb.finish(); assert wandb.run is None\n"
            "print(wandb.__version__, gitruns.__version__ != wandb.__version__, wandb.__name__)\n"
        )
        self.assertEqual(out, "0.31.0 True wandb\n")
        self.assertEqual(self.points("loss"), [(0, 1.0)])
        self.assertEqual(self.show()["params"], {"a": 1, "lr": 0.1})

    def test_submodules(self) -> None:
        self.shim(
            "import wandb.sdk, wandb.util, wandb.env, wandb.sdk.lib\n"
            "from wandb import Image\n"
            "from wandb.errors import CommError\n"
            "from wandb.sdk.lib import RunDisabled, config_util\n"
            "from wandb.sdk.lib.config_util import ConfigError\n"
            "from wandb.sdk.data_types.image import Image as Other\n"
            "from wandb.sdk.wandb_run import Run\n"
            "from wandb.wandb_run import Run as Old\n"
            "from wandb.sdk.data_types.base_types.wb_value import WBValue\n"
            "from wandb.sdk.lib.printer import new_printer\n"
            "from wandb.sklearn import plot_confusion_matrix\n"
            "import wandb.sklearn\n"
            "new_printer().display('said'); assert wandb.sklearn.plot_roc\n"
            "from wandb.sdk import *\n"
            "import gitruns\n"
            "assert Image is Other is gitruns.Image and Run is Old is gitruns.Run\n"
            "assert CommError is gitruns.CommError and ConfigError is config_util.ConfigError is gitruns.ConfigError\n"
            "assert len(wandb.util.generate_id()) == 8\n"
            "assert isinstance(wandb.init(mode='disabled'), (RunDisabled, Run))\n"
        )

    def test_submodules_without_an_import_of_their_own(self) -> None:
        self.shim(
            "import wandb, gitruns\n"
            "def f(run: wandb.sdk.wandb_run.Run) -> wandb.sdk.lib.RunDisabled: pass\n"
            "assert wandb.sdk.wandb_run.Run is wandb.wandb_run.Run is gitruns.Run\n"
            "assert wandb.data_types.Image is gitruns.Image and wandb.sdk.data_types.image.Image is gitruns.Image\n"
            "from wandb import sdk\n"
            "assert sdk is wandb.sdk\n"
        )

    def test_tensorboard_before_init(self) -> None:
        out = self.shim(
            "import wandb\n"
            "wandb.tensorboard.patch(root_logdir='logs'); wandb.tensorboard.patch()\n"
            "for options in ({}, {}, {'sync_tensorboard': True}):\n"
            "    with wandb.init(**options) as run:\n"
            "        print(run._tensorboard)\n"
            "wandb.tensorboard.patch(root_logdir='logs'); wandb.tensorboard.unpatch()\n"
            "print(wandb.init()._tensorboard)\n"
        ).splitlines()
        self.assertEqual(out, [str({"dirs": [os.path.join(self.dir, "logs")]}), "None", str({"dirs": []}), "None"])

    def test_metadata(self) -> None:
        out = self.shim(
            "import importlib.metadata as m, importlib.util as u\n"
            "spec = u.find_spec('wandb')\n"
            "import wandb\n"
            "assert spec.name == u.find_spec('wandb').name == 'wandb' and wandb.__spec__.origin == spec.origin\n"
            "print(m.version('wandb'), m.metadata('wandb')['Name'], u.find_spec('wandb.sdk.lib').name)\n"
        )
        self.assertEqual(out, "0.31.0 wandb wandb.sdk.lib\n")

    def test_missing(self) -> None:
        out = self.shim(
            "from importlib import import_module\n"
            "for name in ('integration.nothing', 'sdk.nothing', 'nothing'):\n"
            "    try:\n"
            "        import_module('wandb.' + name)\n"
            "    except ImportError as e:\n"
            "        print(e)\n"
            "try:\n"
            "    from wandb.sdk.lib import nothing\n"
            "except ImportError as e:\n"
            "    print(e)\n"
        ).splitlines()
        self.assertEqual(len(out), 4, out)
        self.assertEqual(
            out[:2] + out[3:],
            [
                "gitruns has no wandb.integration.nothing",
                "gitruns has no wandb.sdk.nothing",
                "gitruns has no wandb.sdk.lib.nothing",
            ],
        )

    def test_integrations_without_a_counterpart(self) -> None:
        r = self.shim_result(
            "from wandb.integration.prodigy import upload_dataset\n"
            "from wandb.integration.ultralytics import add_wandb_callback\n"
            "from wandb.integration.openai.fine_tuning import WandbLogger\n"
            "from wandb.integration.huggingface import autolog\n"
            "from wandb.integration.lightning.fabric import WandbLogger as Fabric\n"
            "from wandb.apis.public import Api\n"
            "import wandb\n"
            "class Own(Fabric):\n    pass\n"
            "wandb.init()\n"
            "upload_dataset('x'); add_wandb_callback(object(), enable_model_checkpointing=True).on_fit_end()\n"
            "WandbLogger.sync() if hasattr(WandbLogger, 'sync') else WandbLogger().sync(fine_tune_job_id='x')\n"
            "@Own()\ndef f(): return 7\n"
            "assert f() == 7\n"
            "with autolog({'project': 'p'}): pass\n"
            "wandb.log({'a': 1}); print('trained on')\n"
            "try:\n    Api()\nexcept wandb.errors.UsageError as e:\n    print(e)\n"
        )
        lines = r.stdout.splitlines()
        self.assertEqual((lines[0], len(lines)), ("trained on", 2), r)
        self.assertIn("use gitruns.runs(expression)", lines[1])
        self.assertIn("wandb.integration.prodigy.upload_dataset, which records nothing; use gitruns.log", r.stderr)
        self.assertEqual(self.points("a"), [(0, 1.0)])

    def test_fastai_1(self) -> None:
        self.write(
            "fastai/callbacks.py",
            "class TrackerCallback:\n"
            "    def __init__(self, learn, monitor='valid_loss', mode='auto'):\n"
            "        self.learn, self.monitor = learn, monitor\n"
            "        self.operator = lambda a, b: b is None or a < b\n"
            "    def on_train_begin(self, **kwargs): self.best = None\n"
            "    def get_monitor_value(self): return self.learn.value\n",
        )
        self.write("fastai/__init__.py", "")
        self.shim(
            "import sys; sys.path.insert(0, '.')\n"
            "from types import SimpleNamespace as Of\n"
            "import wandb\n"
            "from wandb.fastai import WandbCallback\n"
            "wandb.init()\n"
            "names = ['epoch', 'train_loss', 'valid_loss']\n"
            "learn = Of(value=0.5, recorder=Of(names=names), save=lambda f: f.write(b'm'),\n"
            "           load=lambda f, purge: print(f.read()))\n"
            "c = WandbCallback(learn, log=None)\n"
            "c.on_train_begin()\n"
            "for epoch in range(3): c.on_epoch_end(epoch, 0.75, [0.5])\n"
            "c.on_train_end()\n"
        )
        self.assertEqual(self.points("valid_loss"), [(0, 0.5), (1, 0.5), (2, 0.5)])
        self.assertIn("bestmodel.pth", [os.path.basename(a["path"]) for a in self.show()["artifacts"]])

    def test_shadows_an_installed_wandb(self) -> None:
        self.write("site/wandb/__init__.py", "__version__ = '0.1.0'\n")
        self.write("site/wandb-0.1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: wandb\nVersion: 0.1.0\n")
        os.makedirs(os.path.join(self.dir, "wandb"))  # W&B leaves such a folder in a project
        self.write(
            "train.py",
            "import importlib.metadata, wandb\nprint(wandb.__version__, importlib.metadata.version('wandb'))\n",
        )
        out = self.runs(
            "exec",
            "--wandb",
            "--",
            sys.executable,
            "train.py",
            PYTHONPATH=os.path.join(self.dir, "site"),
            XDG_CACHE_HOME=os.path.join(self.dir, "cache"),
        )
        self.assertEqual(out, "0.31.0 0.31.0\n")


if __name__ == "__main__":
    unittest.main()
