"""Who asks for weights: the session's own thread, in the forward pass."""

from __future__ import annotations

import threading
from typing import Any

import torch
from torch import Tensor

from absgd_worker.attach.errors import NotWeighable, SessionError


def require_thread(owner: int) -> None:
    """Raises SessionError in any other than this one."""
    if threading.get_ident() != owner:
        raise SessionError(
            "a loss was computed in another thread than the session's own, as DataParallel computes it in "
            "its replicas: compute the loss outside the replicas, or train with DistributedDataParallel"
        )


def is_recomputing(*, is_off: bool) -> bool:
    """Whether a loss is computed once more, in the backward pass, as activation checkpointing does.

    Raises:
        NotWeighable: it would have other weights than in the forward pass.
    """
    # On a device the backward pass has a thread of its own.
    if torch._C._current_graph_task_id() == -1:
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
