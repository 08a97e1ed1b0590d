"""The rule of weights in operations of tensors alone, for batches on a device.

lam, gamma and the running estimate are tensors, and every branch of the rule is a `torch.where`: nothing
waits for the device, and one compiled or captured graph serves all values of lam and gamma. A captured step
calls `weigh_step`, which changes the state in place:

    controls, state = ControlsOnDevice(device), state_on(device)
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
    REFERENCE_OFF,
    UPPER_CAP,
    Estimate,
    Rule,
)


class ControlsOnDevice:
    """lam and gamma on a device. Only a value that changes is written, by a kernel that has it as argument.

    Attributes:
        values: float64 [2], lam and gamma. NaN before the first `set`.
    """

    def __init__(self, device: torch.device | str) -> None:
        self.values = torch.full((2,), math.nan, dtype=torch.float64, device=device)
        self._parts = self.values.unbind()
        self._written = [math.nan, math.nan]

    def set(self, *, lam: float, gamma: float) -> None:
        """Sets both for the operations that follow on the stream. Does not wait for the device."""
        for number, value in enumerate((lam, gamma)):
            if value != self._written[number]:
                self._parts[number].fill_(value)
                self._written[number] = value


def state_on(device: torch.device | str, estimate: Estimate = NO_ESTIMATE) -> Tensor:
    """A running estimate as float64 [4] on a device, in the order of `Estimate`.

    Does not wait for the device.

    Args:
        estimate: Python numbers; that of a training that has not begun, if it is left out.
    """
    state = torch.empty(len(estimate), dtype=torch.float64, device=device)
    # `torch.tensor` would copy from the host, and wait.
    for entry, value in zip(state.unbind(), estimate, strict=True):
        entry.fill_(float(value))
    return state


def weigh_step(rule: Rule, losses_B: Tensor, controls: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """The weights of one batch; updates `state` in place.

    Args:
        losses_B: [B], B >= 1, of any floating dtype, on the device of the other two.
        controls: float64 [2], lam and gamma, in the ranges of `Normaliser.weigh`, which are not checked here.
        state: float64 [4], from `state_on`.

    Returns:
        The weights [B] and the statistics, float64 [10], both as in `Weighed`.
    """
    weights_B, statistics, after = next_weights(rule, losses_B, controls, state)
    state.copy_(after)
    return weights_B, statistics


def next_weights(
    rule: Rule, losses_B: Tensor, controls: Tensor, state: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Like `weigh_step`, but returns the state after as a third tensor, and leaves `state` as it is."""
    lam, gamma = controls.unbind()
    free_energy, kl, last, seen = state.unbind()
    is_off = lam.isinf()
    if rule.preset == "reference":
        is_off = is_off | (lam >= REFERENCE_OFF)
    mixing = _mixing(rule, lam, gamma, state)

    # `arithmetic.py` has the formulas. Python numbers are used only as arguments of a kernel: `torch.where`
    # would copy them to the device and wait.
    x_B = losses_B.detach().double()
    n = x_B.shape[0]
    low, high = torch.aminmax(x_B)
    pivot = torch.where(lam > 0, high, low)
    d_B = (x_B - pivot) / lam
    p_B = torch.softmax(d_B, 0)
    max_p = p_B.amax()
    mean_d = p_B.dot(d_B)
    mean_loss = x_B.sum() / n
    log_mean = -torch.log(max_p * n)
    kl_of_batch = mean_d - log_mean
    old = (mixing.prior - pivot) / lam - log_mean + mixing.log_old
    gap = torch.where(old.isnan(), mixing.log_first, torch.logaddexp(old, mixing.log_new))
    lower, upper = (LOWER_CAP, UPPER_CAP) if rule.preset == "default" else (NO_LOWER_CAP, math.inf)
    log_ratio = gap.clamp(lower, upper)
    new = pivot + (log_mean + log_ratio) * lam

    # With lam off, or a number that is not finite, all weights are 1/B.
    is_weighed = torch.isfinite(mean_loss + kl_of_batch + new) & ~is_off
    is_even = ~is_weighed
    even = 1.0 / n
    scale = torch.exp(-log_ratio)
    w_B = p_B * scale
    sum_w, sum_w2 = scale, scale * scale * p_B.dot(p_B)
    sum_wl, max_w = scale * (mean_d * lam + pivot), scale * max_p
    if rule.floor:
        sum_w2 = sum_w2 + (sum_w * 2.0 + 1.0) / n
        w_B, sum_w, sum_wl, max_w = w_B + even, sum_w + 1.0, sum_wl + mean_loss, max_w + even
    weights_B = w_B.masked_fill(is_even, even)
    after = torch.where(is_weighed, new, torch.where(is_off, free_energy, mixing.prior))
    statistics = torch.stack(
        [
            torch.full_like(scale, n),
            (pivot / lam + log_mean).masked_fill(is_even, math.nan),
            sum_w.masked_fill(is_even, 1.0),
            sum_w2.masked_fill(is_even, even),
            torch.where(is_weighed, sum_wl, mean_loss),
            max_w.masked_fill(is_even, even),
            mean_loss,
            after,
            ((gap > upper).double() - (gap < lower).double()).masked_fill(is_even, 0.0),
            n - x_B.isfinite().sum().double(),
        ]
    )
    if rule.preset == "default":
        last, seen = lam, torch.where(is_off, seen, mixing.seen)
    else:
        last = torch.where(is_off, last, lam)
    state_after = torch.stack([after, torch.where(is_weighed, kl_of_batch, kl), last, seen])
    return weights_B if losses_B.dtype == torch.float64 else weights_B.float(), statistics, state_after


class _Mixing(NamedTuple):
    """How a batch is mixed into the running mean, as `presets.Mixing`; and the estimate at the new lam."""

    prior: Tensor
    """The free energy before the batch, NaN for none."""
    seen: Tensor
    log_old: Tensor
    log_new: Tensor
    log_first: Tensor


def _mixing(rule: Rule, lam: Tensor, gamma: Tensor, state: Tensor) -> _Mixing:
    """`presets.convert_estimate` in tensors. Without a meaning where lam is off."""
    free_energy, kl, last, seen = state.unbind()
    if rule.preset != "default":
        prior = torch.where(lam == last, free_energy, free_energy * (lam / last))
        log_new = gamma.log() + math.log(rule.alpha)
        log_first = torch.zeros_like(log_new) if rule.preset == "paper" else log_new
        return _Mixing(prior, seen, torch.log1p(-gamma), log_new, log_first)
    # NaN on the first step, 0 after lam was off, and negative if the sign changed.
    quotient = lam / last
    is_dropped = ~((quotient >= 0.5) & (quotient <= 2.0))
    prior = (free_energy - kl * (lam - last)).masked_fill(is_dropped, math.nan)
    seen = seen.masked_fill(is_dropped, 0.0)
    seen = seen + gamma * (1.0 - seen)
    rho = (gamma / seen).clamp(max=1.0)
    return _Mixing(prior, seen, torch.log1p(-rho), rho.log(), torch.zeros_like(rho))
