"""Is the digit odd? Two digits, 8 and 9, are rare in training, and nothing tells the model of them.

A linear model answers well on average and badly on the rare digits. Their classes, even and odd, are not
rare: class weights see nothing.

Shapes: N samples, B of them in a batch, C = 2 classes (even, odd).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from absgd_worker import Context, Task

NUM_DIGITS = 10
NUM_TEST = 600
RARE_DIGITS = (8, 9)


class Split(NamedTuple):
    pixels: Tensor  # [N, 64], 0 to 1
    digits: Tensor  # [N]

    @property
    def parity(self) -> Tensor:
        """[N], 1 for odd digits."""
        return self.digits % 2


def build(params: dict[str, Any], context: Context) -> Task:
    train, test = rare_digits(params["seed"], params["rare"])
    model = nn.Linear(64, 2)
    # The plan sets the learning rate of every step.
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    counts_C = torch.bincount(train.parity, minlength=2)
    class_weights_C = len(train.parity) / (2 * counts_C)

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        pixels, parity = batch
        losses_B = F.cross_entropy(model(pixels), parity, reduction="none")
        match params["loss"]:
            case "class-weighted":
                return class_weights_C[parity] * losses_B
            case "focal":
                return focal(losses_B)
            case _:
                return losses_B

    def evaluate(model: nn.Module) -> dict[str, dict[str, float]]:
        return {"test": measure(model, test)}

    return Task(
        model=model,
        optimizer=optimizer,
        data=(train.pixels, train.parity),
        batch_size=params["batchSize"],
        loss=loss,
        evaluate=evaluate,
        labels=train.parity,
        num_classes=2,
    )


def focal(losses_B: Tensor, focus: float = 2.0) -> Tensor:
    """(1 - p)^focus · loss with p = exp(-loss), that of the true class: arXiv 1708.02002, equation 4."""
    return (-torch.expm1(-losses_B)) ** focus * losses_B


def measure(model: nn.Module, split: Split) -> dict[str, float]:
    """Accuracy over all samples, and that of the digit with the lowest."""
    right = (model(split.pixels).argmax(1) == split.parity).float()
    by_digit = [right[split.digits == digit].mean().item() for digit in range(NUM_DIGITS)]
    return {"accuracy": right.mean().item(), "worst_digit": min(by_digit)}


def rare_digits(seed: int, share: float) -> tuple[Split, Split]:
    """Training split, where a `share` of the rare digits is left, and test split, where all of them are."""
    pixels, targets = load_digits(return_X_y=True)
    pixels = torch.tensor(pixels, dtype=torch.float32) / 16
    digits = torch.tensor(targets)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(pixels), generator=generator)
    test, rest = order[:NUM_TEST], order[NUM_TEST:]
    rare = torch.isin(digits[rest], torch.tensor(RARE_DIGITS))
    train = torch.cat([rest[~rare], *(thinned(rest[digits[rest] == digit], share) for digit in RARE_DIGITS)])
    return Split(pixels[train], digits[train]), Split(pixels[test], digits[test])


def thinned(indices: Tensor, share: float) -> Tensor:
    return indices[: max(1, round(share * len(indices)))]
