"""Fashion-MNIST with wrong labels or rare classes, and a small convolutional network.

Shapes: B samples in a batch, C = 10 classes.
"""

from __future__ import annotations

from typing import Any

import torch
from fashion_data import NUM_CLASSES, Split, fashion_splits
from torch import Tensor, nn
from torch.nn import functional as F

from absgd_worker import Context, Evaluated, Task, losses


def build(params: dict[str, Any], context: Context) -> Task:
    train, validation, test = fashion_splits(
        params["seed"],
        train=params["train"],
        validation=params["validation"],
        noise=params["noise"],
        kind=params["kind"],
        imbalance=params["imbalance"],
    )
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, 64),
        nn.ReLU(),
        nn.Linear(64, NUM_CLASSES),
    )
    # The plan sets the learning rate of every step.
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    counts_C = torch.bincount(train.labels, minlength=NUM_CLASSES).clamp(min=1)
    class_weights_C = len(train.labels) / (NUM_CLASSES * counts_C)

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        images, labels = batch
        logits = model(images)
        match params["loss"]:
            case "generalised":
                return generalised(logits, labels, context.control("q", 0.7))
            case "focal":
                return losses.focal(logits, labels)
            case "class-weighted":
                return class_weights_C[labels] * losses.cross_entropy(logits, labels)
            case "balanced-softmax":
                return losses.balanced_softmax(logits, labels, counts_C)
            case _:
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
        # Without wrong labels there are none to find.
        true_labels=train.true_labels if params["noise"] > 0 else None,
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
