"""The estimate of one name, over the micro-batches whose gradients a step accumulates.

Shapes: G samples of one call.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from absgd_worker.attach.errors import NotApplied
from absgd_worker.attach.hooks.backward_use import BackwardUse, backward_state
from absgd_worker.attach.samples.sample_identity import UNKNOWN_IDENTITY, Identity
from absgd_worker.attach.session.steps.weighed_losses import WeighedLosses, accumulated
from absgd_worker.console import complain
from absgd_worker.weights import Normaliser, Rule


class _Call(NamedTuple):
    losses: WeighedLosses
    use: BackwardUse
    before: Normaliser
    after: Normaliser
    micro_batches: int
    """How many calls its step was expected to have when it was weighed."""

    def applied_to(self, normaliser: Normaliser, micro_batches: int) -> Normaliser:
        """The normaliser after this call, in a step of `micro_batches` calls."""
        after = copy.copy(normaliser)
        controls = self.losses.controls
        after.weigh(
            self.losses.losses_N,
            lam=controls.get("lambda", math.inf),
            gamma=gamma_of_one(controls.get("gamma", 0.9), micro_batches),
        )
        return after


def gamma_of_one(gamma: float, micro_batches: int) -> float:
    """The gamma of each of A micro-batches: A updates with it decay the estimate as one with `gamma` does.

    It is 1 - (1 - gamma)^(1/A).
    """
    if micro_batches == 1 or gamma == 1:
        return gamma
    return -math.expm1(math.log1p(-gamma) / micro_batches)


class NamedWeighing:
    """Weighs the losses of one name. A step has one call of it for each micro-batch.

    A call updates the estimate once a backward pass has reached its loss; a loss that is computed only to be
    printed does not. The number of calls in a step is known at its end: until then, calls are weighed with
    the expected number. If that was wrong, the estimate is computed again with the true number.
    """

    def __init__(self, rule: Rule, accumulate: int | None) -> None:
        self._normaliser = Normaliser(rule.preset, alpha=rule.alpha, floor=rule.floor)
        self._normaliser_before_step = self._normaliser
        self.expected = accumulate
        """How many calls a step has, if the script or a framework sets it; None: as many as the last step."""
        self.calls_of_last_step = 1
        """How many losses were trained on in the last step that had any."""
        self._calls: list[_Call] = []
        self._new_calls: list[_Call] = []
        self._unused_calls: list[_Call] = []
        self._marks = 0
        self._has_stepped = False
        self.total_calls = 0
        """How many losses were trained on, those of the step under way included."""

    def weigh(
        self, losses_G: Tensor, controls: Mapping[str, float], identity: Identity = UNKNOWN_IDENTITY
    ) -> tuple[Tensor, BackwardUse]:
        """The weights of the next call, [G], the factor 1/G included.

        Raises:
            NotApplied: thousands of losses were weighed, and no optimizer has stepped.
        """
        lam, calls = controls.get("lambda", math.inf), self.expected or self.calls_of_last_step
        gamma = gamma_of_one(controls.get("gamma", 0.9), calls)
        if len(self._calls) >= MAX_CALLS:
            self._drop_all_calls(is_off=math.isinf(lam))
        self._update_estimate()
        wide_G = losses_G if losses_G.dtype in (torch.float32, torch.float64) else losses_G.float()
        after = copy.copy(self._normaliser)
        weights_G, statistics = after.weigh(wide_G, lam=lam, gamma=gamma)
        losses = WeighedLosses(statistics, wide_G, weights_G, identity, controls)
        call = _Call(losses, BackwardUse(), self._normaliser, after, calls)
        self._calls.append(call)
        self._new_calls.append(call)
        self.total_calls += 1
        if len(self._calls) == CALLS_BEFORE_WARNING and not self._has_stepped:
            complain(
                f"absgd: {CALLS_BEFORE_WARNING} losses were weighed, and no torch optimizer has stepped. "
                "Only steps of a torch.optim.Optimizer count as steps of a run: parameters that the script "
                "updates itself have none"
            )
        return weights_G, call.use

    def discard(self, use: BackwardUse) -> None:
        """Removes the call of `use` from this step: it computed no loss, or its loss is weighed once more."""
        before = len(self._calls)
        self._calls = [call for call in self._calls if call.use is not use]
        self._new_calls = [call for call in self._new_calls if call.use is not use]
        self._unused_calls = [call for call in self._unused_calls if call.use is not use]
        self.total_calls -= before - len(self._calls)

    def _update_estimate(self) -> None:
        """Updates the estimate by the calls that backward passes have reached since the last update."""
        calls = self._new_calls
        # No backward pass since the last time: unused calls are still unused.
        if self._marks != backward_state.count:
            calls = [*self._unused_calls, *self._new_calls]
            self._unused_calls = []
        self._new_calls, self._marks = [], backward_state.count
        for call in calls:
            if call.use.is_known_unused:
                self._unused_calls.append(call)
            elif call.before is self._normaliser:
                self._normaliser = call.after
            else:
                self._normaliser = call.applied_to(self._normaliser, call.micro_batches)

    def _drop_all_calls(self, *, is_off: bool) -> None:
        used = sum(not call.use.is_known_unused for call in self._calls)
        if used > MAX_CALLS // 2 and not is_off:
            raise NotApplied(
                f"{used:,} losses were weighed, and no torch optimizer has stepped: train with a "
                "torch.optim.Optimizer, whose steps are the steps of a run, or leave lambda off in a loop "
                "that updates its parameters itself"
            )
        self.drop()

    def end_step(self) -> WeighedLosses | None:
        """All calls of this step that were trained on, as one; None if there is none."""
        calls = self._take_used_calls()
        if any(call.micro_batches != len(calls) for call in calls):
            self._normaliser = self._normaliser_before_step
            for call in calls:
                self._normaliser = call.applied_to(self._normaliser, len(calls))
        self._normaliser_before_step = self._normaliser
        self._has_stepped = self._has_stepped or bool(calls)
        if not calls:
            return None
        self.calls_of_last_step = len(calls)
        return accumulated([call.losses for call in calls])

    def drop(self) -> None:
        """Removes the calls of a step that was not made, and their effect on the estimate."""
        self._take_used_calls()
        self._normaliser = self._normaliser_before_step

    def close(self) -> None:
        """There is no further step: calls that were not trained on are not counted."""
        self.total_calls -= sum(call.use.is_known_unused for call in self._calls)
        self._calls = []

    def _take_used_calls(self) -> list[_Call]:
        """Removes and returns the calls that were trained on. The others are kept while their graphs exist,
        since their backward pass may come after the steps of other optimizers."""
        used = [call for call in self._calls if not call.use.is_known_unused]
        unused = [call for call in self._calls if call.use.is_known_unused]
        self._update_estimate()
        self._calls = [
            call for call in unused if call.use.is_alive and call.use.steps_waited < MAX_STEPS_WAITED
        ]
        self._unused_calls, self._new_calls = [*self._calls], []
        self.total_calls -= len(unused) - len(self._calls)
        for call in self._calls:
            call.use.steps_waited += 1
        return used

    @property
    def is_trained_on(self) -> bool:
        """Whether any of its losses was trained on: without one there is no estimate."""
        return self._has_stepped or any(not call.use.is_known_unused for call in self._calls)

    def state_dict(self) -> dict[str, Any]:
        """The state of the normaliser, and the number of calls in the last step."""
        return {"normaliser": self._normaliser.state_dict(), "calls": self.calls_of_last_step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Loads what `state_dict` returned; ValueError for anything else."""
        self._normaliser.load_state_dict(state["normaliser"])
        self._normaliser_before_step = self._normaliser
        self.calls_of_last_step = int(state["calls"])
        self._has_stepped = True
        self._calls, self._unused_calls, self._new_calls = [], [], []


CALLS_BEFORE_WARNING = 100
MAX_STEPS_WAITED = 64
"""A loss that the script keeps to print it is not kept here without end."""
MAX_CALLS = 10_000
"""The calls of one name in a step: more micro-batches than any training accumulates."""
