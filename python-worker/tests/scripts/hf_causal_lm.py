"""Trains a small GPT-2 on next tokens with the Trainer: padded sequences, gradient accumulation."""

import sys
import tempfile

import torch
from transformers import GPT2Config, GPT2LMHeadModel, PrinterCallback, Trainer, TrainingArguments

accumulation = int(sys.argv[1]) if len(sys.argv) > 1 else 2
across_devices = "--local" not in sys.argv


class Lines(torch.utils.data.Dataset):
    def __len__(self):
        return 48

    def __getitem__(self, i):
        tokens = (torch.arange(20) * (i + 3) + i) % 50
        labels = tokens.clone()
        labels[12 + i % 8 :] = -100
        return {"input_ids": tokens, "attention_mask": (labels != -100).long(), "labels": labels}


torch.manual_seed(0)
model = GPT2LMHeadModel(
    GPT2Config(vocab_size=64, n_positions=24, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0)
)
with tempfile.TemporaryDirectory() as folder:
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            folder,
            max_steps=7,
            per_device_train_batch_size=4,
            gradient_accumulation_steps=accumulation,
            average_tokens_across_devices=across_devices,
            learning_rate=1e-3,
            save_strategy="no",
            logging_steps=1,
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        ),
        train_dataset=Lines(),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
for entry in trainer.state.log_history:
    kind = "train" if "loss" in entry else "whole"
    print(
        kind,
        {name: value for name, value in entry.items() if "runtime" not in name and "per_second" not in name},
    )
print(f"end {sum(p.double().sum().item() for p in model.parameters())!r} {torch.rand(1).item()!r}")
