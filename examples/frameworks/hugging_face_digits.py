"""A vision transformer of Hugging Face, made from its configuration and trained by the Trainer; the callback
is the line that is new.

    python examples/frameworks/hugging_face_digits.py --lam -1
"""

from __future__ import annotations

import argparse
import tempfile
from typing import Any

import torch
from digits import noisy_digits
from torch.utils.data import Dataset, TensorDataset
from transformers import Trainer, TrainingArguments, ViTConfig, ViTForImageClassification

from absgd_worker.integrations.hugging_face import AbsgdCallback


class Images(Dataset[dict[str, Any]]):
    def __init__(self, data: TensorDataset) -> None:
        self.images, self.labels = data.tensors

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"pixel_values": self.images[index], "labels": int(self.labels[index])}


def measure(predictions: Any) -> dict[str, float]:
    return {"accuracy": float((predictions.predictions.argmax(-1) == predictions.label_ids).mean())}


parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=40)
parser.add_argument("--lam", type=float, default=float("inf"))
arguments = parser.parse_args()

torch.manual_seed(0)
train, test = noisy_digits()
config = ViTConfig(
    image_size=8,
    patch_size=2,
    num_channels=1,
    hidden_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=96,
)
config.num_labels = 10
model = ViTForImageClassification(config)
warm_up = 5 * len(train) // 32
with tempfile.TemporaryDirectory() as folder:
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            folder,
            num_train_epochs=arguments.epochs,
            per_device_train_batch_size=32,
            per_device_eval_batch_size=600,
            learning_rate=2e-3,
            eval_strategy="epoch",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        ),
        train_dataset=Images(train),
        eval_dataset=Images(test),
        compute_metrics=measure,
        callbacks=[AbsgdCallback(lam=lambda step: arguments.lam if step >= warm_up else float("inf"))],
    )
    trainer.train()
    print(f"test accuracy {trainer.evaluate()['eval_accuracy']:.3f}")
