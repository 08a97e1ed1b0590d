"""Numbers the calls of one call site: several losses of one step, or micro-batches that accumulate.

Calls whose losses go into one backward pass are several losses, with an estimate each. Calls that are each
followed by a backward pass of their own are micro-batches of one loss, and share an estimate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from absgd_worker.attach.hooks.backward_use import BackwardUse, backward_state


class _NumberedCall(NamedTuple):
    number: int
    use: BackwardUse
    model_calls: int
    """How often models were called before it."""


class CallOrder:
    """The numbered calls of all call sites of a session, in the current step."""

    def __init__(self) -> None:
        self._calls: dict[str, list[_NumberedCall]] = {}
        self._most: dict[str, int] = {}

    def number(self, name: str, model_calls: int) -> int:
        """The number of the next call: the smallest from 1 that no earlier call uses, at most
        `MOST_CALLS_OF_A_PASS`.

        A call uses its number until a backward pass has gone through its loss, or until its graph is gone.
        Losses of one forward pass of the model are not micro-batches, even if each has a backward pass of its
        own that keeps the graph. If more calls wait than any backward pass has gone through so far, and a
        model was called since, the script does not train on the earlier calls.

        Args:
            name: the estimate of the call site.
            model_calls: how often models were called so far.
        """
        calls = self._calls.get(name)
        if not calls:
            return 1
        self._count_passes(name)
        calls = self._calls[name] = [call for call in calls if _uses_number(call, model_calls)]
        used = {call.number for call in calls} - {NO_NUMBER}
        number = next(number for number in range(1, len(used) + 2) if number not in used)
        if number > self._most.get(name, number) and all(call.model_calls != model_calls for call in calls):
            # The earlier calls lose their numbers. They still count if a backward pass goes through them.
            self._calls[name] = [call._replace(number=NO_NUMBER) for call in calls]
            number = 1
        return min(number, MOST_CALLS_OF_A_PASS)

    def add(self, name: str, number: int, use: BackwardUse, model_calls: int) -> None:
        """Adds a call that was given `number`. `use`: records whether its loss is trained on."""
        self._calls.setdefault(name, []).append(_NumberedCall(number, use, model_calls))

    def forget(self, use: BackwardUse) -> None:
        """Removes the call with this record, so that its number is free."""
        for name, calls in self._calls.items():
            self._calls[name] = [call for call in calls if call.use is not use]

    def end_step(self) -> None:
        """Removes all calls: those of one step do not number those of the next."""
        for name in self._calls:
            self._count_passes(name)
        self._calls.clear()

    def state_dict(self) -> dict[str, int]:
        """For each call site, the most calls that one backward pass went through."""
        return dict(self._most)

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        self._most = {name: int(most) for name, most in state.items()}
        self._calls.clear()

    def _count_passes(self, name: str) -> None:
        calls_by_pass = Counter(number for call in self._calls[name] for number in call.use.passes)
        if calls_by_pass:
            self._most[name] = max(self._most.get(name, 1), *calls_by_pass.values())


def _uses_number(call: _NumberedCall, model_calls: int) -> bool:
    if not call.use.passes:
        return call.use.is_alive
    return backward_state.kept_graph and call.model_calls == model_calls and model_calls > 0


NO_NUMBER = 0
MOST_CALLS_OF_A_PASS = 64
"""Later calls share the estimate of this one. A loop over the time steps of a sequence may have any
number."""
