"""A Trainer of transformers, which logs by its own MLflowCallback, and mlflow.transformers.log_model()."""

import os
import sys

import mlflow
import torch
from told import tell
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

os.environ["MLFLOW_EXPERIMENT_NAME"] = "trainer"
os.environ["HF_MLFLOW_LOG_ARTIFACTS"] = "1"
os.environ["MLFLOW_FLATTEN_PARAMS"] = "1"


class Rows(torch.utils.data.Dataset):
    def __init__(self, n):
        g = torch.Generator().manual_seed(0)
        self.ids, self.labels = torch.randint(0, 50, (n, 8), generator=g), torch.randint(0, 2, (n,), generator=g)

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return {"input_ids": self.ids[i], "labels": self.labels[i]}


set_seed(0)
config = BertConfig(
    vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
    max_position_embeddings=16, num_labels=2,
)  # fmt: skip
args = TrainingArguments(
    "out", num_train_epochs=2, per_device_train_batch_size=8, logging_steps=1, eval_strategy="epoch",
    save_strategy="epoch", report_to="mlflow", run_name="bert", use_cpu=True, disable_tqdm=True,
)  # fmt: skip
trainer = Trainer(BertForSequenceClassification(config), args, train_dataset=Rows(32), eval_dataset=Rows(16))
trainer.train()
trainer.evaluate()
mlflow.end_run()

mlflow.set_experiment("trainer")
with mlflow.start_run(run_name="whole"):
    mlflow.log_params(config.to_diff_dict())
    mlflow.pytorch.log_model(trainer.model, name="bert", serialization_format="pickle", pip_requirements=["torch"])
tell(sys.argv[1])
