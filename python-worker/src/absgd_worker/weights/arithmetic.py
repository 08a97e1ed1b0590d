"""The weights of one batch on the host. Small batches on the CPU are computed in Python floats, others in
tensors whose sums are read. `device.py` has the same for batches on a device.

With c = max loss for lam > 0, else min loss, and d = (loss - c)/lam <= 0, everything follows from
p = softmax(d): no exponent is positive, and losses are subtracted before they are divided. The normaliser is
exp(m + log_ratio), hence w = p·exp(-log_ratio), to which a floor adds 1/B.

    log mean exp(d) = -log(B·max p)      m = c/lam + log mean exp(d)      KL = Σ p·d - log mean exp(d)

Shapes: B is the number of samples weighed together, at least 1; tensors without a suffix have no dimension.
"""

from __future__ import annotations

import math
from array import array
from contextlib import suppress
from math import exp, fsum
from operator import mul
from typing import NamedTuple

import torch
from torch import Tensor

from absgd_worker.weights.presets import Mixing
from absgd_worker.weights.statistics import Statistics


class Moments(NamedTuple):
    """Sums over a batch on the host, in Python floats, with d as above and e = exp(d)."""

    n: int
    pivot: float
    """c, the loss of which d is 0."""
    total: float
    """Σe, from 1 to n."""
    mean_d: float
    """Σ e·d / Σe, at most 0."""
    sum_e2: float
    """Σe²."""
    mean_loss: float


class Outcome(NamedTuple):
    """What follows from the sums of a batch."""

    share: float
    """The weight of a sample is e times this, plus 1/n with a floor."""
    statistics: Statistics
    free_energy: float
    """After the batch, in units of the loss."""
    kl: float


def weigh_on_host(
    losses_B: Tensor, lam: float, mixing: Mixing, prior: float, kl: float
) -> tuple[Tensor, Statistics, float, float]:
    """Weights, statistics, and the state after: free energy and KL.

    `mixing` is how this batch is mixed into the running mean, `prior` the free energy before it at this lam
    (NaN for none), `kl` that of the batch before. If a number of the batch is not finite, all weights are
    1/B, and `prior` and `kl` do not change.
    """
    if losses_B.is_cpu and losses_B.shape[0] <= MOST_IN_FLOATS:
        return _weigh_in_floats(losses_B, lam, mixing, prior, kl)
    x_B = _host_copy(losses_B)
    n = x_B.shape[0]
    pivot = (x_B.max() if lam > 0 else x_B.min()).item()
    d_B = x_B.sub(pivot).div_(lam)
    # Like softmax, whose largest term is exp(0), but with fewer operations: each takes a few microseconds.
    e_B = d_B.exp()
    total = e_B.sum().item()
    mean_d = e_B.dot(d_B).item() / total
    moments = Moments(n, pivot, total, mean_d, e_B.dot(e_B).item(), x_B.sum().item() / n)
    outcome = _outcome(moments, lam, mixing, prior)
    if outcome is None:
        return *weigh_evenly_on_host(losses_B, prior), prior, kl
    e_B.mul_(outcome.share)
    if mixing.floor:
        e_B.add_(1.0 / n)
    return _as_weights(e_B, losses_B), outcome.statistics, outcome.free_energy, outcome.kl


def _weigh_in_floats(
    losses_B: Tensor, lam: float, mixing: Mixing, prior: float, kl: float
) -> tuple[Tensor, Statistics, float, float]:
    """`weigh_on_host` of a small batch. After a training step has emptied the caches, some ten operations of
    torch take longer than Python needs for a few hundred samples."""
    x = losses_B.tolist()
    n = len(x)
    pivot = max(x) if lam > 0 else min(x)
    d = [(loss - pivot) / lam for loss in x]
    e: list[float] = []
    outcome = None
    # `max` skips NaN, and sums of infinities are errors.
    with suppress(ValueError, OverflowError):
        e = list(map(exp, d))
        total = fsum(e)
        moments = Moments(n, pivot, total, fsum(map(mul, e, d)) / total, fsum(map(mul, e, e)), fsum(x) / n)
        outcome = _outcome(moments, lam, mixing, prior)
    if outcome is None:
        return *weigh_evenly_on_host(losses_B, prior), prior, kl
    share = outcome.share
    if mixing.floor:
        even = 1.0 / n
        w = [share * one + even for one in e]
    else:
        w = [share * one for one in e]
    is_wide = losses_B.dtype == torch.float64
    weights_B = torch.frombuffer(
        array("d" if is_wide else "f", w), dtype=torch.float64 if is_wide else torch.float32
    )
    return weights_B, outcome.statistics, outcome.free_energy, outcome.kl


def _outcome(moments: Moments, lam: float, mixing: Mixing, prior: float) -> Outcome | None:
    """None if a number is not finite. `prior` as in `weigh_on_host`."""
    n, pivot, total, mean_d, sum_e2, mean_loss = moments
    log_mean = math.log(total / n)
    new_kl = mean_d - log_mean
    gap = _log_add(mixing.log_old + ((prior - pivot) / lam - log_mean), mixing)
    log_ratio = min(max(gap, mixing.lower), mixing.upper)
    free_energy = pivot + lam * (log_mean + log_ratio)
    if not math.isfinite(mean_loss + new_kl + free_energy):
        return None
    scale = math.exp(-log_ratio)
    share = scale / total
    sums = (scale, share * share * sum_e2, scale * (pivot + lam * mean_d), share)
    sum_w, sum_w2, sum_wl, max_w = _raised(sums, mean_loss, n) if mixing.floor else sums
    statistics = Statistics(
        n,
        pivot / lam + log_mean,
        sum_w,
        sum_w2,
        sum_wl,
        max_w,
        mean_loss,
        free_energy,
        (gap > mixing.upper) - (gap < mixing.lower),
        0,
    )
    return Outcome(share, statistics, free_energy, new_kl)


def weigh_evenly_on_host(losses_B: Tensor, free_energy: float) -> tuple[Tensor, Statistics]:
    """Weights 1/B, for lam = ±inf; the statistics contain the given `free_energy`."""
    x_B = _host_copy(losses_B)
    n = x_B.shape[0]
    mean_loss = x_B.sum().item() / n
    non_finite = 0 if math.isfinite(mean_loss) else n - int(x_B.isfinite().sum().item())
    statistics = Statistics(
        n, math.nan, 1.0, 1.0 / n, mean_loss, 1.0 / n, mean_loss, free_energy, 0, non_finite
    )
    return _even_weights(losses_B), statistics


def _even_weights(losses_B: Tensor) -> Tensor:
    n = losses_B.shape[0]
    dtype = torch.float64 if losses_B.dtype == torch.float64 else torch.float32
    return torch.full((n,), 1.0 / n, dtype=dtype, device=losses_B.device)


def _as_weights(w_B: Tensor, losses_B: Tensor) -> Tensor:
    """In the dtype and on the device of the weights of `losses_B`."""
    narrow_B = w_B if losses_B.dtype == torch.float64 else w_B.float()
    return narrow_B if losses_B.is_cpu else narrow_B.to(losses_B.device)


def _host_copy(losses_B: Tensor) -> Tensor:
    # Each operation takes about ten microseconds after a training step, as its data left the caches.
    x_B = losses_B.detach() if losses_B.requires_grad else losses_B
    return (x_B if x_B.is_cpu else x_B.cpu()).double()


def _raised(
    sums: tuple[float, float, float, float], mean_loss: float, n: int
) -> tuple[float, float, float, float]:
    """Σw, Σw², Σw·loss and max w after 1/n is added to every weight."""
    sum_w, sum_w2, sum_wl, max_w = sums
    return sum_w + 1.0, sum_w2 + (sum_w * 2.0 + 1.0) / n, sum_wl + mean_loss, max_w + 1.0 / n


def _log_add(old: float, mixing: Mixing) -> float:
    """log(exp(old) + exp(log_new)); `log_first` if `old` is NaN, that is, before the first batch."""
    if math.isnan(old):
        return mixing.log_first
    high, low = max(old, mixing.log_new), min(old, mixing.log_new)
    return high + math.log1p(math.exp(low - high))


MOST_IN_FLOATS = 256
"""The largest batch on the CPU that is weighed in Python floats, without operations of torch."""
