"""Digits with a long tail: the counts of the training classes fall geometrically, and the classes are known.

Shapes: N samples, B of them in a batch, C = 10 classes.
"""

from __future__ import annotations

from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from absgd_worker import Context, Evaluated, Task, losses

NUM_CLASSES = 10
TEST_PER_CLASS = 60


def build(params: dict[str, Any], context: Context) -> Task:
    (pixels, labels), (test_pixels, test_labels) = long_tail(params["seed"], params["imbalance"])
    model = nn.Linear(64, NUM_CLASSES)
    # The plan sets the learning rate of every step.
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    counts_C = torch.bincount(labels, minlength=NUM_CLASSES)
    class_weights_C = len(labels) / (NUM_CLASSES * counts_C)

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        pixels, labels = batch
        logits = model(pixels)
        match params["loss"]:
            case "class-weighted":
                return class_weights_C[labels] * losses.cross_entropy(logits, labels)
            case "balanced-softmax":
                return losses.balanced_softmax(logits, labels, counts_C)
            case _:
                return losses.cross_entropy(logits, labels)

    def evaluate(model: nn.Module) -> dict[str, Evaluated]:
        predicted = model(test_pixels).argmax(1)
        cells = torch.bincount(test_labels * NUM_CLASSES + predicted, minlength=NUM_CLASSES**2)
        confusion = cells.reshape(NUM_CLASSES, NUM_CLASSES)
        accuracy = (predicted == test_labels).float().mean().item()
        return {"test": Evaluated(metrics={"accuracy": accuracy}, confusion=confusion)}

    return Task(
        model=model,
        optimizer=optimizer,
        data=(pixels, labels),
        batch_size=params["batchSize"],
        loss=loss,
        evaluate=evaluate,
        labels=labels,
        num_classes=NUM_CLASSES,
    )


def long_tail(seed: int, imbalance: float) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Training and test data: digit c keeps imbalance^(c / 9) of its samples, the test has 60 of each."""
    pixels, targets = load_digits(return_X_y=True)
    pixels = torch.tensor(pixels, dtype=torch.float32) / 16
    labels = torch.tensor(targets)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    by_class = [order[labels[order] == c] for c in range(NUM_CLASSES)]
    test = torch.cat([indices[:TEST_PER_CLASS] for indices in by_class])
    rest = [indices[TEST_PER_CLASS:] for indices in by_class]
    shares = [imbalance ** (c / (NUM_CLASSES - 1)) for c in range(NUM_CLASSES)]
    train = torch.cat(
        [indices[: max(1, round(share * len(indices)))] for indices, share in zip(rest, shares, strict=True)]
    )
    return (pixels[train], labels[train]), (pixels[test], labels[test])
