"""The error of `--ab`."""

from absgd_worker.errors import WorkerError


class AbError(WorkerError):
    """A comparison that cannot be made."""
