"""The presets of the rule of weights: what becomes of the past, and how a new batch joins it.

Formulas: proto/README.md, "The rule of weights". `paper` is Algorithm 1 of arXiv 2012.06951, `reference` the
recurrence of its authors' code; `default` is ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

PRESETS = ("default", "paper", "reference")

LOWER_CAP = -math.log(2.0)
"""In `default`, log(normaliser) >= m + this: Σw <= 2, so that no batch is kicked."""

UPPER_CAP = 5.0
"""In `default`, log(normaliser) <= m + this: Σw >= exp(-5), so that training does not stall after a spike."""

REFERENCE_OFF = 200.0
"""In `reference`, lam from here on is off; -200 is not."""


@dataclass(frozen=True)
class Rule:
    """By which rule a weighing weighs.

    `alpha`, of `reference` alone, is finite and above 0: it multiplies the mean of every new batch, so that
    Σw settles at 1/alpha. `floor`, of `reference` alone, adds 1/B to every weight.

    Raises ValueError for a preset that does not exist, and for what a preset does not take.
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
        """Whether a batch is weighed evenly at this lam."""
        return math.isinf(lam) or (self.preset == "reference" and lam >= REFERENCE_OFF)


class Past(NamedTuple):
    """What a weighing remembers; the numbers that batches give may be tensors on their device."""

    free_energy: float | Tensor
    """lam·log(normaliser), in units of loss; NaN while there is none."""
    kl: float | Tensor
    """Of the last weighed batch; NaN before. Only `default` uses it."""
    lam: float
    """Of the last batch, ±inf when that was off; in `paper` and `reference` of the last that was not off. NaN
    before the first."""
    seen: float
    """1 - Π(1 - gamma) over the batches since history was last dropped, in [0, 1]; only `default` uses it."""


NO_PAST = Past(math.nan, math.nan, math.nan, 0.0)


class Mixing(NamedTuple):
    """How a batch of mean exp(m) joins the running mean, and what is made of it."""

    log_old: float
    """Log of the factor of the running mean, -inf for 0."""
    log_new: float
    """Log of the factor of exp(m)."""
    log_first: float
    """log(normaliser) - m where there is no running mean."""
    lower: float
    """log(normaliser) - m is held above this."""
    upper: float
    """log(normaliser) - m is held below this."""
    floor: bool
    """Whether 1/B is added to every weight."""


def move_on(rule: Rule, past: Past, lam: float, gamma: float) -> tuple[Past, Mixing]:
    """The past as this batch meets it, at its lam, and how the batch joins it. Not for a lam that is off."""
    if rule.preset == "default":
        return _carry_over(past, lam, gamma)
    # û stays what it is in its own units, whatever lam becomes: log û = F̂/lam.
    free_energy = past.free_energy if lam == past.lam else past.free_energy * (lam / past.lam)
    log_old = _log1m(gamma)
    log_new = math.log(gamma) + math.log(rule.alpha)
    # The paper leaves its first step open: it is taken from the first batch. The reference begins at û = 0.
    log_first = 0.0 if rule.preset == "paper" else log_new
    mixing = Mixing(log_old, log_new, log_first, NO_LOWER_CAP, math.inf, rule.floor)
    return past._replace(free_energy=free_energy, lam=lam), mixing


def stand_still(rule: Rule, past: Past, lam: float) -> Past:
    """The past after a batch at a lam that is off."""
    return past._replace(lam=lam) if rule.preset == "default" else past


def _carry_over(past: Past, lam: float, gamma: float) -> tuple[Past, Mixing]:
    free_energy, seen = math.nan, 0.0
    # History survives a change of lam by at most 2x. The quotient is NaN on the first step, 0 after off, and
    # negative over a change of sign.
    if 0.5 <= lam / past.lam <= 2.0:
        free_energy, seen = past.free_energy, past.seen
        if lam != past.lam:
            free_energy = free_energy - past.kl * (lam - past.lam)  # dF/dlam = -KL
    # 1 - a of DESIGN section 3: a itself would round small gammas away.
    seen = seen + gamma * (1.0 - seen)
    rho = min(1.0, gamma / seen)
    mixing = Mixing(_log1m(rho), math.log(rho), 0.0, LOWER_CAP, UPPER_CAP, False)
    return Past(free_energy, past.kl, lam, seen), mixing


def _log1m(share: float) -> float:
    return math.log1p(-share) if share < 1.0 else -math.inf


NO_LOWER_CAP = -300.0
"""Σw <= exp(300), whose square a float64 still holds: only gamma·alpha below 1e-130 could reach it."""
