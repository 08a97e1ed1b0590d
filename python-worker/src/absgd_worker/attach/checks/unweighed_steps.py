"""Counts optimizer steps without a weighed loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from torch import nn
from torch.optim import Optimizer

from absgd_worker.attach.checks.fused_losses import fused_loss_in
from absgd_worker.attach.errors import NotApplied
from absgd_worker.console import complain


class UnweighedSteps:
    """Counts optimizer steps that followed no weighed loss, and reports many of them in a row."""

    def __init__(self) -> None:
        self._count = 0
        self._captured = 0
        self._first: Optimizer | None = None
        self._has_reported = False

    def add(
        self,
        optimizer: Optimizer,
        captured: int,
        is_on: Callable[[], bool],
        *,
        in_training: bool,
        may_come_on: bool,
        reasons: Sequence[str],
        models: Iterable[nn.Module] = (),
    ) -> None:
        """The optimizer has stepped, after no weighed loss.

        If no loss was weighed at all, an error is raised where lambda is on, or may be, and a message is
        printed where it is off. If losses were weighed before, a message is printed once.

        Args:
            captured: how many losses were weighed so far.
            is_on: returns whether lambda is on at this step, or may be.
            in_training: whether the model is in train mode.
            may_come_on: whether lambda is on at some step, or may be.
            reasons: why losses were not weighed; empty if none was seen.
            models: outermost modules that were called in this step.

        Raises:
            NotApplied: lambda is on, or may be, and has no effect.
        """
        if captured != self._captured:
            self._captured, self._count, self._first = captured, 0, optimizer
        # If several optimizers step after one backward pass, only the first one has a loss.
        if captured == 0 or optimizer is self._first:
            self._count += 1
        if self._count == 1 and captured == 0:
            fused = fused_loss_in(models)
            if fused is not None and is_on():
                raise NotApplied(f"no loss was weighed, so that lambda has no effect: {fused}")
        if self._count != MAX_STEPS or self._has_reported:
            return
        self._has_reported = captured > 0
        if self._has_reported:
            complain(f"absgd: {MAX_STEPS} optimizer steps in a row {_IN_A_ROW}")
            return
        why = fused_loss_in(models) or (_why(reasons) if reasons and in_training else _remedy(in_training))
        if is_on():
            raise NotApplied(f"{_NOTHING}, so that lambda has no effect: {why}")
        still_off = f", so that lambda stays off ({_COUNTED})" if may_come_on else ""
        complain(f"absgd: {_NOTHING}{still_off}: {why}")


def _why(reasons: Sequence[str]) -> str:
    """The first reasons. Each names its remedy."""
    more = len(reasons) - MAX_REASONS
    return "; ".join(reasons[:MAX_REASONS]) + (f"; and {more} more" if more > 0 else "")


def _remedy(in_training: bool) -> str:
    if not in_training:
        return (
            "the model is in eval mode, and losses are weighed in train mode only. Call model.train(), and "
            "call eval() on each layer that must stay in eval mode"
        )
    return (
        "wrap the criterion with absgd_worker.wrap(criterion), or weigh the losses of the samples with "
        "absgd_worker.weigh(losses). A capture does not see losses that are not computed by the functions "
        "of torch.nn.functional, losses in another thread, losses in DataParallel replicas, and, while "
        "lambda is off and nothing is recorded, losses inside torch.compile"
    )


MAX_STEPS = 20
"""Optimizer steps without a weighed loss after which the user must know that lambda has no effect."""
MAX_REASONS = 2
_NOTHING = f"{MAX_STEPS} optimizer steps were made and no loss was weighed"
_COUNTED = "lambda counts only the steps in which a loss is weighed"
_IN_A_ROW = (
    "had no loss that could be weighed: the model is trained as without absgd, and these steps are not "
    "counted in the run. To weigh their losses: absgd_worker.weigh(losses)"
)
