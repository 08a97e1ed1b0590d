"""Runs the task's evaluation, without any effect on training.

Shapes: C classes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from absgd_worker.errors import TaskError
from absgd_worker.link.tensor_bytes import tensor_bytes
from absgd_worker.link.wire.records import Evaluation
from absgd_worker.task.random_state import own_randomness
from absgd_worker.task.sampler import mix
from absgd_worker.task.task import Evaluated, Task


def evaluate(task: Task, *, attempt: int, step: int, seed: int) -> list[Evaluation]:
    """Evaluates every split after `step`, in eval mode and without gradients.

    Its random numbers depend only on `seed` and `step`. Afterwards the random states of training and the mode
    of every module are as before.

    Raises:
        TaskError: `evaluate` does not return what `Task` requires.
    """
    if task.evaluate is None:
        return []
    began = time.perf_counter()
    with no_effect_on_training(task.model, mix(seed, -1 - step)):
        results = task.evaluate(task.model)
    return evaluations(results, attempt=attempt, step=step, seconds=time.perf_counter() - began)


def evaluations(results: object, *, attempt: int, step: int, seconds: float) -> list[Evaluation]:
    """Checks what an `evaluate` returned, and makes one record for every split.

    Raises:
        TaskError: `evaluate` does not return what `Task` requires.
    """
    if not isinstance(results, Mapping) or not results:
        raise TaskError(f"evaluate must return a mapping of splits, {{'test': …}}, not {results!r:.200}")
    checked = [(_name("a split", split), *_checked(split, result)) for split, result in results.items()]
    return [
        Evaluation(attempt, step, split, metrics, classes, confusion, seconds)
        for split, metrics, classes, confusion in checked
    ]


@contextmanager
def no_effect_on_training(model: nn.Module, seed: int) -> Iterator[None]:
    """Inside: eval mode, no gradients, random numbers of `seed`. Restores modes and random states."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), own_randomness(seed):
            yield
    finally:
        for module, training in modes:
            module.training = training


def _checked(split: str, result: object) -> tuple[dict[str, float], int, bytes]:
    if isinstance(result, Mapping):
        result = Evaluated(metrics=result)
    if not isinstance(result, Evaluated):
        raise TaskError(
            "evaluate must give absgd_worker.Evaluated or a mapping of metrics for the split "
            f"{split!r}, not {result!r:.200}"
        )
    metrics = {
        _name(f"a metric of {split!r}", name): _number(split, name, value)
        for name, value in result.metrics.items()
    }
    if result.confusion is None:
        return metrics, 0, b""
    confusion_CC = torch.as_tensor(result.confusion).detach().cpu()
    shape = list(confusion_CC.shape)
    if len(shape) != 2 or shape[0] != shape[1] or not shape[0]:
        raise TaskError(
            f"confusion of the split {split!r} must be [C, C], rows are true classes, not shape {shape}"
        )
    counts_CC = confusion_CC.long()
    if bool((counts_CC != confusion_CC).any()) or int(counts_CC.min()) < 0 or int(counts_CC.max()) >= 2**32:
        raise TaskError(f"confusion of the split {split!r} must hold counts, whole numbers from 0")
    return metrics, shape[0], tensor_bytes(counts_CC.to(torch.int32))


def _name(thing: str, name: object) -> str:
    if not isinstance(name, str) or not name:
        raise TaskError(f"{thing} must have a name, a string, not {name!r}")
    return name


def _number(split: str, name: object, value: object) -> float:
    if isinstance(value, Tensor) and value.numel() != 1:
        raise TaskError(
            f"the metric {name!r} of {split!r} must be one number, not a tensor of shape {list(value.shape)}"
        )
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TaskError(f"the metric {name!r} of {split!r} must be a number, not {value!r:.200}") from None
