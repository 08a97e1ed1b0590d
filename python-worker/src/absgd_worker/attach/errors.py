"""The errors of ABSGD in a user's training loop. `GranularityError` is in `provenance/granularity.py`."""

from __future__ import annotations

from absgd_worker.errors import SessionError, WorkerError

__all__ = ["NotApplied", "NotWeighable", "SessionError"]


class NotApplied(WorkerError, RuntimeError):
    """Lambda is on and optimizer steps were made, but none of their losses was weighed.

    Remedy: wrap the criterion, call `weigh`, or compute the loss inside `capture`.
    """


class NotWeighable(WorkerError, ValueError):
    """Lambda is on, and a loss cannot be split into the losses of its samples.

    The message names the loss and the reason. Remedy: compute one loss per sample and `weigh` them, or leave
    the loss unwrapped.
    """
