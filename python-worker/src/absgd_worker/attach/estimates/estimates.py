"""Which estimate a loss has: by the place that uses it, the model that it trains, and its number in the calls
of one backward pass."""

from __future__ import annotations

from collections.abc import Collection
from types import CodeType
from typing import Any, NamedTuple

from torch import Tensor

from absgd_worker.attach.estimates.call_order import CallOrder
from absgd_worker.attach.estimates.call_site import (
    Place,
    Stack,
    calls_on_stack,
    function_that_trains,
    place_of,
    up_to,
)
from absgd_worker.attach.estimates.estimate_names import PART, Names
from absgd_worker.attach.estimates.trained_models import TrainedModels
from absgd_worker.attach.hooks.backward_use import BackwardUse


class Estimates:
    """Those of a session."""

    def __init__(self, models: TrainedModels | None = None) -> None:
        self._names = Names()
        self._order = CallOrder()
        self._models = models or TrainedModels()
        self._of_places: set[str] = set()
        self._open: dict[tuple[str, Place], _Open] = {}
        self._several: dict[str, str] = {}

    def name_here(self, first: str, loss: Tensor) -> str:
        """The name of the place that computes a loss now, for the model that the loss trains. Calls of one
        place are told apart by `of_call`.

        Args:
            first: the name of the first place of all.
            loss: with its graph; or what it is computed from.
        """
        stack = calls_on_stack(self._names.functions)
        place = self._names.of(first, place_of(stack))
        name = self._names.of_model(place, self._models.number(place, loss))
        self._note(first, stack, name)
        return name

    def name_of_part(self, name: str, taken: dict[str, Place]) -> str:
        """The name of the place that reduces some of the losses of one call now.

        Losses without reduction that are reduced in parts, as of labelled and of unlabelled samples, are
        several losses: each place that reduces a part has an estimate of its own.

        Args:
            name: of the place that computed the losses.
            taken: names of parts of this call so far, each with its place; the part is added.
        """
        if name not in self._of_places:
            return name
        stack = calls_on_stack(self._names.functions)
        place = place_of(stack)
        own_name = self._names.of_part(name, place, taken)
        taken[own_name] = place
        self._note(PART + name, stack, own_name)
        return own_name

    def _note(self, first: str, stack: Stack, name: str) -> None:
        self._of_places.add(name)
        if not stack or stack[-1].function not in self._names.functions:
            self._open[first, place_of(stack)] = _Open(first, stack, name, None)

    def asked_for(self, name: str) -> str:
        """A name that the script gives. All that ask for it share an estimate, in all of their calls."""
        return self._names.asked_for(name)

    def term_of(self, name: str, within: CodeType, numbers: dict[str, int]) -> str:
        """The name of a term of a criterion whose name the script gives.

        Args:
            within: code of ours that has called the criterion.
            numbers: calls of the terms so far in this call of the criterion, by name; one is added.
        """
        stack = calls_on_stack(within=within)
        term, function = place_of(stack)[:1], "/".join(stack[-1].function) if stack else ""
        found = self._names.asked_for(name, function, term)
        numbers[found] = numbers.get(found, 0) + 1
        return self._names.of_call(found, numbers[found])

    def of_call(self, name: str, models: int) -> tuple[str, int]:
        """The name of the weighing of the next call, and its number among those of one backward pass.

        Args:
            models: calls of models so far.
        """
        if name not in self._of_places:
            return name, 1
        number = self._order.number(name, models)
        own_name = self._names.of_call(name, number)
        if number == 2:
            self._several[name] = own_name
        return own_name, number

    def several_of(self, trained: Collection[str]) -> set[str]:
        """Places of which one backward pass went through several calls, of those weighings trained on."""
        return {name for name, second in self._several.items() if second in trained}

    def hold(self, name: str, number: int, use: BackwardUse, models: int) -> None:
        """`name` and `number` as `of_call` took and gave them; `use`: of that call's loss."""
        if name not in self._of_places:
            return
        self._order.hold(name, number, use, models)
        for key, one in self._open.items():
            if one.name == name:
                self._open[key] = one._replace(use=use)

    def forget(self, use: BackwardUse) -> None:
        """The call that `use` follows was no loss, or is weighed anew: its number is free again."""
        self._order.forget(use)

    @property
    def are_open(self) -> bool:
        """Whether there are places of which it is not known which function trains."""
        return bool(self._open)

    def learn(self, backward: Stack) -> None:
        """A backward pass is over, which was begun here."""
        for one in self._open.values():
            if one.use is not None and one.use.passes:
                function = function_that_trains(one.stack, backward)
                self._names.functions |= set() if function is None else {function}
        for key, one in list(self._open.items()):
            known = up_to(one.stack, self._names.functions)
            if known is not None:
                self._names.move(one.first, place_of(one.stack), place_of(known))
                del self._open[key]

    def begin_anew(self) -> set[str]:
        """Other models are trained from here on, in the place of those so far, and take their names. Gives
        the names whose estimates are to begin anew."""
        self._models.forget()
        self._order.end_step()
        return self._names.without_asked()

    def end_step(self) -> None:
        """See `CallOrder`."""
        self._order.end_step()

    def state_dict(self) -> dict[str, Any]:
        return {
            **self._names.state_dict(),
            "most": self._order.state_dict(),
            "values": self._models.state_dict(),
        }

    def load_state_dict(self, state: Any) -> None:
        self._names.load_state_dict(state)
        self._of_places, self._open, self._several = self._names.of_places(), {}, {}
        self._order.load_state_dict(state.get("most", {}) if "places" in state else {})
        self._models.load_state_dict(state.get("values", {}) if "places" in state else {})


class _Open(NamedTuple):
    """A place of which it is not known which function trains."""

    first: str
    stack: Stack
    name: str
    use: BackwardUse | None
