"""The Bye that a script sends when its training loop ends."""

from __future__ import annotations

from absgd_worker.attach.source.source import StopTraining
from absgd_worker.link.failure import describe_failure
from absgd_worker.link.wire.messages import Bye, Position, Reason


def bye_of(error: BaseException | None, position: Position) -> Bye:
    """The Bye for a loop that `error` ended, or that ran to its end if `error` is None."""
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return Bye(Reason.COMPLETED, position)
    if isinstance(error, StopTraining):
        return Bye(Reason.FAILED if error.exit_code == 1 else Reason.STOPPED, position, str(error))
    if isinstance(error, KeyboardInterrupt):
        return Bye(Reason.STOPPED, position, "interrupted")
    if isinstance(error, SystemExit):
        return Bye(Reason.FAILED, position, f"the script ended itself: sys.exit({error.code!r})")
    failure = describe_failure(error)
    message = failure.message.replace("the task", "the script", 1)
    return Bye(Reason.FAILED, position, message, failure.traceback)
