"""Who asks for weights: the session's own thread, in the forward pass."""

from __future__ import annotations

import threading

import torch

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
