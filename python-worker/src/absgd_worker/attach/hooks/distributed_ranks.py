"""The rank of this process if several processes train one model."""

from __future__ import annotations

import os

import torch

from absgd_worker.attach.errors import SessionError


def global_rank() -> int:
    """The rank of this process, from 0; 0 if it trains alone.

    Before the process group is initialised, it is that of the environment variable RANK, if set.
    """
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank()
    rank = os.environ.get("RANK", "")
    return int(rank) if rank.isdecimal() else 0


def require_one_rank() -> None:
    """Raises SessionError if several ranks train."""
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1:
        raise SessionError(
            f"{distributed.get_world_size()} ranks train, and each would weigh by the losses of its own "
            'batch alone: leave lambda off, or say session(normaliser="rank-local"), absgd-run --normaliser '
            "rank-local, if that is what you want"
        )
