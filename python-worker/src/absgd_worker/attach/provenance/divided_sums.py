"""The unit of lambda for losses that a script adds up.

The loss of a sample of several elements is in the script's own unit: their mean under a mean, their sum under
a sum. A sum that is then divided by about as many as there are elements is a mean.
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

Unit = Literal["sum", "mean"]
Follow = Callable[[Tensor, BackwardUse], None]
"""Is told of a loss, and of what follows whether anybody trains on it."""
Again = Callable[[Unit, Follow], Tensor | None]
"""Weighs losses once more, by another unit, and gives their sum; None where nothing is weighed."""


def last_alone(forget: Callable[[BackwardUse], None], weigh: Again) -> Again:
    """`weigh`, of whose calls the last alone counts: `forget` is told of the one before."""
    uses: list[BackwardUse] = []

    def again(unit: Unit, follow: Follow) -> Tensor | None:
        for use in uses:
            forget(use)
        uses.clear()

        def noted(result: Tensor, use: BackwardUse) -> None:
            uses.append(use)
            follow(result, use)

        return weigh(unit, noted)

    return again


class _Open(NamedTuple):
    """A sum whose divisor is not known yet."""

    name: str
    samples: list[Tensor]
    """What their number may be taken for: a count, or the sum of their weights."""
    elements: list[Tensor]
    """As `samples`, of the elements."""
    again: Again
    """Weighs the same losses by their means."""


class Units:
    """Of the weighings of a session: each is found out once, at the first sum that the script divides."""

    def __init__(self) -> None:
        self._of: dict[str, Unit] = {}
        self._open: Any = WeakTensorKeyDictionary()

    def of_sum(self, name: str) -> Unit:
        """That of a sum of the weighing `name`."""
        return self._of.get(name, "sum")

    def begin(
        self,
        result: Tensor,
        name: str,
        grouping: Grouping,
        again: Again,
        factors: tuple[Tensor, ...] = (),
    ) -> None:
        """`result`: the sum of the elements of `grouping`, weighed by the sums of its samples. `factors`:
        each of the elements' shape, by which the script has multiplied them."""
        counts_G, group_N = grouping.counts_G, grouping.group_N
        if name in self._of or counts_G is None or group_N is None:
            return
        samples, elements = [(counts_G > 0).sum()], [counts_G.sum()]
        if factors:
            weight_N = torch.ones_like(group_N, dtype=counts_G.dtype)
            for factor in factors:
                weight_N = weight_N * factor.reshape(-1).to(weight_N.dtype).abs()
            sums_G = torch.zeros_like(counts_G).index_add_(0, group_N, weight_N.to(counts_G.dtype))
            samples.append((sums_G / counts_G.clamp(min=1)).sum())
            elements.append(sums_G.sum())
        self._open[result] = _Open(name, samples, elements, again)

    def is_open(self, result: Tensor) -> bool:
        """Whether what divides it is to be seen yet."""
        return result in self._open

    def close(self) -> None:
        """Sums that nobody has divided by now are sums."""
        for one in [*self._open.values()]:
            self._of.setdefault(one.name, "sum")
        self._open.clear()

    def divided(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], follow: Follow
    ) -> tuple[Any, ...] | None:
        """The arguments by which `func` is to be called; None for those that it has."""
        if not self._open or (func not in QUOTIENTS and func not in PRODUCTS) or len(args) != 2 or kwargs:
            return None
        total, by = args
        found = self._open.get(total) if isinstance(total, Tensor) else None
        divisor = None if found is None else _divisor(func, by)
        if found is None or divisor is None:
            return None
        unit = _unit(divisor, [*map(float, found.samples)], [*map(float, found.elements)])
        self._of[found.name] = unit
        del self._open[total]
        # A tensor that is changed in place stays the one that it is: those of further steps are in the unit.
        if unit == "sum" or func in IN_PLACE:
            return None
        again = found.again("mean", follow)
        return None if again is None else (again, by)


def _divisor(func: Callable[..., Any], by: object) -> float | None:
    """None for one that is trained, and for a factor that does not divide."""
    if isinstance(by, Tensor):
        if by.requires_grad or by.numel() != 1 or func in PRODUCTS:
            return None
        return float(by)
    if not isinstance(by, (int, float)):
        return None
    if func in PRODUCTS:
        return 1 / by if 0 < by < 1 else None
    return float(by)


def _unit(divisor: float, samples: list[float], elements: list[float]) -> Unit:
    """ "mean" where a divisor is nearer to a number of elements than to one of samples, as ratios."""
    if not 0 < divisor < math.inf:
        return "sum"

    def distance(numbers: list[float]) -> float:
        return min((abs(math.log(divisor / one)) for one in numbers if one > 0), default=math.inf)

    return "mean" if distance(elements) < distance(samples) else "sum"
