"""The rule of weights: exp(loss/lam) divided by a running estimate of its mean.

Source: ABSGD, arXiv 2012.06951, Algorithm 1. Here it is computed in the log domain, and by default it is
bias-corrected, bounded, and converted when lam changes; `presets.py` has the other presets. Formulas:
proto/README.md, "The rule of weights". `src/weighting` has the same rule in TypeScript; both are tested with
the numbers in `proto/golden/weights.json` and `presets.json`.

Shapes: B is the number of samples weighed together, at least 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

from absgd_worker.weights.arithmetic import weigh_evenly_on_host, weigh_on_host
from absgd_worker.weights.device import ControlsOnDevice, History, next_weights, state_on
from absgd_worker.weights.presets import NO_ESTIMATE, Estimate, Rule, convert_estimate, estimate_after_off
from absgd_worker.weights.statistics import Statistics

__all__ = ["Normaliser", "Rule", "Statistics", "Weighed", "read_statistics", "weighted_loss"]


class Weighed(NamedTuple):
    """The weights of one batch, and their statistics."""

    weights_B: Tensor
    """[B], detached, on the device of the losses; 1/B is included, so that they sum to about 1. float64 for
    float64 losses, float32 for all others."""
    statistics: Statistics | Tensor
    """For losses on a device a float64 [10] in the order of `Statistics`, which `read_statistics` reads."""


class Normaliser:
    """Computes the weights of batch after batch, and keeps the running estimate between them.

    Losses on the CPU are weighed in Python floats. Losses on a device are weighed in tensors there, without
    synchronisation, with lam and gamma as tensors; MPS has no float64, so its losses are copied to the CPU.

    Args:
        preset, alpha, floor: the rule, see `Rule`.
        on_device: True or False forces tensors or Python floats.

    Raises:
        ValueError: there is no such rule.
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
        self._estimate = NO_ESTIMATE
        # On a device, instead of the first two numbers of `_estimate`. Copies may share both: the state is
        # never changed in place, and the controls know what was written to them last.
        self._state: Tensor | None = None
        self._controls: ControlsOnDevice | None = None

    def weigh(self, losses_B: Tensor, *, lam: float, gamma: float) -> Weighed:
        """The weights of one batch; updates the running estimate.

        If a loss is not finite, all weights are 1/B, so that the weighted loss is not finite either, and the
        estimate does not change.

        Args:
            losses_B: [B], B >= 1, one loss per sample, of any floating dtype; it may require gradients.
            lam: in units of the loss, not 0. Above 0 samples with high losses get higher weights, below 0
                lower ones. ±inf is off: weights 1/B, and the estimate does not change. In `reference`, 200
                and more is off, too.
            gamma: in (0, 1], the factor of the new batch in the running estimate, which averages over about
                1/gamma batches. 1 uses this batch alone.

        Raises:
            ValueError: lam is 0 or NaN, gamma is outside (0, 1], or the losses are not floating and [B].
        """
        _check(losses_B, lam, gamma)
        on_device = self._on_device
        if on_device is None:
            on_device = not losses_B.is_cpu and losses_B.device.type != "mps"
        if on_device:
            return self._weigh_on_device(losses_B, lam, gamma)
        before = self._read_estimate()
        if self.rule.is_off(lam):
            estimate = self._estimate = estimate_after_off(self.rule, before, lam)
            return Weighed(*weigh_evenly_on_host(losses_B, estimate.free_energy))
        estimate, mixing = convert_estimate(self.rule, before, lam, gamma)
        weights_B, statistics, free_energy, kl = weigh_on_host(
            losses_B, lam, mixing, estimate.free_energy, estimate.kl
        )
        self._estimate = Estimate(free_energy, kl, lam, estimate.seen)
        return Weighed(weights_B, statistics)

    def _weigh_on_device(self, losses_B: Tensor, lam: float, gamma: float) -> Weighed:
        device = losses_B.device
        if self._controls is None or self._controls.values.device != device:
            self._controls = ControlsOnDevice(self.rule, device)
        if self._state is None or self._state.device != device:
            self._state = state_on(device, self._read_estimate())
        self._controls.history = History(self._estimate.lam, self._estimate.seen)
        self._controls.set(lam=lam, gamma=gamma)
        self._estimate = self._estimate._replace(**self._controls.history._asdict())
        weights_B, statistics, self._state = next_weights(
            self.rule, losses_B, self._controls.values, self._state
        )
        return Weighed(weights_B, statistics)

    def _read_estimate(self) -> Estimate:
        """The estimate as Python numbers. Waits for the device, if it is on one."""
        if self._state is not None:
            free_energy, kl = self._state.tolist()
            self._estimate = self._estimate._replace(free_energy=free_energy, kl=kl)
            self._state = None
        return self._estimate

    @property
    def kl(self) -> float | Tensor:
        """KL of the last weights from even ones, without the floor, in [0, log B]; NaN before a batch."""
        return self._estimate.kl if self._state is None else self._state[1]

    def state_dict(self) -> dict[str, Any]:
        """The running estimate as Python floats (NaN before the first batch), and the name of its rule.

        Waits for the device of the losses.
        """
        numbers = self._estimate._asdict()
        if self._state is not None:
            numbers["free_energy"], numbers["kl"] = self._state.tolist()
        return {"rule": str(self.rule), **numbers}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned, bit for bit.

        Raises:
            ValueError: the state has other entries, a value out of its range, or is of another rule.
        """
        # States from before there were presets do not name a rule.
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
        free_energy, kl, lam, seen = (float(named[name]) for name in Estimate._fields)
        if lam == 0 or not 0 <= seen <= 1:
            raise ValueError(
                f"the state of a weighing needs lam other than 0 and seen in [0, 1], this one has lam {lam} "
                f"and seen {seen}: the checkpoint is damaged, take an earlier one"
            )
        self._estimate, self._state = Estimate(free_energy, kl, lam, seen), None


def weighted_loss(losses_B: Tensor, weights_B: Tensor) -> Tensor:
    """Σ w·loss, the scalar to differentiate.

    Args:
        losses_B: [B], with their graph.
        weights_B: [B], from `Normaliser.weigh`.

    Returns:
        A tensor without dimensions, in the wider dtype of the two, so that float16 does not overflow.
    """
    return (losses_B * weights_B).sum()


def read_statistics(statistics: Statistics | Tensor) -> Statistics:
    """The statistics as Python numbers; waits for the device if they are a tensor there."""
    if isinstance(statistics, Statistics):
        return statistics
    return statistics_of_row(statistics.tolist())


def statistics_of_row(row: Sequence[float]) -> Statistics:
    """The statistics from their ten numbers in the order of the fields, with whole numbers as such."""
    n, m, sum_w, sum_w2, sum_wl, max_w, mean_loss, free_energy, capped, non_finite = row
    return Statistics(
        int(n), m, sum_w, sum_w2, sum_wl, max_w, mean_loss, free_energy, int(capped), int(non_finite)
    )


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
