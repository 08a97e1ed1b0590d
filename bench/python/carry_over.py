"""Prints the tables of docs/results.md, "A moving λ": how far the normaliser is from the exact average.

    .venv/bin/python bench/carry_over.py

Losses are gamma-distributed; |λ| falls from 5 to 0.5 over 200 steps, evenly in log |λ|. At every step
log û of the rule of weights, as the worker runs it, is compared with the average recomputed at that step's λ
from the losses of every batch so far, under the same weights of the batches; twice more with the carry-over
taken out. On the CPU, within seconds. What is claimed of it is held by
`python-worker/tests/documents/test_carry_over.py`.
"""

from __future__ import annotations

import math
import sys
from itertools import product
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python-worker" / "src"))

from absgd_worker.weights import Normaliser, read_statistics

STEPS = 200
STREAMS = 4
"""Streams of losses that a row is measured on."""
FIRST, LAST = 5.0, 0.5
SIGNS = (1, -1)
BATCHES = (32, 128)
GAMMAS = (0.1, 0.5, 0.9)
SHAPE = 2
TAME = 0.15
"""Scale of the losses, 0.3 on average, of which exp(ℓ/λ) has a mean and a variance down to λ = 0.3."""
WILD = 0.5
"""Losses of 1 on average, of which exp(ℓ/λ) has no mean at λ = 0.5, and no variance below λ = 1."""

Kept = Literal["carried", "free energy", "û"]
"""The estimate that is kept over a change of λ.

F̂ less KL·Δλ (our rule), F̂ as it is in units of loss, û as it is, a number.
"""


class Distance(NamedTuple):
    """|log û − exact| over the steps after the first of every stream."""

    max: float
    mean: float


class Row(NamedTuple):
    scale: float
    sign: int
    n: int
    gamma: float
    held: int
    """Steps of our rule at which a cap held the normaliser."""
    carried: Distance
    free_energy: Distance
    number: Distance


def lambdas(sign: int) -> list[float]:
    """Of the steps 0 to 200: the first is at 5, the last at 0.5."""
    return [sign * FIRST * (LAST / FIRST) ** (step / STEPS) for step in range(STEPS + 1)]


def batches(scale: float, n: int, stream: int) -> Tensor:
    """Losses [steps, n]: of an integer shape k, gamma is a sum of k exponentials."""
    random = torch.Generator().manual_seed(stream)
    parts = torch.empty(STEPS + 1, n, SHAPE, dtype=torch.float64).exponential_(generator=random)
    return scale * parts.sum(-1)


def followed(kept: Kept, losses: Tensor, lams: list[float], gamma: float) -> tuple[Tensor, int]:
    """log û after each step by the rule of weights, and how often a cap held it."""
    normaliser, before, found, held = Normaliser(), math.nan, [], 0
    for losses_B, lam in zip(losses, lams, strict=True):
        if kept != "carried" and found:
            state = normaliser.state_dict()
            state["kl"] = 0.0
            if kept == "û":
                state["free_energy"] *= lam / before
            normaliser.load_state_dict(state)
        statistics = normaliser.weigh(losses_B, lam=lam, gamma=gamma).statistics
        held += read_statistics(statistics).capped != 0
        found.append(normaliser.state_dict()["free_energy"] / lam)
        before = lam
    return torch.tensor(found, dtype=torch.float64), held


def exact(losses: Tensor, lams: list[float], gamma: float) -> Tensor:
    """log Σ c_k mean exp(ℓ_k/λ_t) after each step t, over the batches k ≤ t; c is γ(1 − γ)^(t−k), normed."""
    found = []
    for step, lam in enumerate(lams):
        ages = torch.arange(step, -1, -1, dtype=torch.float64)
        shares = torch.log_softmax(ages * math.log1p(-gamma), 0)
        means = torch.logsumexp(losses[: step + 1] / lam, 1) - math.log(losses.shape[1])
        found.append(torch.logsumexp(shares + means, 0))
    return torch.stack(found)


def measured(scale: float) -> list[Row]:
    return [measure(scale, *row) for row in product(SIGNS, BATCHES, GAMMAS)]


def measure(scale: float, sign: int, n: int, gamma: float) -> Row:
    lams, kinds, held = lambdas(sign), get_args(Kept), 0
    apart: dict[Kept, list[Tensor]] = {kept: [] for kept in kinds}
    for stream in range(STREAMS):
        losses = batches(scale, n, stream)
        truth = exact(losses, lams, gamma)
        for kept in kinds:
            found, times = followed(kept, losses, lams, gamma)
            apart[kept].append((found - truth)[1:].abs())
            held += times if kept == "carried" else 0
    distances = [torch.cat(apart[kept]) for kept in kinds]
    return Row(
        scale,
        sign,
        n,
        gamma,
        held,
        *(Distance(of.max().item(), of.mean().item()) for of in distances),
    )


def ratio(other: Distance, ours: Distance) -> Distance:
    """How many times further it is without the carry-over."""
    return Distance(other.max / ours.max, other.mean / ours.mean)


def table(rows: list[Row]) -> str:
    """In Markdown; a cell is of the largest distance and of the mean one."""
    lines = [
        "| λ | batch | γ | carried over | F̂ kept | û kept | F̂ kept, times further | û kept, times further "
        "| held |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        falls = f"{row.sign * FIRST:g} → {row.sign * LAST:g}".replace("-", "−")
        cells = [cell(of, "{:.1e}") for of in (row.carried, row.free_energy, row.number)]
        cells += [cell(ratio(of, row.carried), "{:.1f}") for of in (row.free_energy, row.number)]
        lines.append(f"| {falls} | {row.n} | {row.gamma:g} | {' | '.join(cells)} | {row.held} |")
    return "\n".join(lines) + "\n"


def cell(of: Distance, how: str) -> str:
    return f"{how.format(of.max)}, {how.format(of.mean)}"


if __name__ == "__main__":
    torch.set_num_threads(1)
    for scale in (TAME, WILD):
        print(
            f"Losses gamma-distributed, shape {SHAPE}, scale {scale:g}; |log û − exact|, largest and mean:\n"
        )
        print(table(measured(scale)))
