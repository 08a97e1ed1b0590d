"""Predicts the classes of the training data, without any effect on training.

Shapes: N samples in the training data, B in a batch, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from absgd_worker.errors import TaskError
from absgd_worker.link.tensor_bytes import tensor_bytes
from absgd_worker.link.wire.records import SamplePredictions
from absgd_worker.task.batch import Batch
from absgd_worker.task.batches import Batches
from absgd_worker.task.evaluation import no_effect_on_training
from absgd_worker.task.loader import Loader
from absgd_worker.task.sampler import InOrder, mix
from absgd_worker.task.task import Task


def predict(
    task: Task,
    emit: Callable[[SamplePredictions], None],
    *,
    attempt: int,
    step: int,
    seed: int,
    may_continue: Callable[[], bool] = lambda: True,
    loader: Loader | None = None,
) -> bool:
    """Predicts every training sample after `step`, in eval mode, without gradients, in the data's order.

    Emits a record for every `PIECE_SAMPLES` samples, so that memory is bounded; more if samples are left out.
    Its random numbers depend only on `seed` and `step`. Afterwards the random states of training and the mode
    of every module are as before.

    Args:
        loader: reads the samples; None to read them in this process.

    Returns:
        Whether all of it was predicted. It ends early when `may_continue`, called before each batch,
        returns False.

    Raises:
        TaskError: `predict` does not return what `Task` requires. Its own exceptions pass through.
    """
    assert task.predict is not None
    own_seed = mix(mix(seed, -1 - step), _STREAM)
    order = InOrder(task.size, task.batch_size, seed=own_seed, piece=PIECE_SAMPLES)
    batches = Batches(task, order, loader)
    with no_effect_on_training(task.model, own_seed):
        for first in range(0, task.size, PIECE_SAMPLES):
            end = min(first + PIECE_SAMPLES, task.size)
            results = []
            while order.consumed < end:
                if not may_continue():
                    return False
                batch = batches.take()
                if not batch.is_empty:
                    predicted = task.predict(task.model, batch.data)
                    results.extend(_checked(predicted, batch, task))
            for first_index, count, labels, probabilities in _joined(results):
                emit(SamplePredictions(attempt, step, first_index, count, labels, probabilities))
    return True


class _Predicted(NamedTuple):
    """The predictions of consecutive samples."""

    first_index: int
    classes_K: Tensor
    """The predicted classes, as the bits of int32."""
    probabilities_K: Tensor
    """The probabilities of the labels, float32; [0] if they are unknown."""


def _joined(results: Sequence[_Predicted]) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Joins results of consecutive samples: first index, number of samples, classes and probabilities."""
    run: list[_Predicted] = []
    end = -1
    for result in [*results, None]:
        if run and (result is None or result.first_index != end):
            classes = torch.cat([result.classes_K for result in run])
            probabilities = torch.cat([result.probabilities_K for result in run])
            count = classes.shape[0]
            yield run[0].first_index, count, tensor_bytes(classes), tensor_bytes(probabilities)
            run = []
        if result is not None:
            run.append(result)
            end = result.first_index + result.classes_K.shape[0]


def _checked(predicted: object, batch: Batch, task: Task) -> Iterator[_Predicted]:
    """The checked predictions, split where samples were left out; none if their samples are not known."""
    rows = predicted.shape[0] if isinstance(predicted, Tensor) and predicted.ndim else -1
    indices_K = batch.indices_of(rows) if batch.accepts(rows) else batch.indices_G
    if indices_K is None:
        return
    classes_K, probabilities_K = _classes_of(predicted, indices_K, task.labels)
    numbers_K = task.numbers_of(indices_K)
    assert numbers_K is not None
    indices = numbers_K.tolist()
    cuts = [0, *(i for i in range(1, len(indices)) if indices[i] != indices[i - 1] + 1), len(indices)]
    for start, stop in pairwise(cuts):
        yield _Predicted(indices[start], classes_K[start:stop], probabilities_K[start:stop])


def _classes_of(predicted: object, indices_B: Tensor, labels_N: object) -> tuple[Tensor, Tensor]:
    """Classes as bits of int32, [B], and probabilities of the labels, float32 [B], or [0] if unknown."""
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
"""Samples in one record, which has 512 KiB."""

_UNKNOWN = torch.empty(0)
_STREAM = 1
"""Gives predictions other random numbers than the evaluation at the same step."""
