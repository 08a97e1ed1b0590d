"""One named weighing of a loop: its normaliser, and what its calls of one step add up to.

Shapes: G samples of one call, N of all calls of a step.
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
from absgd_worker.attach.samples.sample_identity import UNKNOWN_IDENTITY, Identity, join_identities
from absgd_worker.console import complain
from absgd_worker.weights import Normaliser, Rule, Statistics, read_statistics


class Part(NamedTuple):
    """What one weighing adds to the report of a step."""

    statistics: Statistics | Tensor
    losses_N: Tensor
    weights_N: Tensor
    identity: Identity
    controls: Mapping[str, float]
    """Of the step in which it was weighed."""


class _Call(NamedTuple):
    part: Part
    use: BackwardUse
    before: Normaliser
    after: Normaliser
    micro_batches: int
    """A, as it was expected when the call was weighed."""

    def moved(self, normaliser: Normaliser, micro_batches: int) -> Normaliser:
        """The normaliser after this call, as one of so many in its step."""
        after = copy.copy(normaliser)
        controls = self.part.controls
        after.weigh(
            self.part.losses_N,
            lam=controls.get("lambda", math.inf),
            gamma=gamma_of_one(controls.get("gamma", 0.9), micro_batches),
        )
        return after


def gamma_of_one(gamma: float, micro_batches: int) -> float:
    """The gamma of each of A micro-batches, whose A decays are together that of gamma."""
    if micro_batches == 1 or gamma == 1:
        return gamma
    return -math.expm1(math.log1p(-gamma) / micro_batches)


class NamedWeighing:
    """Held open by a session. A step has A calls of it: micro-batches that accumulate their gradients.

    A call moves the estimate once a backward pass has come by: a loss that is computed for the log alone does
    not. How many calls a step has is known when it ends. Until then its calls are weighed with the number
    that is expected; then the estimate is computed again where that was not the right one.
    """

    def __init__(self, rule: Rule, accumulate: int | None) -> None:
        self._normaliser = Normaliser(rule.preset, alpha=rule.alpha, floor=rule.floor)
        self._start = self._normaliser
        self.expected = accumulate
        """A of the step under way, as the caller or a framework knows it; None: that of the step before."""
        self._usual = 1
        self._calls: list[_Call] = []
        self._fresh: list[_Call] = []
        self._unsettled: list[_Call] = []
        self._marks = 0
        self._has_stepped = False
        self.total_calls = 0
        """Losses that were trained on, those since the last `take` included."""

    def weigh(
        self, losses_G: Tensor, controls: Mapping[str, float], identity: Identity = UNKNOWN_IDENTITY
    ) -> tuple[Tensor, BackwardUse]:
        """The weights of the next call, [G], 1/G included.

        Raises:
            NotApplied: no optimizer steps, however many losses are weighed.
        """
        lam, calls = controls.get("lambda", math.inf), self.expected or self._usual
        gamma = gamma_of_one(controls.get("gamma", 0.9), calls)
        if len(self._calls) >= MOST_CALLS:
            self._let_go(is_off=math.isinf(lam))
        self._settle()
        wide_G = losses_G if losses_G.dtype in (torch.float32, torch.float64) else losses_G.float()
        after = copy.copy(self._normaliser)
        weights_G, statistics = after.weigh(wide_G, lam=lam, gamma=gamma)
        part = Part(statistics, wide_G, weights_G, identity, controls)
        call = _Call(part, BackwardUse(), self._normaliser, after, calls)
        self._calls.append(call)
        self._fresh.append(call)
        self.total_calls += 1
        if len(self._calls) == STEPLESS_CALLS and not self._has_stepped:
            complain(
                f"absgd: {STEPLESS_CALLS} losses were weighed and no optimizer of torch has stepped yet: a "
                "run has no other steps, so that parameters that are updated by hand have none"
            )
        return weights_G, call.use

    def forget(self, use: BackwardUse) -> None:
        """The call that `use` follows, since the last `take`, was no loss, or was weighed anew."""
        held = len(self._calls)
        self._calls = [call for call in self._calls if call.use is not use]
        self._fresh = [call for call in self._fresh if call.use is not use]
        self._unsettled = [call for call in self._unsettled if call.use is not use]
        self.total_calls -= held - len(self._calls)

    def _settle(self) -> None:
        """Moves the estimate by the calls that were trained on since the last time, in their order."""
        # What no pass has come by since is as unused as it was.
        looked_at = [*self._unsettled, *self._fresh] if self._marks != backward_state.count else self._fresh
        if looked_at is not self._fresh:
            self._unsettled = []
        self._fresh, self._marks = [], backward_state.count
        for call in looked_at:
            if call.use.is_known_unused:
                self._unsettled.append(call)
            elif call.before is self._normaliser:
                self._normaliser = call.after
            else:
                self._normaliser = call.moved(self._normaliser, call.micro_batches)

    def _let_go(self, *, is_off: bool) -> None:
        used = sum(not call.use.is_known_unused for call in self._calls)
        if used > MOST_CALLS // 2 and not is_off:
            raise NotApplied(
                f"{used:,} losses were weighed and no optimizer of torch has stepped, which is what a "
                "step of a run is: leave lambda off in a loop that updates its parameters by hand"
            )
        self.drop()

    def take(self) -> Part | None:
        """What the calls since the last `take` add up to, but for those that nobody trained on; None where
        there is none."""
        calls = self._end()
        if any(call.micro_batches != len(calls) for call in calls):
            self._normaliser = self._start
            for call in calls:
                self._normaliser = call.moved(self._normaliser, len(calls))
        self._start = self._normaliser
        self._has_stepped = self._has_stepped or bool(calls)
        if not calls:
            return None
        self._usual = len(calls)
        return calls[0].part if len(calls) == 1 else _together([call.part for call in calls])

    def drop(self) -> None:
        """Forgets the calls of a step that was not made: the estimate is what it was before them."""
        self._end()
        self._normaliser = self._start

    def close(self) -> None:
        """There is no further step: what nobody has trained on is not counted."""
        self.total_calls -= sum(call.use.is_known_unused for call in self._calls)
        self._calls = []

    def _end(self) -> list[_Call]:
        """Ends the step. Gives the calls that were trained on. The others wait for further steps as long as
        their graphs are there: their backward pass may come after the steps of other optimizers."""
        used = [call for call in self._calls if not call.use.is_known_unused]
        waiting = [call for call in self._calls if call.use.is_known_unused]
        self._settle()
        self._calls = [
            call for call in waiting if call.use.is_alive and call.use.steps_waited < MOST_STEPS_WAITED
        ]
        self._unsettled, self._fresh = [*self._calls], []
        self.total_calls -= len(waiting) - len(self._calls)
        for call in self._calls:
            call.use.steps_waited += 1
        return used

    @property
    def is_trained_on(self) -> bool:
        """Whether any of its losses ever was: without one there is no estimate."""
        return self._has_stepped or any(not call.use.is_known_unused for call in self._calls)

    def state_dict(self) -> dict[str, Any]:
        """Of the normaliser, and A."""
        return {"normaliser": self._normaliser.state_dict(), "calls": self._usual}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Puts back what `state_dict` gave; ValueError for anything else."""
        self._normaliser.load_state_dict(state["normaliser"])
        self._start = self._normaliser
        self._usual = int(state["calls"])
        self._has_stepped = True
        self._calls, self._unsettled, self._fresh = [], [], []


def _together(calls: list[Part]) -> Part:
    sizes = [call.losses_N.shape[0] for call in calls]
    total = sum(sizes)
    shares = [size / total for size in sizes]
    device = calls[0].losses_N.device if isinstance(calls[0].statistics, Tensor) else torch.device("cpu")
    share_A = torch.tensor(shares, dtype=torch.float64, device=device)
    rows_AF = torch.stack(
        [torch.as_tensor(call.statistics, dtype=torch.float64, device=device) for call in calls]
    )
    field = dict(zip(Statistics._fields, rows_AF.unbind(1), strict=True))
    statistics = torch.stack(
        [
            field["n"].sum(),
            torch.logsumexp(field["m"] + share_A.log(), 0),
            (field["sum_w"] * share_A).sum(),
            (field["sum_w2"] * share_A.square()).sum(),
            (field["sum_wl"] * share_A).sum(),
            (field["max_w"] * share_A).max(),
            (field["mean_loss"] * share_A).sum(),
            field["free_energy"][-1],
            field["capped"][-1],
            field["non_finite"].sum(),
        ]
    )
    return Part(
        statistics if device.type != "cpu" else read_statistics(statistics),
        torch.cat([call.losses_N for call in calls]),
        torch.cat([call.weights_N * share for call, share in zip(calls, shares, strict=True)]),
        join_identities([call.identity for call in calls]),
        calls[-1].controls,
    )


STEPLESS_CALLS = 100
MOST_STEPS_WAITED = 64
"""A loss that is kept for the log is not waited for without end."""
MOST_CALLS = 10_000
"""Of one name in a step: far more micro-batches than anybody accumulates."""
