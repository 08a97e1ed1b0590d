"""Steps whose losses nobody weighed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch.optim import Optimizer

from absgd_worker.attach.errors import NotApplied
from absgd_worker.console import complain


class UnweighedSteps:
    """Counts optimizer steps that no weighed loss led to, and loses patience where there never was one."""

    def __init__(self) -> None:
        self._count = 0
        self._captured = 0
        self._first: Optimizer | None = None
        self._is_told = False

    def add(
        self,
        optimizer: Optimizer,
        captured: int,
        is_on: Callable[[], bool],
        *,
        in_training: bool,
        may_come_on: bool,
        reasons: Sequence[str],
    ) -> None:
        """`captured`: losses weighed so far. `is_on`: whether lambda is, or may be, at this step.
        `in_training`: whether the model is. `may_come_on`: whether lambda is on at some step, or may be.
        `reasons`: why losses that were seen are not weighed; empty where none was seen.

        Raises:
            NotApplied: lambda is on, or may be, and has no effect. Where it is off, that is said.
        """
        if captured != self._captured:
            self._captured, self._count, self._first = captured, 0, optimizer
        # When several optimizers step after one backward pass, only the first has a loss.
        if captured == 0 or optimizer is self._first:
            self._count += 1
        if self._count != BARE_STEPS or self._is_told:
            return
        self._is_told = captured > 0
        if self._is_told:
            complain(f"absgd: {BARE_STEPS} optimizer steps in a row {_IN_A_ROW}")
            return
        why = _why(reasons) if reasons and in_training else _remedy(in_training)
        if is_on():
            raise NotApplied(f"{_NOTHING}, so that lambda has no effect: {why}")
        still_off = f", so that lambda stays off ({_STEPS})" if may_come_on else ""
        complain(f"absgd: {_NOTHING}{still_off}: {why}")


def _why(reasons: Sequence[str]) -> str:
    """The first reasons, each of which says what can be done."""
    more = len(reasons) - MOST_REASONS
    return "; ".join(reasons[:MOST_REASONS]) + (f"; and {more} more" if more > 0 else "")


def _remedy(in_training: bool) -> str:
    if not in_training:
        return (
            "the model is in eval mode, whose losses are not weighed. Call model.train(), and put layers "
            "that are to stay as they are into eval mode one by one"
        )
    return (
        "wrap the criterion with absgd_worker.wrap(criterion), or weigh losses of one sample each with "
        "absgd_worker.weigh(losses). Losses that are made of other operations than those of "
        "torch.nn.functional, in another thread, or inside DataParallel replicas, are not seen; nor, while "
        "lambda is off and nothing is recorded, those inside of torch.compile, whose graph stays whole"
    )


BARE_STEPS = 20
"""Optimizer steps without a weighed loss after which nobody may think that lambda has an effect."""
MOST_REASONS = 2
_NOTHING = f"{BARE_STEPS} optimizer steps were made and no loss was weighed"
_STEPS = "its steps are those in which a loss is weighed"
_IN_A_ROW = (
    "had no loss that could be weighed: they are trained as without us, and are no steps of the run. "
    "absgd_worker.weigh(losses) has them weighed"
)
