"""Steps whose losses nobody weighed."""

from __future__ import annotations

from collections.abc import Callable

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

    def add(self, optimizer: Optimizer, captured: int, is_on: Callable[[], bool], in_training: bool) -> None:
        """`captured`: losses weighed so far. `is_on`: whether lambda is, or may be, at this step.
        `in_training`: whether the model is.

        Raises:
            NotApplied: lambda is on, or may be, and has no effect. Where it is off, that is said.
        """
        if captured != self._captured:
            self._captured, self._count, self._first = captured, 0, optimizer
        # Of several optimizers for one backward pass only the first has a loss.
        if captured == 0 or optimizer is self._first:
            self._count += 1
        if self._count != BARE_STEPS or self._is_told:
            return
        self._is_told = captured > 0
        if self._is_told:
            complain(f"absgd: {BARE_STEPS} optimizer steps in a row {_IN_A_ROW}")
        elif is_on():
            raise NotApplied(f"{_NOTHING}, so that lambda has no effect: {_remedy(in_training)}")
        else:
            complain(f"absgd: {_NOTHING}: {_remedy(in_training)}")


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
_NOTHING = f"{BARE_STEPS} optimizer steps were made and no loss was weighed"
_IN_A_ROW = (
    "had no loss that could be weighed: they are trained as without us, and are no steps of the run. "
    "absgd_worker.weigh(losses) has them weighed"
)
