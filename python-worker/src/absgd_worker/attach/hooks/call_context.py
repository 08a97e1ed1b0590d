"""Checks where a loss is computed: in which thread, in the forward or backward pass, and under vmap or
not."""

from __future__ import annotations

from typing import Any, NoReturn

import torch
from torch import Tensor

from absgd_worker.attach.errors import NotWeighable, SessionError


def refuse_thread() -> NoReturn:
    """Raises SessionError: a loss is computed in another thread than the session's."""
    raise SessionError(IN_ANOTHER_THREAD)


def is_in_backward() -> bool:
    """Whether the current code runs in a backward pass. On a device that is another thread."""
    return torch._C._current_graph_task_id() != -1


def is_recomputing(*, is_off: bool) -> bool:
    """Whether a loss is computed again in the backward pass, by activation checkpointing.

    `is_off`: whether lambda is off.

    Raises:
        NotWeighable: lambda is on, so that the weights would differ from those of the forward pass.
    """
    if not is_in_backward():
        return False
    if not is_off:
        raise NotWeighable(
            "a loss is computed again in the backward pass, by activation checkpointing around it: call the "
            "loss outside of torch.utils.checkpoint, and leave the model inside"
        )
    return True


def is_vmapped(given: object) -> bool:
    """Whether a value is a tensor inside `torch.func.vmap`, where only one sample is visible."""
    functorch: Any = vars(torch._C)["_functorch"]
    while isinstance(given, Tensor) and functorch.is_functorch_wrapped_tensor(given):
        if functorch.is_batchedtensor(given):
            return True
        given = functorch.get_unwrapped(given)
    return False


IN_ANOTHER_THREAD = (
    "a loss was computed in another thread than the session's own, as DataParallel computes it in its "
    "replicas: compute the loss outside the replicas, or train with DistributedDataParallel"
)
