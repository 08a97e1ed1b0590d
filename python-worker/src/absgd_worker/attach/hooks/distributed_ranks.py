"""Which of several processes this one is, where several train one model."""

from __future__ import annotations

import os

import torch

from absgd_worker.attach.errors import SessionError


def global_rank() -> int:
    """0 where one process trains alone. Known once the process group is initialised, at the latest."""
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank()
    rank = os.environ.get("RANK", "")
    return int(rank) if rank.isdecimal() else 0


def require_one_rank() -> None:
    """Raises SessionError where several ranks train."""
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1:
        raise SessionError(
            f"{distributed.get_world_size()} ranks train, and each would weigh by the losses of its own "
            'batch alone: leave lambda off, or say session(normaliser="rank-local"), absgd-run --normaliser '
            "rank-local, if that is what you want"
        )
