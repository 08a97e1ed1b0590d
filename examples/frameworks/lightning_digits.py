"""A Lightning module as it was; the callback is the line that is new.

python examples/frameworks/lightning_digits.py --lam -1
"""

from __future__ import annotations

import argparse
import tempfile
from typing import Any

import lightning as L
import torch
import torch.nn.functional as F
from digits import accuracy, noisy_digits, small_network
from torch import Tensor
from torch.utils.data import DataLoader

from absgd_worker.integrations.lightning import AbsgdCallback


class Digits(L.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.network = small_network()

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        images, labels = batch
        return F.cross_entropy(self.network(images), labels)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        images, labels = batch
        self.log("val_accuracy", (self.network(images).argmax(1) == labels).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)


parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=40)
parser.add_argument("--lam", type=float, default=float("inf"))
arguments = parser.parse_args()

L.seed_everything(0, verbose=False)
train, test = noisy_digits()
loader = DataLoader(train, batch_size=32, shuffle=True)
warm_up = 5 * len(loader)
module = Digits()
with tempfile.TemporaryDirectory() as folder:
    trainer = L.Trainer(
        max_epochs=arguments.epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=[AbsgdCallback(lam=lambda step: arguments.lam if step >= warm_up else float("inf"))],
    )
    trainer.fit(module, loader, DataLoader(test, batch_size=600))
print(f"test accuracy {accuracy(module.network, test):.3f}")
