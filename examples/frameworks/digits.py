"""Handwritten digits of scikit-learn, of which some have a wrong label: what these examples train on.

Shapes: images [N, 1, 8, 8], 0 to 1; labels [N].
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import TensorDataset

NUM_TEST = 600


def noisy_digits(wrong: float = 0.3, seed: int = 0) -> tuple[TensorDataset, TensorDataset]:
    """To train on, and to test with true labels."""
    pixels, targets = load_digits(return_X_y=True)
    images, labels = torch.tensor(pixels).float().reshape(-1, 1, 8, 8) / 16, torch.tensor(targets)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(images), generator=generator)
    images, labels = images[order], labels[order]
    test = TensorDataset(images[:NUM_TEST], labels[:NUM_TEST])
    images, labels = images[NUM_TEST:], labels[NUM_TEST:]
    is_wrong = torch.rand(len(labels), generator=generator) < wrong
    shift = torch.randint(1, 10, (len(labels),), generator=generator)
    return TensorDataset(images, torch.where(is_wrong, (labels + shift) % 10, labels)), test


def small_network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def accuracy(model: nn.Module, data: TensorDataset) -> float:
    """The accuracy of a model that gives scores, in eval mode; training mode is restored."""
    images, labels = data.tensors
    was_training = model.training
    model.eval()
    with torch.no_grad():
        found = (model(images).argmax(1) == labels).float().mean().item()
    model.train(was_training)
    return found
