"""Which of several calls of one place a call is: heads of one step, or micro-batches that accumulate.

Calls whose losses go into one backward pass are several losses, and have an estimate each. Calls that are
each followed by a backward pass of their own are micro-batches of one loss, and share one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from absgd_worker.attach.hooks.backward_use import BackwardUse, marks


class _Held(NamedTuple):
    number: int
    use: BackwardUse
    models: int


class CallOrder:
    """Of all places of a session, over the step under way."""

    def __init__(self) -> None:
        self._held: dict[str, list[_Held]] = {}
        self._most: dict[str, int] = {}

    def number(self, name: str, models: int) -> int:
        """The smallest number, from 1, that no call of this place holds; at most `MOST_CALLS_OF_A_PASS`.

        A call holds its number until a backward pass has come by, or its graph is gone: nobody trains on it
        then. Losses of one forward pass of the model are no micro-batches even where each has a backward pass
        of its own, which keeps the graph for the next. Where more calls would wait than any backward pass has
        gone through so far, and a model was called since, those before were left out by the script.

        Args:
            models: calls of models so far.
        """
        held = self._held.get(name)
        if not held:
            return 1
        self._count_passes(name)
        held = self._held[name] = [one for one in held if _still_holds(one, models)]
        taken = {one.number for one in held} - {NONE}
        number = next(number for number in range(1, len(taken) + 2) if number not in taken)
        if number > self._most.get(name, number) and all(one.models != models for one in held):
            # They hold no number, and are counted still if a backward pass goes through them after all.
            self._held[name] = [one._replace(number=NONE) for one in held]
            number = 1
        return min(number, MOST_CALLS_OF_A_PASS)

    def hold(self, name: str, number: int, use: BackwardUse, models: int) -> None:
        """The call that was given this number, and what tells of its loss."""
        self._held.setdefault(name, []).append(_Held(number, use, models))

    def forget(self, use: BackwardUse) -> None:
        """The call whose loss that is holds its number no more."""
        for name, held in self._held.items():
            self._held[name] = [one for one in held if one.use is not use]

    def end_step(self) -> None:
        """What was computed for the step before is of no account to the next."""
        for name in self._held:
            self._count_passes(name)
        self._held.clear()

    def state_dict(self) -> dict[str, int]:
        """How many calls of each place one backward pass went through at the most."""
        return dict(self._most)

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        self._most = {name: int(most) for name, most in state.items()}
        self._held.clear()

    def _count_passes(self, name: str) -> None:
        calls = Counter(one for held in self._held[name] for one in held.use.passes)
        if calls:
            self._most[name] = max(self._most.get(name, 1), *calls.values())


def _still_holds(one: _Held, models: int) -> bool:
    if not one.use.passes:
        return one.use.is_alive
    return marks.kept_graph and one.models == models and models > 0


NONE = 0
MOST_CALLS_OF_A_PASS = 64
"""A loop over the time steps of a sequence may have any number: calls behind this one share its estimate."""
