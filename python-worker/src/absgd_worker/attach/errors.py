"""What can go wrong where a loop is not ours."""

from __future__ import annotations

from absgd_worker.errors import WorkerError


class NotApplied(WorkerError, RuntimeError):
    """Steps were trained, and no loss of them was weighed."""


class NotWeighable(WorkerError, ValueError):
    """A loss whose samples cannot be weighed."""


class SessionError(WorkerError, RuntimeError):
    """A session is used where it cannot be."""
