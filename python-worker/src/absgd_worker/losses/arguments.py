"""Checks the arguments of the per-sample losses, without waiting for a device.

Shapes: B samples in a batch, C classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from absgd_worker.errors import TaskError


def check_batch(logits_BC: object, labels_B: object | None) -> None:
    """Raises TaskError unless these are floating logits [B, C] and int64 labels [B], or None."""
    if not isinstance(logits_BC, Tensor) or not logits_BC.is_floating_point() or logits_BC.ndim != 2:
        raise TaskError(
            f"logits must be a floating tensor [B, C], one row a sample, not {_described(logits_BC)}: "
            "of [B, C, …] put the other dimensions into B, and average the losses of a sample over them"
        )
    if labels_B is None:
        return
    if not isinstance(labels_B, Tensor) or labels_B.dtype != torch.int64:
        raise TaskError(f"labels must be int64, one class a sample, not {_described(labels_B)}: use .long()")
    if labels_B.shape != logits_BC.shape[:1]:
        raise TaskError(
            f"labels must have the shape [{logits_BC.shape[0]}] for logits of {list(logits_BC.shape)}, "
            f"not {list(labels_B.shape)}"
        )


def check_number(name: str, value: float, fits: bool, permitted: str) -> None:
    """Raises TaskError that names the argument, unless its value `fits`."""
    if not fits:
        raise TaskError(f"{name} must be {permitted}, not {value!r}")


def at_least_float32(logits_BC: Tensor) -> Tensor:
    """The logits, converted to float32 if they are narrower."""
    return logits_BC if logits_BC.dtype in (torch.float32, torch.float64) else logits_BC.float()


def as_counts(class_counts_C: object, logits_BC: Tensor) -> Tensor:
    """The counts in the dtype and on the device of the logits.

    Raises TaskError unless there is one per class. Their values are only checked on the CPU.
    """
    classes = logits_BC.shape[1]
    if not isinstance(class_counts_C, Tensor) or list(class_counts_C.shape) != [classes]:
        raise TaskError(
            f"class_counts must be a tensor [{classes}], samples of each class in the training data, not "
            f"{_described(class_counts_C)}: such as torch.bincount(labels, minlength={classes})"
        )
    if class_counts_C.is_cpu and not (class_counts_C.min() >= 0 and class_counts_C.max() > 0):
        raise TaskError("class_counts must be from 0, and not all of them 0")
    return class_counts_C.to(device=logits_BC.device, dtype=logits_BC.dtype, non_blocking=True)


def _described(value: object) -> str:
    return f"{value.dtype} {list(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
