"""A small GPT-2 of Hugging Face that learns to write Python, byte by byte, from lines of which a third are
noise. `granularity` says what one sample is: here a sequence, whose loss is the mean of its tokens'.

    python examples/frameworks/language_model.py --lam -2
"""

from __future__ import annotations

import argparse
import inspect
import tempfile
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

from absgd_worker.integrations.hugging_face import AbsgdCallback

LENGTH = 64


class Sequences(Dataset[dict[str, Tensor]]):
    """Bytes of the source of torch's own functions: [N, LENGTH]."""

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"input_ids": self.rows[index], "labels": self.rows[index]}


def with_noise(rows: Tensor, share: float) -> Tensor:
    noise = torch.randint(32, 127, rows.shape)
    return torch.where(torch.rand(len(rows), 1) < share, noise, rows)


parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=400)
parser.add_argument("--granularity", choices=("sequence", "token"), default="sequence")
parser.add_argument("--lam", type=float, default=float("inf"))
arguments = parser.parse_args()

torch.manual_seed(0)
text = inspect.getsource(F).encode("ascii", "replace")
rows = torch.tensor(list(text[: len(text) // LENGTH * LENGTH])).reshape(-1, LENGTH)
rows = rows[torch.randperm(len(rows))]
model = GPT2LMHeadModel(
    GPT2Config(
        vocab_size=128, n_positions=LENGTH, n_embd=64, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0
    )
)
warm_up = arguments.steps // 4
options: dict[str, Any] = {"lam": lambda step: arguments.lam if step >= warm_up else float("inf")}
with tempfile.TemporaryDirectory() as folder:
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            folder,
            max_steps=arguments.steps,
            per_device_train_batch_size=16,
            per_device_eval_batch_size=64,
            gradient_accumulation_steps=2,
            learning_rate=2e-3,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        ),
        train_dataset=Sequences(with_noise(rows[300:], 1 / 3)),
        eval_dataset=Sequences(rows[:300]),
        callbacks=[AbsgdCallback(arguments.granularity, **options)],
    )
    trainer.train()
    print(f"loss on clean text {trainer.evaluate()['eval_loss']:.3f} nats a byte")
