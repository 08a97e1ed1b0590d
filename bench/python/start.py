"""A small training as a task, and the same training as a script of its own, for the benchmark `start`.

    python start.py MARKS STEPS

Both write into the file MARKS when their first step begins and when their last step is over.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

SAMPLES, FEATURES, CLASSES, BATCH = 1024, 16, 4, 128


def mark(file: str, name: str) -> None:
    """Appends a line with the name and the seconds since 1970."""
    with Path(file).open("a") as marks:
        marks.write(f"{name} {time.time()}\n")


def make() -> tuple[nn.Module, torch.optim.Optimizer, Tensor, Tensor]:
    """Model, optimizer, inputs [N, F] and labels [N]."""
    torch.manual_seed(0)
    model = nn.Linear(FEATURES, CLASSES)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return model, optimizer, torch.randn(SAMPLES, FEATURES), torch.arange(SAMPLES) % CLASSES


def build(params: dict[str, Any], context: Any) -> Any:
    """The task. Parameters: `marks`, a file, and `steps`, the length of the run."""
    from absgd_worker import Evaluated, Task  # noqa: PLC0415 - the script must not import it

    model, optimizer, inputs, labels = make()
    steps = 0

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        nonlocal steps
        if steps == 0:
            mark(params["marks"], "first")
        steps += 1
        inputs_BF, labels_B = batch
        return nn.functional.cross_entropy(model(inputs_BF), labels_B, reduction="none")

    def evaluate(model: nn.Module) -> dict[str, Evaluated]:
        # The first thing after the last step.
        mark(params["marks"], "last")
        return {"val": Evaluated(metrics={"steps": float(steps)})}

    return Task(
        model=model,
        optimizer=optimizer,
        data=torch.utils.data.TensorDataset(inputs, labels),
        batch_size=BATCH,
        loss=loss,
        labels=labels,
        evaluate=evaluate,
    )


def main(marks: str, steps: int) -> None:
    """The script."""
    model, optimizer, inputs, labels = make()
    for step in range(steps):
        if step == 0:
            mark(marks, "first")
        start = step * BATCH % SAMPLES
        inputs_BF, labels_B = inputs[start : start + BATCH], labels[start : start + BATCH]
        loss = nn.functional.cross_entropy(model(inputs_BF), labels_B)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    mark(marks, "last")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
