"""The unit of lambda for sums of losses, which depends on whether the script divides the sum later.

With several elements per sample, the loss of a sample is the mean of its elements under a mean, and their sum
under a sum. A sum that the script divides by about the number of elements is a mean.

Shapes: N elements, G samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from absgd_worker.attach.hooks.backward_use import BackwardUse
from absgd_worker.attach.provenance.elementwise_operations import IN_PLACE, PRODUCTS, QUOTIENTS
from absgd_worker.attach.provenance.granularity import Grouping

LossUnit = Literal["sum", "mean"]
Follow = Callable[[Tensor, BackwardUse], None]
"""Called with a weighed loss, and with the record of whether a backward pass reaches it."""
Weigh = Callable[[LossUnit, Follow], Tensor | None]
"""Weighs losses in a unit, and returns their sum; None if no sample counts."""


def replace_previous_weighing(forget: Callable[[BackwardUse], None], weigh: Weigh) -> Weigh:
    """A version of `weigh` of which only the last call counts: it calls `forget` for the one before."""
    uses: list[BackwardUse] = []

    def weigh_again(unit: LossUnit, follow: Follow) -> Tensor | None:
        for use in uses:
            forget(use)
        uses.clear()

        def follow_and_record(result: Tensor, use: BackwardUse) -> None:
            uses.append(use)
            follow(result, use)

        return weigh(unit, follow_and_record)

    return weigh_again


class _UndividedSum(NamedTuple):
    """A sum that the script may still divide."""

    name: str
    sample_totals: list[Tensor]
    """Divisors that mean "per sample": the number of samples, and the sum of their weights if they have
    any."""
    element_totals: list[Tensor]
    """Divisors that mean "per element", likewise."""
    weigh_again: Weigh
    """Weighs the same losses in another unit."""


class DividedSums:
    """The units of a session's estimates. Each is decided once, at the first sum that the script divides."""

    def __init__(self) -> None:
        self._units: dict[str, LossUnit] = {}
        self._undivided: Any = WeakTensorKeyDictionary()
        self.waiting: Mapping[Any, Any] = self._undivided.data
        """The living sums that the script may still divide, by references to them."""

    def unit_of(self, name: str) -> LossUnit:
        """The unit of a sum of the estimate `name`."""
        return self._units.get(name, "sum")

    def begin(
        self,
        result: Tensor,
        name: str,
        grouping: Grouping,
        weigh_again: Weigh,
        factors: tuple[Tensor, ...] = (),
    ) -> None:
        """Waits for the script to divide `result`, a sum that is weighed in the unit "sum".

        `factors`: the tensors by which the script multiplied the elements, N elements each.
        """
        counts_G, group_N = grouping.counts_G, grouping.group_N
        if name in self._units or counts_G is None or group_N is None:
            return
        sample_totals, element_totals = [(counts_G > 0).sum()], [counts_G.sum()]
        if factors:
            weight_N = torch.ones_like(group_N, dtype=counts_G.dtype)
            for factor in factors:
                weight_N = weight_N * factor.reshape(-1).to(weight_N.dtype).abs()
            sums_G = torch.zeros_like(counts_G).index_add_(0, group_N, weight_N.to(counts_G.dtype))
            sample_totals.append((sums_G / counts_G.clamp(min=1)).sum())
            element_totals.append(sums_G.sum())
        self._undivided[result] = _UndividedSum(name, sample_totals, element_totals, weigh_again)

    def may_be_divided(self, result: Tensor) -> bool:
        """Whether a division of `result` would decide the unit of its estimate."""
        return result in self._undivided

    def close(self) -> None:
        """The step is over: sums that were not divided stay sums."""
        for undivided in [*self._undivided.values()]:
            self._units.setdefault(undivided.name, "sum")
        self._undivided.clear()

    def replaced_arguments(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], follow: Follow
    ) -> tuple[Any, ...] | None:
        """If `func` divides a sum by the number of elements: its arguments with the sum weighed as a mean.
        None if the arguments stay unchanged."""
        if (
            not self._undivided
            or (func not in QUOTIENTS and func not in PRODUCTS)
            or len(args) != 2
            or kwargs
        ):
            return None
        total, by = args
        undivided = self._undivided.get(total) if isinstance(total, Tensor) else None
        divisor = None if undivided is None else _divisor(func, by)
        if undivided is None or divisor is None:
            return None
        unit = _unit_of_divisor(
            divisor, [*map(float, undivided.sample_totals)], [*map(float, undivided.element_totals)]
        )
        self._units[undivided.name] = unit
        del self._undivided[total]
        # An operation in place must not get another tensor. The unit then holds from the next step on.
        if unit == "sum" or func in IN_PLACE:
            return None
        weighed = undivided.weigh_again("mean", follow)
        return None if weighed is None else (weighed, by)


def _divisor(func: Callable[..., Any], by: object) -> float | None:
    """The number that a call divides by; None if it is trained, or if the call is a product that does not
    divide. A product with a number between 0 and 1 divides."""
    if isinstance(by, Tensor):
        if by.requires_grad or by.numel() != 1 or func in PRODUCTS:
            return None
        return float(by)
    if not isinstance(by, (int, float)):
        return None
    if func in PRODUCTS:
        return 1 / by if 0 < by < 1 else None
    return float(by)


def _unit_of_divisor(divisor: float, sample_totals: list[float], element_totals: list[float]) -> LossUnit:
    """ "mean" if the divisor is closer to a total of elements than to one of samples, as a ratio."""
    if not 0 < divisor < math.inf:
        return "sum"

    def distance(totals: list[float]) -> float:
        return min((abs(math.log(divisor / total)) for total in totals if total > 0), default=math.inf)

    return "mean" if distance(element_totals) < distance(sample_totals) else "sum"
