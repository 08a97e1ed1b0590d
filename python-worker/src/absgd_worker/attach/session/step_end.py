"""When a loop has done all that belongs to a step.

`optimizer.step()` makes a step. Schedulers, averages of weights, the scaler and counters of the script follow
it. What an operator asks for is done after them, so that what is saved belongs to one moment.
"""

from __future__ import annotations

import weakref

from torch.optim import Optimizer


class StepEnd:
    """Of the step that was made last.

    The loop is whole when the next forward pass or loss of training begins. Optimizers that take turns, as
    those of a generator and a discriminator, are one turn of the loop: it is whole after the one that came
    last when they were first seen.
    """

    def __init__(self) -> None:
        self._turn: list[weakref.ref[Optimizer]] = []
        self._steps_without_last = 0
        self._is_pending = False
        self._stepped_last: weakref.ref[Optimizer] | None = None
        self.is_told = False
        """Whether a framework says when its step ends: nothing else ends it then."""

    def add(self, optimizer: Optimizer, *, is_step: bool) -> None:
        """The optimizer has stepped. `is_step`: a weighed loss led to it."""
        self._is_pending = self._is_pending or is_step
        self._stepped_last = weakref.ref(optimizer)
        self._turn = [one for one in self._turn if one() is not None]
        if all(one() is not optimizer for one in self._turn):
            self._turn.append(weakref.ref(optimizer))
        self._steps_without_last += 1
        if self._turn[-1]() is optimizer:
            self._steps_without_last = 0
        elif self._steps_without_last > LONGEST_TURN:
            # A phase of training may have ended, and its optimizer with it.
            self._turn.pop()
            self._steps_without_last = 0

    def take(self, *, is_last: bool = False, is_told: bool = False) -> bool:
        """Whether the step is to be ended here; False until the next step where it was.

        Args:
            is_last: no further step comes.
            is_told: a framework says that its step ends.
        """
        if not self._is_pending:
            return False
        is_whole = is_last or is_told or (not self.is_told and self._is_end_of_turn)
        self._is_pending = not is_whole
        return is_whole

    @property
    def _is_end_of_turn(self) -> bool:
        last = None if self._stepped_last is None else self._stepped_last()
        return last is None or not self._turn or self._turn[-1]() in (last, None)


LONGEST_TURN = 32
"""Steps after which an optimizer that has not stepped is no longer one of those that take turns."""
