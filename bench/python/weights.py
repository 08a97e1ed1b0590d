"""The rule of weights against the authors' recurrence: plain cross-entropy with either, forward and backward.

usage: weights.py ROUNDS MEMORY_STEPS
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from timing import interleaved, median_ratio, report
from torch import Tensor
from torch.nn.functional import cross_entropy

from absgd_worker.weights import Normaliser, weighted_loss

LAM, GAMMA, CLASSES = 2.0, 0.9, 10
CALLS = 50
SIZES = (128, 4096)


def arms(size: int) -> dict[str, Callable[[], object]]:
    """Forward and backward of a loss of logits [B, C]: without weights, with ours, with theirs, leaking."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(size, CLASSES, generator=generator).requires_grad_()
    labels = torch.randint(CLASSES, (size,), generator=generator)
    normaliser, reference, leaking = Normaliser(), Reference(), Reference(leak=True)

    def losses() -> Tensor:
        logits.grad = None
        return cross_entropy(logits, labels, reduction="none")

    def plain() -> None:
        losses().mean().backward()

    def rule() -> None:
        losses_B = losses()
        weights_B, _ = normaliser.weigh(losses_B.detach(), lam=LAM, gamma=GAMMA)
        weighted_loss(losses_B, weights_B).backward()

    def recurrence() -> None:
        reference(losses()).backward()

    def leak() -> None:
        # A graph that is kept is not walked twice: only its newest part is what is differentiated.
        leaking(losses()).backward()

    return {"plain": plain, "rule": rule, "reference": recurrence, "leak": leak}


class Reference:
    """u = (1 − γ)u + γ·mean exp(ℓ/λ), p = exp(ℓ/λ)/(u·B), loss Σ p·ℓ. Detached unless it is to `leak`."""

    def __init__(self, *, leak: bool = False) -> None:
        self._leak = leak
        self._u: float | Tensor = 0.0

    def __call__(self, losses_B: Tensor) -> Tensor:
        exponentials_B = torch.exp((losses_B if self._leak else losses_B.detach()) / LAM)
        self._u = (1 - GAMMA) * self._u + GAMMA * exponentials_B.mean()
        weights_B = exponentials_B / (self._u * losses_B.shape[0])
        return (weights_B.detach() * losses_B).sum()


def growth(call: Callable[[], object], steps: int) -> float:
    """Bytes of memory that a step leaves behind, over the second half of `steps`."""
    resident = []
    for _ in range(2):
        for _ in range(steps // 2):
            call()
        gc.collect()
        resident.append(resident_bytes())
    return (resident[1] - resident[0]) / (steps // 2)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    torch.set_num_threads(1)
    rounds, memory_steps = map(int, sys.argv[1:])
    sizes = {}
    for size in SIZES:
        timed = {name: call for name, call in arms(size).items() if name != "leak"}
        seconds = interleaved(timed, rounds=rounds, calls=CALLS)
        sizes[size] = {
            "ratio": median_ratio(seconds["rule"], seconds["reference"]),
            **{f"{name}_us": 1e6 * sorted(times)[len(times) // 2] for name, times in seconds.items()},
        }
    measured = arms(SIZES[0])
    grown = {
        "rule": growth(measured["rule"], memory_steps),
        "reference": growth(measured["leak"], memory_steps // 10),
    }
    report(sizes=sizes, growth_bytes=grown)


if __name__ == "__main__":
    main()
