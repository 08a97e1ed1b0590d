"""Losses made of `log_softmax` and sums, as timm has them: label smoothing, soft targets of mixup. Such a
loss is no function of torch, which a capture would see; `wrap` weighs it by its samples.

    python examples/frameworks/timm_losses.py --loss bce --lam -2
"""

from __future__ import annotations

import argparse

import torch
import torch.nn.functional as F
from digits import accuracy, noisy_digits, small_network
from torch import Tensor, nn
from torch.utils.data import DataLoader

import absgd_worker as absgd


class Smoothing(nn.Module):
    """Labels [B]: a tenth of each is spread over all classes."""

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        log_p = F.log_softmax(scores, dim=-1)
        likely = log_p.gather(-1, labels[:, None])[:, 0]
        return -(0.9 * likely + 0.1 * log_p.mean(-1)).mean()


class SoftTargets(nn.Module):
    """Targets [B, C]."""

    def forward(self, scores: Tensor, targets: Tensor) -> Tensor:
        return -(targets * F.log_softmax(scores, dim=-1)).sum(-1).mean()


class BinaryCrossEntropy(nn.Module):
    """Targets [B, C]: every class by itself, summed over classes."""

    def forward(self, scores: Tensor, targets: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(scores, targets, reduction="none").sum(-1).mean()


def mixed(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Every image with a bit of another one, and its target likewise."""
    share = float(torch.distributions.Beta(0.2, 0.2).sample())
    other = torch.randperm(len(images))
    targets = F.one_hot(labels, 10).float()
    return share * images + (1 - share) * images[other], share * targets + (1 - share) * targets[other]


LOSSES: dict[str, type[nn.Module]] = {
    "smoothing": Smoothing,
    "soft-targets": SoftTargets,
    "bce": BinaryCrossEntropy,
}
parser = argparse.ArgumentParser()
parser.add_argument("--loss", choices=LOSSES, default="bce")
parser.add_argument("--epochs", type=int, default=40)
parser.add_argument("--lam", type=float, default=float("inf"))
arguments = parser.parse_args()

torch.manual_seed(0)
train, test = noisy_digits()
loader = DataLoader(train, batch_size=32, shuffle=True)
model = small_network()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
criterion = absgd.wrap(LOSSES[arguments.loss]())
warm_up = 5 * len(loader)
with absgd.session(lam=lambda step: arguments.lam if step >= warm_up else float("inf")):
    for _ in range(arguments.epochs):
        for images, labels in loader:
            inputs, targets = images, labels
            if arguments.loss == "soft-targets":
                inputs, targets = mixed(images, labels)
            elif arguments.loss == "bce":
                targets = F.one_hot(labels, 10).float()
            optimizer.zero_grad()
            criterion(model(inputs), targets).backward()
            optimizer.step()
print(f"test accuracy {accuracy(model, test):.3f}")
