"""Prints the table of docs/results.md, "Parity with the authors' recurrence": their recurrence beside ours.

    .venv/bin/python bench/defects.py

Every figure is computed here, on the CPU within seconds, from the formulas of the recurrence and from the
rule of weights as the worker runs it. The page is held to it by
`python-worker/tests/documents/test_defects_table.py`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python-worker" / "src"))

from absgd_worker.weights import Normaliser

Weigh = Callable[[Tensor, float, float], Tensor]
"""Losses, lam and gamma to weights, from step to step."""


class Recurrence:
    """The authors', literally: in the losses' own dtype, u from 0 and attached to the graph."""

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha
        self.u: float | Tensor = 0.0

    def weigh(self, losses_B: Tensor, lam: float, gamma: float) -> Tensor:
        n = losses_B.shape[0]
        if lam >= 200:
            return torch.full_like(losses_B, 1 / n)
        exponentials_B = torch.exp(losses_B / lam)
        self.u = (1 - gamma) * self.u + gamma * self.alpha * exponentials_B.mean()
        return (exponentials_B / (self.u * n)).detach()


def rules(alpha: float) -> list[Weigh]:
    """The recurrence, the preset `reference`, the preset `default`."""

    def of(normaliser: Normaliser) -> Weigh:
        return lambda losses_B, lam, gamma: normaliser.weigh(losses_B, lam=lam, gamma=gamma).weights_B

    return [Recurrence(alpha).weigh, of(Normaliser("reference", alpha=alpha)), of(Normaliser())]


def usual(count: int, n: int = 128) -> list[Tensor]:
    """Batches like a classifier's: most losses small, some large, 1.5 on average."""
    random = torch.Generator().manual_seed(0)
    return [6 * torch.rand(n, generator=random) ** 3 for _ in range(count)]


def overflow() -> list[str]:
    losses_B = torch.tensor([0.2, 1.0, 3.0, 45.0])
    return [describe(weigh(losses_B, 0.5, 0.7)) for weigh in rules(0.5)]


def underflow() -> list[str]:
    losses_B = torch.tensor([60.2, 61.0, 63.0, 60.7])
    return [describe(weigh(losses_B, -0.5, 0.7)) for weigh in rules(0.5)]


def describe(weights_B: Tensor) -> str:
    bad = int(weights_B.isnan().sum())
    if bad == 0:
        return f"all finite, Σw = {weights_B.sum().item():.3g}"
    rest = "" if bad == len(weights_B) else f", the others {weights_B.nan_to_num(0).max().item():g}"
    return f"{bad} of {len(weights_B)} NaN{rest}"


def poisoning(bad: float) -> list[str]:
    """How many of the 200 batches after one with a `bad` loss hardly train, or not at all."""
    cells = []
    for weigh in rules(0.5):
        *before, spoiled_B = usual(21)
        for losses_B in before:
            weigh(losses_B, 0.5, 0.7)
        spoiled_B[0] = bad
        weigh(spoiled_B, 0.5, 0.7)
        sums = [weigh(losses_B, 0.5, 0.7).sum().item() for losses_B in usual(200)]
        nan, idle = sum(map(math.isnan, sums)), sum(total < 0.1 for total in sums)
        cells.append(f"{nan} of 200 NaN" if nan else f"no NaN, Σw < 0.1 in {idle} of 200")
    return cells


def stale() -> list[str]:
    """Σw on the first step at another lam, over what it settles at; the batch stays the same."""
    losses_B = torch.empty(4096, dtype=torch.float64).exponential_(generator=torch.Generator().manual_seed(0))
    cells = []
    for which in range(3):
        parts = []
        for lam in (4.0, 2.0, 1.0, -5.0):
            weigh = rules(1.0)[which]
            for _ in range(300):
                weigh(losses_B, 5.0, 0.1)
            total = weigh(losses_B, lam, 0.1).sum().item()
            parts.append(f"5 → {lam:g}: ×{max(total, 1 / total):.4g}")
        cells.append(", ".join(parts))
    return cells


def leak() -> list[str]:
    """Nodes of autograd that the state holds after a thousand steps."""
    recurrence, normalisers = Recurrence(1.0), [Normaliser("reference"), Normaliser()]
    for _ in range(1000):
        losses_B = torch.rand(128, requires_grad=True) * 2
        for state in (recurrence, *normalisers):
            if isinstance(state, Recurrence):
                state.weigh(losses_B, 2.0, 0.9)
            else:
                state.weigh(losses_B, lam=2.0, gamma=0.9)
    held = [value for state in normalisers for value in state.state_dict().values()]
    assert not any(isinstance(value, Tensor) for value in held)
    return [f"{count_nodes(recurrence.u):,} nodes after 1,000 steps", "none", "none"]


def count_nodes(tensor: float | Tensor) -> int:
    assert isinstance(tensor, Tensor)
    seen, stack = set(), [tensor.grad_fn]
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        stack.extend(following for following, _ in node.next_functions)
    return len(seen)


def jump() -> list[str]:
    """Σw on the last step off, the first and second on, and the fiftieth, of the same batch."""
    (losses_B,) = usual(1)
    cells = []
    for which in range(3):
        parts = []
        for lam, gamma, alpha in ((5.0, 0.7, 0.5), (3.0, 0.45, 0.3), (0.5, 0.1, 0.5)):
            weigh = rules(alpha)[which]
            off = 200.0 if which < 2 else math.inf
            sums = [weigh(losses_B, off if step == 0 else lam, gamma).sum().item() for step in range(51)]
            told = " → ".join(f"{sums[step]:.3g}" for step in (0, 1, 2, 50))
            parts.append(f"γ {gamma:g}, α {alpha:g}: {told}")
        cells.append("; ".join(parts))
    return cells


def furthest() -> float:
    """The worst relative deviation of a weight of `reference` from the recurrence in float64.

    Over 500 steps each of four γ, three α, five λ, and both variants.
    """
    batches, worst = [losses_B.double() for losses_B in usual(500, 16)], 0.0
    for gamma, alpha, lam, floor in product(
        (0.1, 0.45, 0.7, 0.9), (0.3, 0.5, 1.0), (5.0, 2.0, 0.5, -0.5, -5.0), (False, True)
    ):
        recurrence, normaliser = Recurrence(alpha), Normaliser("reference", alpha=alpha, floor=floor)
        for step, losses_B in enumerate(batches):
            lam_t = 200.0 if step < 100 else lam
            expected_B = recurrence.weigh(losses_B, lam_t, gamma)
            if floor and lam_t < 200:
                expected_B = expected_B + 1 / len(losses_B)
            actual_B = normaliser.weigh(losses_B, lam=lam_t, gamma=gamma).weights_B
            worst = max(worst, (actual_B / expected_B - 1).abs().max().item())
    return worst


def largest_exponent(dtype: torch.dtype) -> str:
    return f"{math.log(torch.finfo(dtype).max):.2f}"


def measured() -> list[tuple[str, list[str]]]:
    limits = f"{largest_exponent(torch.float32)} (float32), {largest_exponent(torch.float16)} (float16)"
    return [
        (f"1. exp overflows above ℓ/λ = {limits}; here a loss of 45 at λ = 0.5", overflow()),
        ("2. u is inf from then on; the batches after a loss of 45", poisoning(45.0)),
        ("2. u is NaN from then on; the batches after a loss that is NaN", poisoning(math.nan)),
        ("3. exp vanishes for λ < 0: losses from 60 on at λ = −0.5, first step", underflow()),
        ("4. u is stale after a change of λ: Σw is off by", stale()),
        ("5. u keeps its autograd graph", leak()),
        ("6. Σw jumps where λ is switched on", jump()),
    ]


OTHERS = [
    (
        "7. the normaliser of one process; no AMP, trace, resume of u or of the optimiser",
        "one process too, so far. Losses of any dtype are weighed in float64 (`test_weights_golden.py`), "
        "loss and weight of every sample are logged (`test/integration/presets.test.ts`), u, optimiser and "
        "random state are restored bit for bit (`test_resume.py`)",
    ),
    (
        "8. evaluates with gradients, scores the training set anew every epoch, class weights inf at first",
        "evaluates without gradients, on random state of its own (`test_evaluation.py`); losses and weights "
        "are those of the training steps themselves, even while λ is off (`test_serve.py`)",
    ),
    (
        "9. does not run as checked in",
        "`npm run demo` sets itself up and runs (`scripts/demo.mjs`); setting up is tested in "
        "`test/environment`, whole runs of a real worker in `test/integration`",
    ),
]


def table() -> str:
    """The table in Markdown."""
    lines = ["| defect | authors' recurrence | preset `reference` | preset `default` |", "|---|---|---|---|"]
    lines += [f"| {defect} | {' | '.join(cells)} |" for defect, cells in measured()]
    lines += ["", "| defects outside the rule | here |", "|---|---|"]
    lines += [f"| {defect} | {here} |" for defect, here in OTHERS]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(table())
    print(f"worst relative deviation of a weight of `reference` from the recurrence: {furthest():.1e}")
