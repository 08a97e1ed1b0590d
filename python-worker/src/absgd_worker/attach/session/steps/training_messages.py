"""Messages about the trainings of a script, printed on stderr."""

from __future__ import annotations

from absgd_worker.attach.hooks.distributed_ranks import global_rank
from absgd_worker.console import complain, count


def report_other_model(step: int) -> None:
    """A session that the script has entered trains another model, after `step` steps."""
    complain(
        "absgd: another model is trained in this session, with an optimizer of its own: lambda goes on, at "
        f"step {step:,}, and the estimate begins anew. {_ONE_SESSION_EACH}"
    )


def report_not_separate(error: Exception) -> None:
    """Another training begins with lambda off, and the recorder cannot begin another run."""
    complain(f"absgd: {error}. Lambda is off: the model is trained, and its steps are counted with the first")


def report_new_training(number: int, steps_before: int) -> None:
    """Training `number` begins, after one of `steps_before` steps. Printed by the first of several ranks."""
    if number <= MAX_REPORTED_TRAININGS and global_rank() == 0:
        complain(
            f"absgd: training {number} of this script begins, with a new model and a new optimizer: its "
            f"steps, lambda and estimate begin at 0 (the training before had {count(steps_before, 'step')})"
        )


MAX_REPORTED_TRAININGS = 20
_ONE_SESSION_EACH = (
    "If it is a training of its own, enter a session for each training: with absgd_worker.session(…)"
)
TRAINED_AGAIN = (
    "the model of an earlier training is trained again: models that take turns were counted as trainings of "
    "their own, and each began at step 0. To count them as one training, enter one session for both: with "
    "absgd_worker.session(…)"
)
OTHER_MODEL_INSTEAD = (
    "another model is trained instead of the first one: both are counted as one training, since the first "
    f"loss did not show it, and lambda goes on. {_ONE_SESSION_EACH}"
)
