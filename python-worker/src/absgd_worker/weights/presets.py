"""The presets of the rule of weights: how each updates the running estimate with a new batch.

Formulas: proto/README.md, "The rule of weights". `paper` is Algorithm 1 of arXiv 2012.06951, `reference` is
the recurrence in the code of its authors, and `default` is the rule of this project.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

PRESETS = ("default", "paper", "reference")

LOWER_CAP = -math.log(2.0)
"""In `default`, log(normaliser) >= m + this: Σw <= 2, so that no batch makes too large a step."""

UPPER_CAP = 5.0
"""In `default`, log(normaliser) <= m + this: Σw >= exp(-5), so that training does not stop after a spike."""

REFERENCE_OFF = 200.0
"""In `reference`, lam is off from this value on; -200 is not off."""


@dataclass(frozen=True)
class Rule:
    """The rule by which losses become weights.

    Attributes:
        preset: "default", "paper" or "reference".
        alpha: only for `reference`, finite and above 0. It multiplies the mean of every new batch, so that Σw
            approaches 1/alpha.
        floor: only for `reference`. Adds 1/B to every weight.

    Raises:
        ValueError: the preset does not exist, or does not have the given alpha or floor.
    """

    preset: str = "default"
    alpha: float = 1.0
    floor: bool = False

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"preset is {self.preset!r}, must be one of {', '.join(PRESETS)}")
        if not 0 < self.alpha < math.inf:
            raise ValueError(f"alpha is {self.alpha}, must be finite and above 0: use 1 for none")
        if self.preset != "reference" and (self.alpha != 1 or self.floor):
            raise ValueError(
                f"alpha is {self.alpha} and floor is {self.floor}, but only the preset 'reference' takes "
                f"them, not {self.preset!r}: leave them out"
            )

    def __str__(self) -> str:
        """`default`, `paper`, `reference, alpha 0.5, floor`."""
        if self.preset != "reference":
            return self.preset
        return f"reference, alpha {self.alpha:.17g}{', floor' if self.floor else ''}"

    def is_off(self, lam: float) -> bool:
        """Whether all samples have the weight 1/B at this lam."""
        return math.isinf(lam) or (self.preset == "reference" and lam >= REFERENCE_OFF)


class Estimate(NamedTuple):
    """The state of a running estimate."""

    free_energy: float
    """lam·log(normaliser), in units of the loss; NaN before the first batch."""
    kl: float
    """KL of the weights of the last batch from even ones; NaN before it. Only `default` uses it."""
    lam: float
    """The lam of the last batch, ±inf if it was off; in `paper` and `reference` the last that was not off.
    NaN before the first batch."""
    seen: float
    """1 - Π(1 - gamma) over the batches since the last reset, in [0, 1]. Only `default` uses it."""


NO_ESTIMATE = Estimate(math.nan, math.nan, math.nan, 0.0)


class Mixing(NamedTuple):
    """How a batch, whose mean is exp(m), is mixed into the running mean to give the normaliser."""

    log_old: float
    """Log of the factor of the running mean; -inf for 0."""
    log_new: float
    """Log of the factor of exp(m)."""
    log_first: float
    """log(normaliser) - m if there is no running mean."""
    lower: float
    """Lower bound of log(normaliser) - m."""
    upper: float
    """Upper bound of log(normaliser) - m."""
    floor: bool
    """Whether 1/B is added to every weight."""


def convert_estimate(rule: Rule, estimate: Estimate, lam: float, gamma: float) -> tuple[Estimate, Mixing]:
    """Converts the estimate to a lam that is not off, and returns how the batch is mixed in."""
    if rule.preset == "default":
        return _carry_over(estimate, lam, gamma)
    # log û = F̂/lam does not change with lam.
    free_energy = estimate.free_energy if lam == estimate.lam else estimate.free_energy * (lam / estimate.lam)
    log_old = _log1m(gamma)
    log_new = math.log(gamma) + math.log(rule.alpha)
    # The paper does not define the first û: here it is that of the first batch. `reference` starts with 0.
    log_first = 0.0 if rule.preset == "paper" else log_new
    mixing = Mixing(log_old, log_new, log_first, NO_LOWER_CAP, math.inf, rule.floor)
    return estimate._replace(free_energy=free_energy, lam=lam), mixing


def estimate_after_off(rule: Rule, estimate: Estimate, lam: float) -> Estimate:
    """The estimate after a batch whose lam is off."""
    return estimate._replace(lam=lam) if rule.preset == "default" else estimate


def _carry_over(estimate: Estimate, lam: float, gamma: float) -> tuple[Estimate, Mixing]:
    free_energy, seen = math.nan, 0.0
    # The estimate is kept if lam changes by at most 2x. The quotient is NaN on the first step, 0 after lam
    # was off, and negative if the sign changed.
    if 0.5 <= lam / estimate.lam <= 2.0:
        free_energy, seen = estimate.free_energy, estimate.seen
        if lam != estimate.lam:
            free_energy = free_energy - estimate.kl * (lam - estimate.lam)  # dF/dlam = -KL
    # `seen` is 1 - a in proto/README.md, "The rule of weights": a itself would round small gammas away.
    seen = seen + gamma * (1.0 - seen)
    rho = min(1.0, gamma / seen)
    mixing = Mixing(_log1m(rho), math.log(rho), 0.0, LOWER_CAP, UPPER_CAP, False)
    return Estimate(free_energy, estimate.kl, lam, seen), mixing


def _log1m(share: float) -> float:
    return math.log1p(-share) if share < 1.0 else -math.inf


NO_LOWER_CAP = -300.0
"""Σw <= exp(300), whose square is a finite float64. Only a gamma·alpha below 1e-130 could reach it."""
