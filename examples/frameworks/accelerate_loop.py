"""A plain loop under Accelerate: the criterion wrapped, everything else as it was. `accelerator.backward`
scales and divides what is a plain tensor.

    python examples/frameworks/accelerate_loop.py --lam -1
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
from accelerate import Accelerator
from digits import accuracy, noisy_digits, small_network
from torch import nn
from torch.utils.data import DataLoader

import absgd_worker as absgd

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=40)
parser.add_argument("--lam", type=float, default=float("inf"))
arguments = parser.parse_args()

torch.manual_seed(0)
accelerator = Accelerator(gradient_accumulation_steps=2)
train, test = noisy_digits()
network = small_network()
prepared: Any = accelerator.prepare(
    network,
    torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9),
    DataLoader(train, batch_size=16, shuffle=True),
)
model, optimizer, loader = prepared
criterion = absgd.wrap(nn.CrossEntropyLoss())
warm_up = 5 * len(loader) // 2
with absgd.session(
    accumulate=2, lam=lambda step: arguments.lam if step >= warm_up else float("inf")
) as session:
    for _ in range(arguments.epochs):
        for images, labels in loader:
            with accelerator.accumulate(model):
                accelerator.backward(criterion(model(images), labels))
                optimizer.step()
                optimizer.zero_grad()
accelerator.print(f"{session.captured} losses in {session.step} steps")
accelerator.print(f"test accuracy {accuracy(network, test):.3f}")
