"""What the model takes the training data for, without a trace in training.

Shapes: N samples in the training data, B in a batch, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from absgd_worker.errors import TaskError
from absgd_worker.link.records import SamplePredictions
from absgd_worker.link.step_reports import tensor_bytes
from absgd_worker.task.batches import Batch, Batches
from absgd_worker.task.evaluation import without_trace
from absgd_worker.task.sampler import mix
from absgd_worker.task.task import Task


def predict(
    task: Task,
    emit: Callable[[SamplePredictions], None],
    *,
    attempt: int,
    step: int,
    seed: int,
    may_continue: Callable[[], bool] = lambda: True,
) -> bool:
    """Predicts every training sample after `step`, in eval mode, without gradients, in the data's order.

    Emits a piece every `PIECE_SAMPLES`, so that memory stays bounded; more where samples are left out. Its
    random numbers depend on `seed` and `step` alone, and those of training, and every module's mode, are as
    before.

    Returns:
        Whether all of it was predicted. It ends early when `may_continue`, called before each batch,
        returns False.

    Raises:
        TaskError: what `predict` returned is not what it promises. What it raises passes through.
    """
    assert task.predict is not None
    batches = Batches(task)
    with without_trace(task.model, mix(mix(seed, -1 - step), _STREAM)):
        for first in range(0, task.size, PIECE_SAMPLES):
            end = min(first + PIECE_SAMPLES, task.size)
            results = []
            for start in range(first, end, task.batch_size):
                if not may_continue():
                    return False
                batch = batches.draw(torch.arange(start, min(start + task.batch_size, end)))
                if not batch.is_empty:
                    predicted = task.predict(task.model, batch.data)
                    results.extend(_checked(predicted, batch, task.labels))
            for first_index, count, labels, probabilities in _joined(results):
                emit(SamplePredictions(attempt, step, first_index, count, labels, probabilities))
    return True


class _Predicted(NamedTuple):
    """Of consecutive samples."""

    first_index: int
    classes_K: Tensor
    """int32 bits."""
    probabilities_K: Tensor
    """Of the labels, float32; [0] where unknown."""


def _joined(results: Sequence[_Predicted]) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Results of consecutive samples as one: first index, number, classes and probabilities."""
    run: list[_Predicted] = []
    end = -1
    for result in [*results, None]:
        if run and (result is None or result.first_index != end):
            classes = torch.cat([one.classes_K for one in run])
            probabilities = torch.cat([one.probabilities_K for one in run])
            count = classes.shape[0]
            yield run[0].first_index, count, tensor_bytes(classes), tensor_bytes(probabilities)
            run = []
        if result is not None:
            run.append(result)
            end = result.first_index + result.classes_K.shape[0]


def _checked(predicted: object, batch: Batch, labels_N: object) -> Iterator[_Predicted]:
    """What was predicted, cut where samples were left out; nothing where it is not known whose it is."""
    rows = predicted.shape[0] if isinstance(predicted, Tensor) and predicted.ndim else -1
    indices_K = batch.indices_of(rows) if batch.accepts(rows) else batch.indices_G
    if indices_K is None:
        return
    classes_K, probabilities_K = _classes_of(predicted, indices_K, labels_N)
    indices = indices_K.tolist()
    cuts = [0, *(i for i in range(1, len(indices)) if indices[i] != indices[i - 1] + 1), len(indices)]
    for start, stop in pairwise(cuts):
        yield _Predicted(indices[start], classes_K[start:stop], probabilities_K[start:stop])


def _classes_of(predicted: object, indices_B: Tensor, labels_N: object) -> tuple[Tensor, Tensor]:
    """Classes as int32 bits and probabilities of the labels, float32: [B] and [B], or [0] where unknown."""
    size = indices_B.shape[0]
    if not isinstance(predicted, Tensor):
        raise TaskError(f"predict must return a tensor, not {type(predicted).__name__}")
    shape, dtype = list(predicted.shape), predicted.dtype
    if shape[:1] != [size] or len(shape) > 2:
        raise TaskError(
            f"predict must return classes [{size}] or logits [{size}, C] for this batch, not shape {shape}"
        )
    predicted = predicted.detach().cpu()
    if len(shape) == 1:
        if predicted.is_floating_point() or predicted.is_complex() or dtype == torch.bool:
            raise TaskError(
                f"predict must return classes as whole numbers, not {dtype}: use .long(), "
                f"or give logits [{size}, C]"
            )
        least, most = int(predicted.min()), int(predicted.max())
        if least < 0 or most >= 2**32:
            raise TaskError(f"predict must return classes from 0 to 2^32 - 1, not {least} to {most}")
        return predicted.to(torch.int32), _UNKNOWN
    if not predicted.is_floating_point():
        raise TaskError(f"predict must return logits as floating numbers, not {dtype}")
    if shape[1] < 2:
        raise TaskError(
            "predict returned logits of one class: for two classes give logits of both, or whole numbers [B]"
        )
    classes_B = predicted.argmax(1).to(torch.int32)
    if not isinstance(labels_N, Tensor):
        return classes_B, _UNKNOWN
    labels_B = labels_N[indices_B]
    if int(labels_B.max()) >= shape[1]:
        raise TaskError(
            f"predict returned logits of {shape[1]} classes, but there is a label {int(labels_B.max())}"
        )
    probabilities_BC = predicted.double().softmax(1)
    return classes_B, probabilities_BC.gather(1, labels_B[:, None]).squeeze(1).float()


PIECE_SAMPLES = 1 << 16
"""Samples in one record: 512 KiB."""

_UNKNOWN = torch.empty(0)
_STREAM = 1
"""Apart from the random numbers of the evaluation at the same step."""
