"""A training with Lightning that GitrunsLogger records."""

import lightning.pytorch as pl
import torch

from gitruns.integrations.lightning import GitrunsLogger


class Line(pl.LightningModule):
    """y = a x + b, fitted to points."""

    def __init__(self, lr=0.1):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch, _):
        loss = torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, _):
        self.log("val/loss", torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)


x = torch.linspace(-1, 1, 64).reshape(-1, 1)
data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, 2 * x + 1), batch_size=8)
trainer = pl.Trainer(
    logger=GitrunsLogger(project="lines", name="line", log_model=True),
    max_epochs=2,
    log_every_n_steps=4,
    accelerator="cpu",
    enable_progress_bar=False,
    enable_model_summary=False,
    callbacks=[pl.callbacks.ModelCheckpoint(monitor="val/loss")],
)
trainer.fit(Line(), data, data)
