"""Fine-tunes a small BERT for classification with the Trainer, as its examples do."""

import sys
import tempfile

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

accumulation = int(sys.argv[1]) if len(sys.argv) > 1 else 1


class Sentences(torch.utils.data.Dataset):
    def __init__(self, count, seed):
        generator = torch.Generator().manual_seed(seed)
        self.words = torch.randint(1, 60, (count, 12), generator=generator)

    def __len__(self):
        return len(self.words)

    def __getitem__(self, i):
        return {
            "input_ids": self.words[i],
            "attention_mask": torch.ones(12, dtype=torch.long),
            "labels": int(self.words[i].sum()) % 3,
        }


def compute_metrics(predictions):
    return {"accuracy": float((predictions.predictions.argmax(-1) == predictions.label_ids).mean())}


torch.manual_seed(0)
model = BertForSequenceClassification(
    BertConfig(
        vocab_size=64,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=16,
        num_labels=3,
    )
)
with tempfile.TemporaryDirectory() as folder:
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            folder,
            num_train_epochs=2,
            per_device_train_batch_size=8,
            gradient_accumulation_steps=accumulation,
            learning_rate=1e-3,
            eval_strategy="epoch",
            save_strategy="no",
            logging_steps=1,
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        ),
        train_dataset=Sentences(64, seed=1),
        eval_dataset=Sentences(32, seed=2),
        compute_metrics=compute_metrics,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
for entry in trainer.state.log_history:
    kind = "train" if "loss" in entry else "eval" if "eval_loss" in entry else "whole"
    print(
        kind,
        {name: value for name, value in entry.items() if "runtime" not in name and "per_second" not in name},
    )
print(f"end {sum(p.double().sum().item() for p in model.parameters())!r} {torch.rand(1).item()!r}")
