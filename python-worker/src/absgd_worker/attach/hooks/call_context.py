"""Who asks for weights: the session's own thread, in the forward pass."""

from __future__ import annotations

from typing import Any, NoReturn

import torch
from torch import Tensor

from absgd_worker.attach.errors import NotWeighable, SessionError


def refuse_thread() -> NoReturn:
    """Raises SessionError: a loss is weighed in another thread than the session's own."""
    raise SessionError(IN_ANOTHER_THREAD)


def is_in_backward() -> bool:
    """Whether the caller is in a backward pass, which has a thread of its own on a device."""
    return torch._C._current_graph_task_id() != -1


def is_recomputing(*, is_off: bool) -> bool:
    """Whether a loss is computed once more, in the backward pass, as activation checkpointing does.

    Raises:
        NotWeighable: it would have other weights than in the forward pass.
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
    """Whether a tensor is of one sample within `torch.func.vmap`, where there is no batch to weigh in."""
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
