"""What a failure looks like to people: the user's part of the traceback, and one sentence."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import NamedTuple

from absgd_worker.errors import WorkerError


class Failure(NamedTuple):
    """A failure in words."""

    message: str
    """One sentence."""
    traceback: str
    """Without the frames of this package; of its own errors the message alone when no other frame is left."""

    @property
    def text(self) -> str:
        """For the end of `worker.log`, whose last lines are shown: the sentence comes last."""
        return (
            f"{self.traceback.rstrip()}\nabsgd worker: {self.message}"
            if self.traceback
            else f"absgd worker: {self.message}"
        )


def describe_failure(error: BaseException) -> Failure:
    """A failure of the task, or of this package."""
    if isinstance(error, WorkerError):
        message = str(error)
    elif isinstance(error, SystemExit):
        message = f"the task ended the process with sys.exit({error.code!r}), which a task must not do"
    else:
        said = str(error).strip().partition("\n")[0]
        message = f"the task failed: {type(error).__qualname__}" + (f": {said}" if said else "")
    # What this package says of a failure of the user's code is raised from it: its frames are what helps.
    cause = error.__cause__ if isinstance(error, WorkerError) else None
    told = traceback.TracebackException.from_exception(cause or error)
    theirs = [frame for frame in told.stack if not _is_ours(frame.filename)]
    if not theirs and isinstance(error, WorkerError):
        return Failure(message, "")
    if theirs:
        told.stack = traceback.StackSummary.from_list(theirs)
    return Failure(message, "".join(told.format()))


def _is_ours(filename: str) -> bool:
    return filename.startswith(("<frozen importlib", "<frozen runpy")) or _PACKAGE in Path(filename).parents


_PACKAGE = Path(__file__).parents[1]
