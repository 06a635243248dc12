"""The logger for lightning.pytorch and pytorch_lightning, with small models that this file defines."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import unittest
import warnings

from library import Training, need

NAMESPACES = ("lightning.pytorch", "pytorch_lightning")


def setUpModule() -> None:
    need("torch")
    if not installed():
        raise unittest.SkipTest("neither lightning nor pytorch_lightning is installed")
    import logging

    warnings.simplefilter("ignore")
    for name in (*NAMESPACES, "lightning", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)


def installed() -> list:
    return [n for n in NAMESPACES if importlib.util.find_spec(n.partition(".")[0])]


def package():
    """Return the first of the packages that is installed."""
    return importlib.import_module(installed()[0])


def module(pl, fail_at: int = -1):
    """A LightningModule of pl: y = a x + b."""
    import torch

    class Line(pl.LightningModule):
        def __init__(self, lr=0.1):
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch, i):
            if self.global_step == fail_at:
                raise RuntimeError("broken data")
            loss = torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
            self.log("train/loss", loss)
            return loss

        def validation_step(self, batch, i):
            self.log("val/loss", torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1]))

        def test_step(self, batch, i):
            self.log("test/loss", torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1]))

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)

    torch.manual_seed(0)
    return Line()


def data():
    import torch

    x = torch.linspace(-1, 1, 32).reshape(-1, 1)
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, 2 * x + 1), batch_size=8)


def trainer(pl, logger, callbacks=(), **words):
    words = {
        "max_epochs": 2,
        "log_every_n_steps": 2,
        "accelerator": "cpu",
        "devices": 1,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": bool(callbacks),
        "num_sanity_val_steps": 0,
        **words,
    }
    return pl.Trainer(logger=logger, callbacks=list(callbacks), **words)


class Record(Training):
    def test_both_packages(self) -> None:
        import torch

        import gitruns
        from gitruns.integrations.lightning import logger_class

        for namespace in installed():
            with self.subTest(namespace):
                pl = importlib.import_module(namespace)
                logger = logger_class(namespace)(project="lines", name=namespace, tags=["a"])
                self.assertIsInstance(logger, pl.loggers.Logger)
                self.assertIsNone(gitruns.run)
                t = trainer(pl, logger)
                m = module(pl)
                logger.log_hyperparams({"activation": torch.relu})
                t.fit(m, data(), data())
                t.test(m, data(), verbose=False)
                self.assertEqual((logger.name, logger.version), ("lines", gitruns.run.id))
                gitruns.finish()
                r = self.show()
                self.assertEqual(
                    (r["name"], r["experiment"], r["status"], r["tags"]), (namespace, "lines", "finished", {"a": "yes"})
                )
                self.assertEqual([s for s, _ in self.points("train/loss")], [1, 3, 5, 7])
                self.assertEqual([s for s, _ in self.points("val/loss")], [3, 7])
                self.assertEqual([s for s, _ in self.points("test/loss")], [8])
                self.assertEqual([v for _, v in self.points("epoch")][:4], [0, 0, 0, 1])
                self.assertEqual(r["params"]["lr"], 0.1)
                self.assertIn("relu", str(r["params"]["activation"]))

    def test_a_logger_for_both_packages(self) -> None:
        """GitrunsLogger is a Logger of every package that is imported when it is first used."""
        from gitruns.integrations import lightning

        packages = [importlib.import_module(n) for n in installed()]
        logger = lightning.GitrunsLogger()
        self.assertEqual([isinstance(logger, p.loggers.Logger) for p in packages], [True] * len(packages))
        self.assertIs(lightning.GitrunsLogger, type(logger))

    def test_the_run_of_the_caller_stays_open(self) -> None:
        import gitruns
        from gitruns.integrations.lightning import GitrunsLogger

        pl = package()
        with gitruns.init(name="mine", config={"lr": 3.0}) as run:
            trainer(pl, GitrunsLogger(project="other")).fit(module(pl), data())
            self.assertIs(gitruns.run, run)
            run.log({"after": 1})
        self.assertEqual([r["name"] for r in self.list()], ["mine"])
        self.assertEqual(self.points("after"), [(7, 1.0)])
        self.assertEqual(self.show()["params"]["lr"], 0.1)

    def test_folds_are_runs(self) -> None:
        import gitruns
        from gitruns.integrations.lightning import GitrunsLogger

        pl = package()
        for fold in range(2):
            trainer(pl, GitrunsLogger(name=f"fold-{fold}", group="folds"), max_epochs=1).fit(module(pl), data())
        gitruns.finish()
        self.assertEqual(
            sorted((r["name"], r["group"], r["status"]) for r in self.list()),
            [("fold-0", "folds", "finished"), ("fold-1", "folds", "finished")],
        )

    def test_a_fit_that_fails(self) -> None:
        import gitruns
        from gitruns.integrations.lightning import GitrunsLogger

        pl = package()
        logger = GitrunsLogger()
        with self.assertRaisesRegex(RuntimeError, "broken data"):
            trainer(pl, logger).fit(module(pl, fail_at=5), data())
        self.assertIsNone(gitruns.run)
        r = self.show()
        self.assertEqual(r["status"], "failed")
        self.assertEqual([s for s, _ in self.points("train/loss")], [1, 3])
        # The logger resumes the run that failed.
        trainer(pl, logger, max_epochs=1).fit(module(pl), data())
        gitruns.finish()
        self.assertEqual(self.show()["resumes"], r["id"])

    def test_a_version_goes_on(self) -> None:
        import gitruns
        from gitruns.integrations.lightning import GitrunsLogger

        pl = package()
        for epochs in (1, 2):
            logger = GitrunsLogger(version="long", save_dir="out")
            last = pl.callbacks.ModelCheckpoint(save_last=True, dirpath="ckpt")
            trainer(pl, logger, [last], max_epochs=epochs).fit(
                module(pl), data(), ckpt_path="ckpt/last.ckpt" if epochs == 2 else None
            )
            self.assertEqual((logger.version, logger.save_dir), ("long", "out"))
            gitruns.finish()
        runs = self.list()
        self.assertEqual(self.show("last")["key"], "long")
        self.assertEqual([s for s, _ in self.points("train/loss", self.show("last")["id"])][-2:], [5, 7])
        self.assertTrue(self.show("last").get("resumes"), runs)

    def test_prefix_and_media(self) -> None:
        import numpy

        import gitruns
        from gitruns.integrations.lightning import GitrunsLogger

        logger = GitrunsLogger(prefix="a", project="p")
        logger.log_metrics({"loss": 0.5}, step=3)
        logger.log_image("seen", [numpy.zeros((4, 4, 3), "uint8")], step=3, caption=["black"])
        logger.log_table("rows", columns=["x"], data=[[1]], step=3)
        with self.assertRaisesRegex(TypeError, "images must be a list, got str"):
            logger.log_image("seen", "x.png")
        with self.assertRaisesRegex(ValueError, "caption must have one item per image, got 2 for 1 images"):
            logger.log_image("seen", [1], caption=["a", "b"])
        gitruns.finish()
        r = self.show()
        self.assertEqual(self.points("a-loss"), [(3, 0.5)])
        self.assertEqual(
            sorted((a["kind"], a["key"], a["step"]) for a in r["artifacts"]),
            [("image", "a-seen", 3), ("table", "a-rows", 3)],
        )

    def test_other_ranks_record_nothing(self) -> None:
        from lightning_utilities.core.rank_zero import rank_zero_only

        import gitruns
        from gitruns.integrations.lightning import GitrunsLogger

        logger = GitrunsLogger()
        before = rank_zero_only.rank
        rank_zero_only.rank = 1
        try:
            logger.log_metrics({"loss": 1.0}, step=1)
            logger.log_hyperparams({"lr": 1})
            logger.experiment.log({"x": 1})
            logger.experiment.config["x"] = 1
            logger.finalize("failed")
        finally:
            rank_zero_only.rank = before
        self.assertIsNone(gitruns.run)
        self.assertFalse(os.path.exists(".runs"))

    def test_disabled(self) -> None:
        import gitruns
        from gitruns.integrations.lightning import GitrunsLogger

        pl = package()
        trainer(
            pl, GitrunsLogger(mode="disabled", log_model=True), [pl.callbacks.ModelCheckpoint(monitor="val/loss")]
        ).fit(module(pl), data(), data())
        gitruns.finish()
        self.assertFalse(os.path.exists(".runs"))

    def test_wrong_words(self) -> None:
        from gitruns.integrations.lightning import GitrunsLogger

        with self.assertRaisesRegex(ValueError, "log_model must be True, False or 'all', got 'best'"):
            GitrunsLogger(log_model="best")
        with self.assertRaisesRegex(TypeError, "nonsense"):
            GitrunsLogger(nonsense=1).experiment.log({})


class Models(Training):
    def fit(self, log_model, **words):
        import gitruns
        from gitruns.integrations.lightning import GitrunsLogger

        pl = package()
        checkpoint = pl.callbacks.ModelCheckpoint(monitor="val/loss", **words)
        trainer(pl, GitrunsLogger(project="lines", log_model=log_model), [checkpoint], max_epochs=3).fit(
            module(pl), data(), data()
        )
        gitruns.finish()
        return self.show(), checkpoint

    def test_the_best(self) -> None:
        r, checkpoint = self.fit(True)
        best = r["summary"]
        self.assertEqual(best["best.monitor"], "val/loss")
        self.assertAlmostEqual(best["best.score"], float(checkpoint.best_model_score))
        self.assertEqual(os.path.abspath(best["best.checkpoint"]), checkpoint.best_model_path)
        self.assertEqual(r["metrics"]["val/loss"]["goal"], "min")
        kept = [a for a in r["artifacts"] if a["path"].endswith("model.ckpt")]
        self.assertEqual([a["bytes"] for a in kept], [os.path.getsize(checkpoint.best_model_path)])

    def test_all(self) -> None:
        r, _ = self.fit("all", save_top_k=-1)
        self.assertEqual(len([a for a in r["artifacts"] if a["path"].endswith("model.ckpt")]), 3)

    def test_none(self) -> None:
        r, _ = self.fit(False)
        self.assertEqual([a for a in r.get("artifacts", []) if a["path"].endswith(".ckpt")], [])
        self.assertIn("best.score", r["summary"])

    def test_watch(self) -> None:
        import gitruns
        from gitruns.integrations.lightning import GitrunsLogger

        pl = package()
        logger, m = GitrunsLogger(), module(pl)
        logger.watch(m, log_freq=1)
        trainer(pl, logger).fit(m, data())
        logger.unwatch(m)
        gitruns.finish()
        self.assertIn("gradients/", str(self.show()) + self.runs("show", "last"))
        self.assertTrue([a for a in self.show()["artifacts"] if a["path"].endswith("model.txt")])


class Pickle(Training):
    def test_a_copy_records_to_the_same_run(self) -> None:
        import pickle

        import gitruns
        from gitruns.integrations.lightning import GitrunsLogger

        class Mine(GitrunsLogger):
            pass

        globals()["Mine"] = Mine
        Mine.__qualname__ = "Mine"
        for kind in (GitrunsLogger, Mine):
            logger = kind(project="lines")
            copy = pickle.loads(pickle.dumps(logger))
            self.assertIs(type(copy), kind)
            self.assertEqual(copy.version, logger.version)
            copy.log_metrics({"loss": 1.0}, step=2)
            logger.log_metrics({"loss": 2.0}, step=3)
            gitruns.finish()
            self.assertEqual(self.points("loss"), [(2, 1.0), (3, 2.0)])

    def test_ddp_spawn(self) -> None:
        """Two processes are spawned with a pickled trainer, and their rank 0 records to the run of this program."""
        self.python(f"""
import sys
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
from test_lightning import data, package, trainer
import torch
pl = package()

class Line(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
    def training_step(self, batch, i):
        loss = torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
        self.log("train/loss", loss)
        return loss
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

if __name__ == "__main__":
    from gitruns.integrations.lightning import GitrunsLogger
    logger = GitrunsLogger(name="spawned")
    trainer(pl, logger, devices=2, strategy="ddp_spawn", log_every_n_steps=1, max_epochs=1).fit(Line(), data())
    logger.log_metrics({{"after": 1.0}}, step=9)
""")
        r = self.show()
        self.assertEqual((r["name"], r["status"], len(self.list())), ("spawned", "finished", 1))
        self.assertEqual([s for s, _ in self.points("train/loss")], [0, 1])
        self.assertEqual(self.points("after"), [(9, 1.0)])


class Programs(Training):
    def test_the_example(self) -> None:
        need("lightning")
        self.example("train_lightning.py")
        r = self.show()
        self.assertEqual((r["name"], r["experiment"], r["status"]), ("line", "lines", "finished"))
        self.assertEqual([s for s, _ in self.points("val/loss")], [7, 15])
        self.assertEqual(r["params"]["lr"], 0.1)
        self.assertTrue([a for a in r["artifacts"] if a["path"].endswith("model.ckpt")])

    def test_the_librarys_own_wandb_logger(self) -> None:
        self.write(
            "train.py",
            f"""
import sys
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
from test_lightning import data, module, package, trainer
pl = package()
m = module(pl)
logger = pl.loggers.WandbLogger(name="theirs", project="lines", log_model=True)
logger.watch(m, log_freq=1)
t = trainer(pl, logger, [pl.callbacks.ModelCheckpoint(monitor="val/loss")])
t.fit(m, data(), data())
t.test(m, data(), verbose=False)
logger.log_table("rows", columns=["x"], data=[[1]])
logger.log_image("seen", [__import__("numpy").zeros((4, 4, 3), "uint8")])
""",
        )
        self.runs("exec", "--wandb", "--", sys.executable, "train.py")
        r = self.show()
        self.assertEqual((r["status"], r["params"]["lr"]), ("finished", 0.1))
        self.assertEqual(len(self.points("train/loss")), 4)
        self.assertIn(8.0, [v for _, v in self.points("trainer/global_step")])
        self.assertTrue([a for a in r["artifacts"] if a["path"].endswith("model.ckpt")])
        self.assertTrue([a for a in r["artifacts"] if a.get("key") == "seen"])


if __name__ == "__main__":
    unittest.main()
