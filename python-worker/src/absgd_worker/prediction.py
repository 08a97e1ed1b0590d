"""What the model takes the training data for, without a trace in training.

Shapes: N samples in the training data, B in a batch, C classes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from absgd_worker.data import batch_maker
from absgd_worker.errors import TaskError
from absgd_worker.evaluation import without_trace
from absgd_worker.reports import SamplePredictions
from absgd_worker.rings import tensor_bytes
from absgd_worker.sampler import mix
from absgd_worker.task import Task


def predict(
    task: Task,
    emit: Callable[[SamplePredictions], None],
    *,
    attempt: int,
    step: int,
    seed: int,
    goes_on: Callable[[], bool] = lambda: True,
) -> bool:
    """Predicts every training sample after `step`, in eval mode, without gradients, in the data's order.

    Emits a piece every `PIECE_SAMPLES`, so that memory stays bounded. Its random numbers depend on `seed` and
    `step` alone, and those of training, and every module's mode, are as before.

    Returns:
        Whether all of it was predicted: `goes_on` is asked before every batch.

    Raises:
        TaskError: what `predict` returned is not what it promises. What it raises passes through.
    """
    assert task.predict is not None
    make_batch = batch_maker(task.data, task.collate)
    with without_trace(task.model, mix(mix(seed, -1 - step), _STREAM)):
        for first in range(0, task.size, PIECE_SAMPLES):
            end = min(first + PIECE_SAMPLES, task.size)
            results = []
            for start in range(first, end, task.batch_size):
                if not goes_on():
                    return False
                indices_B = torch.arange(start, min(start + task.batch_size, end))
                predicted = task.predict(task.model, make_batch(indices_B))
                results.append(_checked(predicted, indices_B, task.labels))
            labels, probabilities = zip(*results, strict=True)
            emit(
                SamplePredictions(
                    attempt,
                    step,
                    first,
                    end - first,
                    tensor_bytes(torch.cat(labels)),
                    tensor_bytes(torch.cat(probabilities)),
                )
            )
    return True


def _checked(predicted: object, indices_B: Tensor, labels_N: object) -> tuple[Tensor, Tensor]:
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
