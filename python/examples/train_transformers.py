"""A training with the Trainer that gitruns records. It needs only `import gitruns` and report_to="gitruns"."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

import gitruns  # noqa: F401 - makes report_to="gitruns" known

torch.manual_seed(0)
model = GPT2LMHeadModel(
    GPT2Config(vocab_size=32, n_positions=16, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0)
)
rows = [{"input_ids": row, "labels": row} for row in torch.arange(64 * 16).reshape(64, 16) % 31]

arguments = TrainingArguments(
    output_dir="out",
    report_to="gitruns",
    run_name="counting",
    max_steps=20,
    logging_steps=5,
    eval_strategy="steps",
    eval_steps=10,
    per_device_train_batch_size=8,
    learning_rate=1e-2,
    use_cpu=True,
    metric_for_best_model="loss",
    greater_is_better=False,
)
trainer = Trainer(model, arguments, train_dataset=rows[:48], eval_dataset=rows[48:])
trainer.train()
trainer.evaluate()  # belongs to the same run, which ends with the program
