"""Writes class_balance.json: what the class factor gives, class by class and step by step.

The factors in 60 digits of `decimal`; the weights are those that `weights.py` and `presets.py` write, times
the factor. Nothing is shared with the implementations. Deterministic, standard library only.

    python proto/golden/class_balance.py      rewrites class_balance.json beside this file
"""

from __future__ import annotations

import json
import math
from decimal import Decimal, localcontext
from pathlib import Path
from random import Random

import presets
import weights
from weights import DIGITS, FRESH, batch, spelled

COUNTS = [500, 120, 31, 8, 1]
"""Samples of each class in the sequences."""

DEFAULT = {"preset": "default", "alpha": 1.0, "floor": False}

Given = tuple[list[float], list[int], float, float, float]
"""Losses, labels, lambda, gamma and beta of a step."""


def factors(counts: list[int], beta: float) -> list[Decimal]:
    """(1 - beta)/(1 - beta^n), scaled to a sum of as many as there are classes with samples."""
    b = Decimal(beta)
    raw = [(1 - b) / (1 - b**n) if n else Decimal(0) for n in counts]
    return [value * sum(1 for n in counts if n) / sum(raw) for value in raw]


def step(rule: dict, given: Given, before: dict[str, float]) -> dict:
    """One step as an entry of the file: in `reference` the factor stands inside the exponent, too."""
    losses, labels, lam, gamma, beta = given
    n = len(losses)
    c = [factors(COUNTS, beta)[label] for label in labels]
    finite = all(math.isfinite(loss) for loss in losses)
    exponents: list = losses
    if rule["preset"] == "reference":
        pairs = zip(c, losses, strict=True)
        exponents = [f * Decimal(loss) if finite else float(f) * loss for f, loss in pairs]
    if rule["preset"] == "default":
        entry = weights.step(exponents, lam, gamma, before)
    else:
        entry = presets.step(rule, exponents, lam, gamma, before)
    bare = entry["statistics"]
    w = [Decimal(weight) * f for weight, f in zip(entry["weights"], c, strict=True)]
    if finite:
        sum_wl = float(sum(weight * Decimal(loss) for weight, loss in zip(w, losses, strict=True)))
        mean = float(sum(map(Decimal, losses)) / n)
    else:
        sum_wl = sum(float(weight) * loss for weight, loss in zip(w, losses, strict=True))
        mean = sum(losses) / n
    return entry | {
        "losses": losses,
        "labels": labels,
        "beta": beta,
        "weights": [float(weight) for weight in w],
        "statistics": bare
        | {
            "sum_w": float(sum(w)),
            "sum_w2": float(sum(weight * weight for weight in w)),
            "sum_wl": sum_wl,
            "max_w": float(max(w)),
            "mean_loss": mean,
        },
        "bare": {
            "kl": 0.0 if math.isnan(bare["m"]) else entry["state"]["kl"],
            "ess": bare["sum_w"] ** 2 / bare["sum_w2"],
        },
    }


def sequence(name: str, rule: dict, steps: list[Given]) -> dict:
    state, entries = FRESH, []
    for given in steps:
        entry = step(rule, given, state)
        entries.append(entry)
        state = entry["state"]
    return {"name": f"{rule['preset']}: {name}", **rule, "steps": entries}


def sequences() -> list[dict]:
    r = Random(1901)
    inf, nan = math.inf, math.nan

    def at(lams: list[float], gamma: float, beta: float) -> list[Given]:
        return [(batch(r, 12), [r.randrange(5) for _ in range(12)], lam, gamma, beta) for lam in lams]

    def deferred(lam: float) -> list[Given]:
        return [*at([lam] * 2, 0.9, 0.0), *at([lam] * 2, 0.9, 0.9999)]

    broken = [([0.5, inf, 1.0, 0.2], [0, 1, 2, 4], -1.0, 0.5, 0.9), ([0.5, nan], [0, 4], -1.0, 0.5, 0.9)]
    rules = [DEFAULT, presets.PAPER, presets.reference(0.5), presets.reference(0.5, True)]
    return [
        sequence(name, rule, steps)
        for rule in rules
        for name, steps in [
            (f"positive lambda{' with a floor' if rule['floor'] else ''}", at([2.0] * 3, 0.9, 0.99)),
            ("negative lambda", at([-0.5, -0.5, -0.4], 0.45, 0.9999)),
            ("off is weighted by class alone", at([inf, -2.0, -inf], 0.5, 0.9)),
            ("deferred", deferred(-1.0)),
            ("losses that are not finite", [*at([-1.0], 0.5, 0.9), *broken, *at([-1.0], 0.5, 0.9)]),
        ]
    ]


def tables() -> list[dict]:
    sizes = [COUNTS, [7], [5, 0, 50], [10**9, 1], [500, 300, 200, 5]]
    betas = [0.0, 1e-9, 0.5, 0.9, 0.9999, 1 - 1e-12]
    return [
        {"counts": counts, "beta": beta, "factors": [float(value) for value in factors(counts, beta)]}
        for counts in sizes
        for beta in betas
    ]


def text() -> str:
    """The file's content: one table, and one step, a line."""
    with localcontext(DIGITS):
        factor_lines = ",\n".join(json.dumps(table) for table in tables())
        entries = sequences()
    blocks = []
    for entry in entries:
        steps = ",\n".join(json.dumps(spelled(step), allow_nan=False) for step in entry["steps"])
        head = json.dumps({key: value for key, value in entry.items() if key != "steps"})
        blocks.append(f'{head[:-1]}, "steps": [\n{steps}\n]}}')
    sequence_lines = ",\n".join(blocks)
    counts = json.dumps(COUNTS)
    return f'{{"factors": [\n{factor_lines}\n], "counts": {counts}, "sequences": [\n{sequence_lines}\n]}}\n'


if __name__ == "__main__":
    Path(__file__).with_name("class_balance.json").write_text(text())
