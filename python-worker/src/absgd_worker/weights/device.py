"""The rule of weights in operations of tensors alone, for batches on a device.

What depends on lam and gamma is computed on the host and written to numbers on the device; what depends on
the losses is computed there, and every branch is a `torch.where`. Nothing waits for the device, and one
compiled or captured graph serves all values of lam and gamma. A captured step calls `weigh_step`, which
changes the state in place:

    controls, state = ControlsOnDevice(Rule(), device), state_on(device)
    controls.set(lam=2.0, gamma=0.9)                            # before each step, outside of the graph
    weights_B, statistics = weigh_step(Rule(), losses_B, controls.values, state)

Shapes: B is the number of samples weighed together, at least 1; tensors without a suffix have no dimension.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from absgd_worker.weights.presets import (
    LOWER_CAP,
    NO_ESTIMATE,
    NO_LOWER_CAP,
    UPPER_CAP,
    Estimate,
    Rule,
    convert_estimate,
)


class History(NamedTuple):
    """The part of a running estimate that does not depend on losses: see `Estimate`."""

    lam: float
    seen: float


NO_HISTORY = History(NO_ESTIMATE.lam, NO_ESTIMATE.seen)


class Numbers(NamedTuple):
    """What a step needs of lam, gamma and the history. The free energy before the batch, at the new lam, is
    keep·F + per_kl·KL; it is NaN where the history is dropped. `presets.Mixing` has the others."""

    lam: float
    is_positive: float
    """1 for lam > 0, else 0."""
    keep: float
    per_kl: float
    log_old: float
    log_new: float
    """NaN where lam is off: then no weight is finite, and all become 1/B."""
    log_first: float


def numbers_of(rule: Rule, history: History, lam: float, gamma: float) -> tuple[Numbers, History]:
    """The numbers of a step, and the history after it."""
    if rule.is_off(lam):
        after = history._replace(lam=lam) if rule.preset == "default" else history
        return Numbers(1.0, 1.0, 1.0, 0.0, 0.0, math.nan, math.nan), after
    # With a free energy of 1 and a KL of 0, what becomes of the free energy is its factor.
    estimate, mixing = convert_estimate(rule, Estimate(1.0, 0.0, *history), lam, gamma)
    keep = estimate.free_energy
    per_kl = history.lam - lam if rule.preset == "default" and keep == 1 else 0.0
    numbers = Numbers(lam, float(lam > 0), keep, per_kl, mixing.log_old, mixing.log_new, mixing.log_first)
    return numbers, History(lam, estimate.seen)


class ControlsOnDevice:
    """The `Numbers` of the next step on a device. Only a number that changes is written, by a kernel that has
    it as argument.

    Attributes:
        values: float64 [7], in the order of `Numbers`. NaN before the first `set`.
        history: that of the last step.
    """

    def __init__(self, rule: Rule, device: torch.device | str) -> None:
        self.rule = rule
        self.history = NO_HISTORY
        self._written = Numbers(*[math.nan] * len(Numbers._fields))
        self.values = torch.full((len(self._written),), math.nan, dtype=torch.float64, device=device)
        self._parts = self.values.unbind()

    def set(self, *, lam: float, gamma: float) -> None:
        """Sets both for the operations that follow on the stream. Does not wait for the device.

        Call it once for each step, with values in the ranges of `Normaliser.weigh`.
        """
        numbers, self.history = numbers_of(self.rule, self.history, lam, gamma)
        for part, old, new in zip(self._parts, self._written, numbers, strict=True):
            # NaN differs from itself.
            if old != new and not (math.isnan(old) and math.isnan(new)):
                part.fill_(new)
        self._written = numbers


def state_on(device: torch.device | str, estimate: Estimate = NO_ESTIMATE) -> Tensor:
    """The free energy and the KL of a running estimate, float64 [2] on a device. Does not wait for it.

    Args:
        estimate: that of a training that has not begun, if it is left out.
    """
    state = torch.empty(2, dtype=torch.float64, device=device)
    # `torch.tensor` would copy from the host, and wait.
    for entry, value in zip(state.unbind(), estimate[:2], strict=True):
        entry.fill_(value)
    return state


def weigh_step(rule: Rule, losses_B: Tensor, controls: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """The weights of one batch; updates `state` in place.

    Args:
        losses_B: [B], B >= 1, of any floating dtype, on the device of the other two.
        controls: float64 [7], from `ControlsOnDevice` of the same rule.
        state: float64 [2], from `state_on`.

    Returns:
        The weights [B] and the statistics, float64 [10], both as in `Weighed`.
    """
    weights_B, statistics, after = next_weights(rule, losses_B, controls, state)
    state.copy_(after)
    return weights_B, statistics


def next_weights(
    rule: Rule, losses_B: Tensor, controls: Tensor, state: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Like `weigh_step`, but returns the state after as a third tensor, and leaves `state` as it is.

    `arithmetic.py` has the formulas. Python numbers are used only as arguments of a kernel: `torch.where`
    would copy them to the device and wait. x - x is 0 for every finite x, and NaN for all others.
    """
    lam, is_positive, keep, per_kl, log_old, log_new, log_first = controls.unbind()
    free_energy, kl = state.unbind()
    prior = torch.addcmul(free_energy * keep, kl, per_kl)

    x_B = losses_B.detach().double()
    n = x_B.shape[0]
    mean_loss = x_B.sum() / n
    # Exact at 0 and 1: the lowest or the highest loss.
    pivot = torch.lerp(*torch.aminmax(x_B), is_positive)
    d_B = (x_B - pivot) / lam
    p_B = torch.softmax(d_B, 0)
    max_p = p_B.amax()
    mean_d = p_B.dot(d_B)
    minus_log_mean = torch.log(max_p * n)
    kl_of_batch = mean_d + minus_log_mean

    old = (prior - pivot) / lam + minus_log_mean + log_old
    gap = torch.where(old.isnan(), log_first, torch.logaddexp(old, log_new))
    lower, upper = (LOWER_CAP, UPPER_CAP) if rule.preset == "default" else (NO_LOWER_CAP, math.inf)
    log_ratio = gap.clamp(lower, upper)
    new = torch.addcmul(pivot, log_ratio - minus_log_mean, lam)

    # With lam off, or a number that is not finite, all weights are 1/B.
    total = mean_loss + kl_of_batch + new
    is_even, even = (total - total) != 0, 1.0 / n
    scale = torch.exp(-log_ratio)
    w_B = p_B * scale
    sum_w, sum_w2 = scale, scale * scale * p_B.dot(p_B)
    sum_wl, max_w = scale * torch.addcmul(pivot, mean_d, lam), scale * max_p
    if rule.floor:
        sum_w2 = sum_w2 + (sum_w * 2.0 + 1.0) / n
        w_B, sum_w, sum_wl, max_w = w_B + even, sum_w + 1.0, sum_wl + mean_loss, max_w + even
    weights_B = w_B.masked_fill(is_even, even)
    free_energy = torch.where(is_even, prior, new)
    statistics = torch.stack(
        [
            torch.full_like(scale, n),
            (pivot / lam - minus_log_mean).masked_fill(is_even, math.nan),
            sum_w.masked_fill(is_even, 1.0),
            sum_w2.masked_fill(is_even, even),
            torch.where(is_even, mean_loss, sum_wl),
            max_w.masked_fill(is_even, even),
            mean_loss,
            free_energy,
            torch.sign(gap - log_ratio).masked_fill(is_even, 0.0),
            (x_B - x_B).ne(0).sum(dtype=torch.float64),
        ]
    )
    after = torch.stack([free_energy, torch.where(is_even, kl, kl_of_batch)])
    return weights_B if losses_B.dtype == torch.float64 else weights_B.float(), statistics, after
