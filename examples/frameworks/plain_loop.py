"""A loop of one's own, with three lines more: the import, the criterion wrapped, the session.

python examples/frameworks/plain_loop.py --lam -1
"""

from __future__ import annotations

import argparse

import torch
from digits import accuracy, noisy_digits, small_network
from torch import nn
from torch.utils.data import DataLoader

import absgd_worker as absgd

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=40)
parser.add_argument("--lam", type=float, default=float("inf"))
arguments = parser.parse_args()

torch.manual_seed(0)
train, test = noisy_digits()
loader = DataLoader(train, batch_size=32, shuffle=True)
model = small_network()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
criterion = absgd.wrap(nn.CrossEntropyLoss())
# A lambda below 0 wants a model that has learnt something: off for a few epochs.
warm_up = 5 * len(loader)
with absgd.session(lam=lambda step: arguments.lam if step >= warm_up else float("inf")):
    for _ in range(arguments.epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            criterion(model(images), labels).backward()
            optimizer.step()
        absgd.evaluated("test", accuracy=accuracy(model, test))
print(f"test accuracy {accuracy(model, test):.3f}")
