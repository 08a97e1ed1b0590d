"""Describes a failure to the user: one sentence, and the user's part of the traceback."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import NamedTuple

from absgd_worker.errors import RemoteError, WorkerError


class Failure(NamedTuple):
    """The description of a failure."""

    message: str
    """One sentence."""
    traceback: str
    """Without the frames of this package; empty for an error of this package without other frames."""

    @property
    def text(self) -> str:
        """For `worker.log`. The sentence comes last, because the controller shows the last lines."""
        return (
            f"{self.traceback.rstrip()}\nabsgd worker: {self.message}"
            if self.traceback
            else f"absgd worker: {self.message}"
        )


def describe_failure(error: BaseException) -> Failure:
    """Describes an exception of the task, or of this package."""
    if isinstance(error, WorkerError):
        message = str(error)
    elif isinstance(error, SystemExit):
        message = f"the task ended the process with sys.exit({error.code!r}), which a task must not do"
    else:
        first_line = str(error).strip().partition("\n")[0]
        message = f"the task failed: {type(error).__qualname__}" + (f": {first_line}" if first_line else "")
    # If the cause is an error of the user's code, its frames are the useful ones.
    cause = error.__cause__ if isinstance(error, WorkerError) else None
    if isinstance(cause, RemoteError):
        return Failure(message, cause.traceback)
    trace = traceback.TracebackException.from_exception(cause or error)
    theirs = [frame for frame in trace.stack if not _is_ours(frame.filename)]
    if not theirs and isinstance(error, WorkerError):
        return Failure(message, "")
    if theirs:
        trace.stack = traceback.StackSummary.from_list(theirs)
    return Failure(message, "".join(trace.format()))


def _is_ours(filename: str) -> bool:
    return filename.startswith(("<frozen importlib", "<frozen runpy")) or _PACKAGE in Path(filename).parents


_PACKAGE = Path(__file__).parents[1]
