"""Decides when a loop has finished a step.

`optimizer.step()` makes a step. Schedulers, averages of weights, the gradient scaler and counters of the
script follow it. An operator's command is executed after them, so that a checkpoint has all of one step.
"""

from __future__ import annotations

import weakref

from torch.optim import Optimizer


class StepEnd:
    """Decides it for the step that was made last.

    A loop has finished its step when the next forward pass or loss of training begins. Optimizers that take
    turns, such as those of a generator and a discriminator, form one turn: the step is finished after the
    optimizer that came last when they were first seen.
    """

    def __init__(self) -> None:
        self._turn: list[weakref.ref[Optimizer]] = []
        self._steps_without_last = 0
        self._is_pending = False
        self._stepped_last: weakref.ref[Optimizer] | None = None
        self.framework_reports = False
        """Whether a framework reports the end of its steps: then nothing else ends them."""

    def add(self, optimizer: Optimizer, *, is_step: bool) -> None:
        """The optimizer has stepped. `is_step`: after a weighed loss."""
        self._is_pending = self._is_pending or is_step
        self._stepped_last = weakref.ref(optimizer)
        self._turn = [reference for reference in self._turn if reference() is not None]
        if all(reference() is not optimizer for reference in self._turn):
            self._turn.append(weakref.ref(optimizer))
        self._steps_without_last += 1
        if self._turn[-1]() is optimizer:
            self._steps_without_last = 0
        elif self._steps_without_last > MAX_TURN:
            # A phase of the training has ended, and its optimizer steps no more.
            self._turn.pop()
            self._steps_without_last = 0

    def ends(self, *, is_last: bool = False, is_reported: bool = False) -> bool:
        """Whether the step ends here. Once it was True, it is False until the next step.

        Args:
            is_last: there is no further step.
            is_reported: a framework reports the end of its step.
        """
        if not self._is_pending:
            return False
        ends = is_last or is_reported or (not self.framework_reports and self._is_end_of_turn)
        self._is_pending = not ends
        return ends

    @property
    def _is_end_of_turn(self) -> bool:
        last = None if self._stepped_last is None else self._stepped_last()
        return last is None or not self._turn or self._turn[-1]() in (last, None)


MAX_TURN = 32
"""Steps without an optimizer after which it no longer belongs to the turn."""
