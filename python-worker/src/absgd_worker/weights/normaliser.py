"""The rule of weights: exp(loss/lam) over a running estimate of its mean (DESIGN section 3; proto/README.md).

Paper: ABSGD, arXiv 2012.06951, Algorithm 1; here in the log domain, and by default bias-corrected, capped,
and carried over changes of lam; `weights_presets.py` has the other presets. `src/weighting` holds the same in
TypeScript; `proto/golden/weights.json` and `presets.json` bind the two.

Shapes: B is the number of samples weighed together, at least 1.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from absgd_worker.weights.arithmetic import (
    Statistics,
    weigh_evenly_on_device,
    weigh_evenly_on_host,
    weigh_on_device,
    weigh_on_host,
)
from absgd_worker.weights.presets import NO_PAST, Past, Rule, move_on, stand_still

__all__ = ["Normaliser", "Rule", "Statistics", "Weighed", "read_statistics", "weighted_loss"]


class Weighed(NamedTuple):
    """The weights of one batch and what they add up to."""

    weights_B: Tensor
    """Detached, on the losses' device, 1/B included; float64 for float64 losses, float32 for all others."""
    statistics: Statistics | Tensor
    """On a device a float64 [10] in the order of `Statistics`, so that nothing waits: `read_statistics`."""


class Normaliser:
    """The state of one named weighing: what outlives a batch.

    `preset`, `alpha` and `floor`: the rule, see `Rule`; ValueError for one that does not exist.

    Losses on the CPU are weighed in Python floats. Losses on a device are weighed in tensors there, and
    nothing synchronises; MPS has no float64, so its losses are copied to the CPU. `on_device` forces either.
    """

    def __init__(
        self,
        preset: str = "default",
        *,
        alpha: float = 1.0,
        floor: bool = False,
        on_device: bool | None = None,
    ) -> None:
        self.rule = Rule(preset, alpha, floor)
        self._on_device = on_device
        self._past = NO_PAST

    def weigh(self, losses_B: Tensor, *, lam: float, gamma: float) -> Weighed:
        """Weighs one batch and moves the state on.

        `losses_B`: any floating dtype, attached to a graph or not. `lam`, in units of loss: positive attends
        to high losses, negative turns away from them, ±inf is off (weights 1/B, estimate untouched), as 200
        and more is in `reference`. `gamma` in (0, 1] multiplies the new batch in the running estimate: a
        memory of 1/gamma batches.

        A batch with a loss that is not finite is weighed evenly, which shows that loss as a plain mean would,
        and leaves the estimate as it was: the next batch is weighed as if this one had agreed with it.

        Raises ValueError for lam 0 or NaN, gamma outside (0, 1], and losses that are not floating and [B].
        """
        _check(losses_B, lam, gamma)
        on_device = self._on_device
        if on_device is None:
            on_device = not losses_B.is_cpu and losses_B.device.type != "mps"
        if self.rule.is_off(lam):
            past = self._past = stand_still(self.rule, self._past, lam)
            if on_device:
                return Weighed(*weigh_evenly_on_device(losses_B, _tensor(past.free_energy, losses_B)))
            return Weighed(*weigh_evenly_on_host(losses_B, float(past.free_energy)))

        past, mixing = move_on(self.rule, self._past, lam, gamma)
        if on_device:
            weights_B, statistics, free_energy, kl = weigh_on_device(
                losses_B, lam, mixing, _tensor(past.free_energy, losses_B), _tensor(past.kl, losses_B)
            )
        else:
            weights_B, statistics, free_energy, kl = weigh_on_host(
                losses_B, lam, mixing, float(past.free_energy), float(past.kl)
            )
        self._past = Past(free_energy, kl, lam, past.seen)
        return Weighed(weights_B, statistics)

    @property
    def kl(self) -> float | Tensor:
        """KL of the last weighed batch's weights from even ones, before any floor; NaN before the first."""
        return self._past.kl

    def state_dict(self) -> dict[str, Any]:
        """The state as Python floats, and the rule it is of; NaN for what is not there yet.

        Waits for the device if there is one.
        """
        free_energy, kl, lam, seen = self._past
        return {
            "rule": str(self.rule),
            "free_energy": float(free_energy),
            "kl": float(kl),
            "lam": lam,
            "seen": seen,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Puts back what `state_dict` gave, bit for bit; ValueError for anything else, or another rule's."""
        # What was saved before there were presets names no rule.
        named = {"rule": "default", **state}
        names = ["free_energy", "kl", "lam", "rule", "seen"]
        if sorted(named) != names:
            raise ValueError(
                f"the state of a weighing has the entries {names}, this one has {sorted(state)}: "
                "load what state_dict() of this version gave"
            )
        if named["rule"] != str(self.rule):
            raise ValueError(
                f"the state is one of the rule {named['rule']!r}, this weighing follows {str(self.rule)!r}: "
                "go on under the same rule, or start afresh"
            )
        free_energy, kl, lam, seen = (float(named[name]) for name in Past._fields)
        if lam == 0 or not 0 <= seen <= 1:
            raise ValueError(
                f"the state of a weighing needs lam other than 0 and seen in [0, 1], this one has lam {lam} "
                f"and seen {seen}: the checkpoint is damaged, take an earlier one"
            )
        self._past = Past(free_energy, kl, lam, seen)


def weighted_loss(losses_B: Tensor, weights_B: Tensor) -> Tensor:
    """Σ w·loss, the scalar to differentiate, in the wider dtype of the two: float16 does not overflow."""
    return (losses_B * weights_B).sum()


def read_statistics(statistics: Statistics | Tensor) -> Statistics:
    """The statistics as Python numbers; waits for the device if they are there."""
    if isinstance(statistics, Statistics):
        return statistics
    read = Statistics(*statistics.tolist())
    return read._replace(n=int(read.n), capped=int(read.capped), non_finite=int(read.non_finite))


def _check(losses_B: Tensor, lam: float, gamma: float) -> None:
    if math.isnan(lam) or lam == 0:
        raise ValueError(f"lam is {lam}, must be a number other than 0: use inf to switch weighting off")
    if not 0 < gamma <= 1:
        raise ValueError(f"gamma is {gamma}, must be in (0, 1]: use 1 to weigh each batch on its own")
    if losses_B.ndim != 1 or losses_B.shape[0] == 0:
        raise ValueError(
            f"losses have shape {list(losses_B.shape)}, must be [B] with B >= 1: "
            "compute one loss per sample (reduction='none') and average over any other dimension"
        )
    if not losses_B.is_floating_point():
        raise ValueError(f"losses are {losses_B.dtype}, must be floating: convert them with .float()")


def _tensor(value: float | Tensor, losses_B: Tensor) -> Tensor:
    """`value` as a float64 on the losses' device."""
    if isinstance(value, Tensor) and value.device == losses_B.device:
        return value
    return torch.full((), float(value), dtype=torch.float64, device=losses_B.device)
