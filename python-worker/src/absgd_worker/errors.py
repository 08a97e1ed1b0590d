"""What can go wrong in a worker, by whose fault it is."""

from __future__ import annotations


class WorkerError(Exception):
    """A failure with a message for people: it names the thing, what is permitted, and what to do."""


class SettingsError(WorkerError):
    """The environment does not say, or says wrongly, which run this worker belongs to."""


class TaskError(WorkerError, ValueError):
    """The user's task does not fit its contract."""


class ControlError(WorkerError, ValueError):
    """The plan sets a control that the task's optimizer does not have, or lacks one that is needed."""


class CheckpointError(WorkerError):
    """A checkpoint could not be written, or is not one that this task can go on from."""


class ProtocolError(WorkerError, ValueError):
    """A frame that does not decode, or that breaks a range of the contract."""
