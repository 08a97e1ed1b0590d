"""Writes the labels and names of a task's samples into the file that its courier maps
(`courier/samples.py`)."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from absgd_worker.link.tensor_bytes import tensor_bytes


class Described(Protocol):
    """The description of the training samples; a `Task` is one."""

    @property
    def size(self) -> int: ...
    @property
    def numbers(self) -> Tensor | None: ...
    @property
    def numbered_size(self) -> int: ...
    @property
    def labels(self) -> object: ...
    @property
    def true_labels(self) -> object: ...
    @property
    def ids(self) -> Sequence[str] | None: ...
    @property
    def num_classes(self) -> int | None: ...


def describe_samples(task: Described, path: Path) -> dict[str, Any]:
    """Writes the file, if there is something to describe, and returns the description for the courier.

    Numbers without a sample have the label -1, which is unknown, and no name.
    """
    parts = {
        name: _int32(_by_number(labels, task))
        for name, labels in (("labels", task.labels), ("true_labels", task.true_labels))
        if isinstance(labels, Tensor)
    }
    if task.ids is not None:
        texts = [name.encode("utf-8", "surrogatepass") for name in task.ids]
        if task.numbers is not None:
            names = dict(zip(task.numbers.tolist(), texts, strict=True))
            texts = [names.get(number, b"") for number in range(task.numbered_size)]
        starts = array("Q", chain((0,), accumulate(map(len, texts))))
        parts["ids"] = starts.tobytes() + b"".join(texts)
    if parts and task.size:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.writelines(parts.values())
    return {
        "path": str(path),
        "size": task.numbered_size,
        "num_classes": task.num_classes or 0,
        "parts": list(parts),
    }


def _by_number(labels: Tensor, task: Described) -> Tensor:
    if task.numbers is None:
        return labels
    spread = torch.full((task.numbered_size,), -1, dtype=torch.int64)
    spread[task.numbers] = labels.to(torch.int64)
    return spread


def _int32(labels: Tensor) -> bytes:
    return tensor_bytes(labels.to(torch.int32))
