"""PyTorch Lightning with mlflow.pytorch.autolog(), and with Lightning's own logger."""

import sys

import lightning as pl
import mlflow
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import MLFlowLogger
from told import tell
from torch.utils.data import DataLoader, TensorDataset


class Regression(pl.LightningModule):
    def __init__(self, width=4, lr=0.05):
        super().__init__()
        self.save_hyperparameters()
        self.net = torch.nn.Sequential(torch.nn.Linear(2, width), torch.nn.ReLU(), torch.nn.Linear(width, 1))

    def forward(self, x):
        return self.net(x)

    def _loss(self, batch, name):
        x, y = batch
        loss = torch.nn.functional.mse_loss(self(x), y)
        self.log(name, loss, on_epoch=True, on_step=name == "train_loss")
        return loss

    def training_step(self, batch, _):
        return self._loss(batch, "train_loss")

    def validation_step(self, batch, _):
        self._loss(batch, "val_loss")

    def test_step(self, batch, _):
        self._loss(batch, "test_loss")

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)


def data():
    torch.manual_seed(0)
    x = torch.rand(64, 2)
    return DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=16)


def trainer(logger, *callbacks):
    options = {"enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu", "max_epochs": 3}
    return pl.Trainer(**options, log_every_n_steps=1, logger=logger, callbacks=list(callbacks))


mlflow.set_experiment("lightning")
mlflow.pytorch.autolog(checkpoint=True)
pl.seed_everything(1)
fit = trainer(False, EarlyStopping("val_loss", patience=2), ModelCheckpoint(dirpath="checkpoints"))
with mlflow.start_run(run_name="autolog") as run:
    model = Regression()
    fit.fit(model, data(), data())
    fit.test(model, data(), verbose=False)
mlflow.pytorch.autolog(disable=True)
loaded = mlflow.pytorch.load_model(f"runs:/{run.info.run_id}/model")
assert torch.allclose(loaded(torch.ones(1, 2)), model(torch.ones(1, 2)))

pl.seed_everything(1)
logger = MLFlowLogger("lightning", run_name="logger", tracking_uri=mlflow.get_tracking_uri(), log_model=True)
trainer(logger, ModelCheckpoint(dirpath="checkpoints2", monitor="val_loss")).fit(Regression(), data(), data())
assert mlflow.get_run(logger.run_id).data.metrics["val_loss"] > 0
tell(sys.argv[1])
