"""A training loop with accelerate that gitruns records. It needs only `import gitruns` and log_with="gitruns"."""

import torch
from accelerate import Accelerator

import gitruns  # noqa: F401 - makes log_with="gitruns" known

accelerator = Accelerator(log_with="gitruns", cpu=True)
accelerator.init_trackers(
    "lines", config={"lr": 0.1, "batch": 8}, init_kwargs={"gitruns": {"name": "line", "tags": ["small"]}}
)

x = torch.linspace(-1, 1, 64).reshape(-1, 1)
data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, 2 * x + 1), batch_size=8)
layer = torch.nn.Linear(1, 1)
layer, optimizer, data = accelerator.prepare(layer, torch.optim.SGD(layer.parameters(), lr=0.1), data)
for step, (inputs, targets) in enumerate(data):
    loss = torch.nn.functional.mse_loss(layer(inputs), targets)
    accelerator.backward(loss)
    optimizer.step()
    optimizer.zero_grad()
    accelerator.log({"train/loss": loss.item()}, step=step)
accelerator.end_training()
