"""Which estimate a loss has: that of its call site, of the model it trains, and of its number among the calls
of one backward pass."""

from __future__ import annotations

from collections.abc import Collection
from types import CodeType
from typing import Any, NamedTuple

from torch import Tensor

from absgd_worker.attach.estimates.call_order import CallOrder
from absgd_worker.attach.estimates.call_site import (
    CallSite,
    Place,
    Stack,
    call_site_of,
    calls_on_stack,
    function_that_trains,
    place_of_call,
    up_to,
)
from absgd_worker.attach.estimates.estimate_names import PART, EstimateNames
from absgd_worker.attach.estimates.trained_models import TrainedModels
from absgd_worker.attach.hooks.backward_use import BackwardUse


class Estimates:
    """The names of the estimates of one session."""

    def __init__(self, models: TrainedModels | None = None) -> None:
        self._names = EstimateNames()
        self._order = CallOrder()
        self._models = models or TrainedModels()
        self._site_names: set[str] = set()
        self._open_sites: dict[tuple[str, CallSite], _OpenSite] = {}
        self._kinds_of_code: dict[CodeType, int] = {}
        self._known_functions = 0
        self._names_of_places: dict[tuple[str, Place], str] = {}
        """The names of the call sites that end at a function that trains."""
        self._second_calls: dict[str, str] = {}
        """For each call site with several calls in one backward pass, the name of the second call."""

    def name_here(self, first: str, loss: Tensor) -> str:
        """The name of the current call site, for the model that the loss trains. `name_of_call` then numbers
        the calls of one call site.

        Args:
            first: the name of the first call site of all.
            loss: any shape, with its graph; or a tensor that the loss is computed from.
        """
        place = (first, self.place_here())
        site_name = self._names_of_places.get(place)
        if site_name is not None:
            name = self._names.of_model(site_name, self._models.number(site_name, loss))
            self._site_names.add(name)
            return name
        stack = calls_on_stack(self._names.functions)
        site_name = self._names.of_site(first, call_site_of(stack))
        name = self._names.of_model(site_name, self._models.number(site_name, loss))
        self._add_site(first, stack, name)
        if stack and stack[-1].function in self._names.functions and len(self._names_of_places) < MOST_PLACES:
            self._names_of_places[place] = site_name
        return name

    def name_of_part(self, name: str, parts: dict[str, CallSite]) -> str:
        """The name of the call site that reduces some of the losses of one call now.

        Unreduced losses that are reduced in parts (labelled and unlabelled samples, say) are several losses:
        each call site that reduces a part has an estimate of its own.

        Args:
            name: that of the call site that computed the losses.
            parts: the names of the parts of this call so far, each with its call site. The part is added.
        """
        if name not in self._site_names:
            return name
        stack = calls_on_stack(self._names.functions)
        site = call_site_of(stack)
        part_name = self._names.of_part(name, site, parts)
        parts[part_name] = site
        self._add_site(PART + name, stack, part_name)
        return part_name

    def _add_site(self, first: str, stack: Stack, name: str) -> None:
        self._site_names.add(name)
        if not stack or stack[-1].function not in self._names.functions:
            self._open_sites[first, call_site_of(stack)] = _OpenSite(first, stack, name, None)

    def name_given(self, name: str) -> str:
        """The estimate for a name that the script gives. All calls with that name share it."""
        return self._names.given(name)

    def name_of_term(self, name: str, caller: CodeType, calls_by_term: dict[str, int]) -> str:
        """The name of a term of a criterion whose name the script gives.

        Args:
            caller: the worker's code that called the criterion.
            calls_by_term: how often each term was computed in this call of the criterion, by name. This call
                is added.
        """
        stack = calls_on_stack(caller=caller)
        line, function = call_site_of(stack)[:1], "/".join(stack[-1].function) if stack else ""
        term = self._names.given(name, function, line)
        calls_by_term[term] = calls_by_term.get(term, 0) + 1
        return self._names.of_call(term, calls_by_term[term])

    def name_of_call(self, name: str, model_calls: int) -> tuple[str, int]:
        """The name of the estimate of the next call of a call site, and the call's number.

        Args:
            name: that of the call site.
            model_calls: how often models were called so far.
        """
        if name not in self._site_names:
            return name, 1
        number = self._order.number(name, model_calls)
        call_name = self._names.of_call(name, number)
        if number == 2:
            self._second_calls[name] = call_name
        return call_name, number

    def sites_with_several_calls(self, trained: Collection[str]) -> set[str]:
        """The call sites of which one backward pass went through several calls.

        `trained`: the names of the estimates that were trained on.
        """
        return {name for name, second in self._second_calls.items() if second in trained}

    def add_call(self, name: str, number: int, use: BackwardUse, model_calls: int) -> None:
        """Adds a call that `name_of_call` numbered. `use`: records whether its loss is trained on."""
        if name not in self._site_names:
            return
        self._order.add(name, number, use, model_calls)
        for key, site in self._open_sites.items():
            if site.name == name:
                self._open_sites[key] = site._replace(use=use)

    def forget(self, use: BackwardUse) -> None:
        """Removes the call with this record: it was no loss, or is weighed again. Its number is free."""
        self._order.forget(use)

    def place_here(self) -> Place:
        """What distinguishes the current call site from others. It changes if a function that trains is
        found."""
        functions = self._names.functions
        if len(functions) != self._known_functions:
            self._known_functions = len(functions)
            self._forget_places()
        return place_of_call(functions, self._kinds_of_code)

    def _forget_places(self) -> None:
        self._kinds_of_code.clear()
        self._names_of_places.clear()

    @property
    def has_open_sites(self) -> bool:
        """Whether the function that trains is unknown for some call sites."""
        return bool(self._open_sites)

    def learn_training_functions(self, backward: Stack) -> None:
        """Finds the functions that train after a backward pass. `backward`: the stack of its call."""
        for site in self._open_sites.values():
            if site.use is not None and site.use.passes:
                function = function_that_trains(site.stack, backward)
                self._names.functions |= set() if function is None else {function}
        for key, site in list(self._open_sites.items()):
            stack = up_to(site.stack, self._names.functions)
            if stack is not None:
                self._names.move(site.first, call_site_of(site.stack), call_site_of(stack))
                del self._open_sites[key]

    def begin_anew(self) -> set[str]:
        """Another training begins, whose models take the names of the earlier models.

        Returns:
            The names whose estimates must begin anew.
        """
        self._models.forget()
        self._order.end_step()
        return self._names.not_given()

    def end_step(self) -> None:
        """Forgets the calls of the step. See `CallOrder.end_step`."""
        self._order.end_step()

    def state_dict(self) -> dict[str, Any]:
        return {
            **self._names.state_dict(),
            "most": self._order.state_dict(),
            "values": self._models.state_dict(),
        }

    def load_state_dict(self, state: Any) -> None:
        self._names.load_state_dict(state)
        self._forget_places()
        self._site_names, self._open_sites, self._second_calls = self._names.of_sites(), {}, {}
        self._order.load_state_dict(state.get("most", {}) if "places" in state else {})
        self._models.load_state_dict(state.get("values", {}) if "places" in state else {})


MOST_PLACES = 1024


class _OpenSite(NamedTuple):
    """A call site for which the function that trains is unknown."""

    first: str
    stack: Stack
    name: str
    use: BackwardUse | None
