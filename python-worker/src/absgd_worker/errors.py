"""The errors of a worker."""

from __future__ import annotations


class WorkerError(Exception):
    """An error whose message names the thing that is wrong, what is permitted, and what to do."""


class SettingsError(WorkerError):
    """An environment variable that names the run of this worker is missing or invalid."""


class TaskError(WorkerError, ValueError):
    """A part of the user's task is not what `Task` requires."""


class ReviewError(WorkerError, ValueError):
    """A review cannot be read, or is of another data set: the message names line and column. Or a run has no
    samples."""


class LoadingError(WorkerError):
    """A process that loads data has ended before it should."""


class RemoteError(Exception):
    """An exception of a loading process, as the cause of an error of this process."""

    def __init__(self, traceback: str) -> None:
        super().__init__(traceback)
        self.traceback = traceback
        """The formatted traceback, without the frames of this package."""


class ControlError(WorkerError, ValueError):
    """The plan sets a control that the optimizer does not have, or lacks a control that is needed."""


class CheckpointError(WorkerError):
    """A checkpoint could not be written, or does not fit this task."""


class ProtocolError(WorkerError, ValueError):
    """A frame does not decode, or a value in it is out of the range in proto/absgd/v1."""


class SessionError(WorkerError, RuntimeError):
    """A session is used where it cannot be: inside another session, in another thread than its own, with
    several ranks and lambda on, before the first step, or for a run that another process writes. The message
    names which."""
