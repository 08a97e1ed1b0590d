"""Handwritten digits, some of them with a wrong label, and a small convolutional network.

scikit-learn ships 1,797 digits of 8 x 8 pixels: 600 test the network, 200 validate it (their labels are
as noisy as the training's), the other 997 train it.

Shapes: B samples in a batch, C = 10 classes.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from absgd_worker import Context, Evaluated, Task, losses

NUM_CLASSES = 10
NUM_TEST = 600
NUM_VALIDATION = 200


class Split(NamedTuple):
    images: Tensor  # [N, 1, 8, 8], 0 to 1
    labels: Tensor  # [N]
    true_labels: Tensor  # [N]
    ids: list[str]  # N of them: where a digit stands in scikit-learn's data


def build(params: dict[str, Any], context: Context) -> Task:
    train, validation, test = noisy_digits(params["seed"], params["noise"], params["kind"])
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Linear(64, NUM_CLASSES),
    )
    # The plan sets the learning rate of every step.
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        images, labels = batch
        logits = model(images)
        if params["loss"] == "generalised":
            return generalised(logits, labels, context.control("q", 0.7))
        return losses.cross_entropy(logits, labels)

    def evaluate(model: nn.Module) -> dict[str, Evaluated]:
        return {"val": measure(model, validation), "test": measure(model, test)}

    def predict(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        images, _ = batch
        return model(images)

    return Task(
        model=model,
        optimizer=optimizer,
        data=(train.images, train.labels),
        batch_size=params["batchSize"],
        loss=loss,
        evaluate=evaluate,
        predict=predict,
        labels=train.labels,
        true_labels=train.true_labels,
        ids=train.ids,
        num_classes=NUM_CLASSES,
    )


def generalised(logits: Tensor, labels: Tensor, q: float) -> Tensor:
    """(1 - p^q) / q for any q > 0, cross-entropy for q = 0. [B]

    Its gradient is exp(-q · loss) times that of cross-entropy: the weights of ABSGD at λ = -1/q, not
    normalised. The published loss, arXiv 1805.07836, has q of at most 1.
    """
    losses_B = losses.cross_entropy(logits, labels)
    return losses_B if q == 0 else -torch.expm1(-q * losses_B) / q


def measure(model: nn.Module, split: Split) -> Evaluated:
    """Accuracy against the labels of the split: true ones for test, noisy ones for validation."""
    logits = model(split.images)
    cells = split.labels * NUM_CLASSES + logits.argmax(1)
    confusion = torch.bincount(cells, minlength=NUM_CLASSES**2).reshape(NUM_CLASSES, NUM_CLASSES)
    return Evaluated(
        metrics={
            "accuracy": confusion.diagonal().sum().item() / len(split.labels),
            "loss": F.cross_entropy(logits, split.labels).item(),
        },
        confusion=confusion,
    )


def noisy_digits(seed: int, noise: float, kind: str) -> tuple[Split, Split, Split]:
    """Training, validation and test split: digits and wrong labels follow from the seed."""
    pixels, targets = load_digits(return_X_y=True)
    images = torch.tensor(pixels, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    true_labels = torch.tensor(targets)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(images), generator=generator)
    images, true_labels = images[order], true_labels[order]
    labels = with_noise(true_labels, noise, kind, generator)
    labels[:NUM_TEST] = true_labels[:NUM_TEST]
    ids = [f"digit {index:04}" for index in order.tolist()]
    bounds = (0, NUM_TEST, NUM_TEST + NUM_VALIDATION, len(images))
    test, validation, train = (
        Split(images[start:end], labels[start:end], true_labels[start:end], ids[start:end])
        for start, end in pairwise(bounds)
    )
    return train, validation, test


def with_noise(labels: Tensor, noise: float, kind: str, generator: torch.Generator) -> Tensor:
    """Makes a share of labels wrong: asymmetric y -> y + 1, symmetric any other label with equal chances."""
    wrong = torch.rand(len(labels), generator=generator) < noise
    if kind == "asymmetric":
        shift = torch.ones_like(labels)
    else:
        shift = torch.randint(1, NUM_CLASSES, labels.shape, generator=generator)
    return torch.where(wrong, (labels + shift) % NUM_CLASSES, labels)
