"""The shim of wandb that `runs exec --wandb` puts on the path."""

from __future__ import annotations

import os
import sys
import unittest

from project import SRC, Project


class Shim(Project):
    def shim(self, source: str, **env: str) -> str:
        """Run source with the shim of the source folder, without exec, and return what it prints."""
        path = os.pathsep.join([os.path.join(SRC, "gitruns", "_shim"), SRC])
        return self.python(source, PYTHONPATH=path, **env).stdout

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
            "for name in ('integration.keras', 'integration.huggingface', 'integration.nothing', 'sdk.nothing',\n"
            "             'nothing'):\n"
            "    try:\n"
            "        import_module('wandb.' + name)\n"
            "    except ImportError as e:\n"
            "        print(e)\n"
            "try:\n"
            "    from wandb.sdk.lib import nothing\n"
            "except ImportError as e:\n"
            "    print(e)\n"
        ).splitlines()
        self.assertEqual(len(out), 6, out)
        self.assertIn("use gitruns.integrations.keras", out[0])
        self.assertIn("use gitruns.integrations.transformers", out[1])
        self.assertEqual(
            out[2:4] + out[5:],
            [
                "gitruns has no wandb.integration.nothing",
                "gitruns has no wandb.sdk.nothing",
                "gitruns has no wandb.sdk.lib.nothing",
            ],
        )

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
