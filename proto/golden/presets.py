"""Writes presets.json: what the presets `paper` and `reference` give, step by step, in exact arithmetic.

The linear recurrences themselves, in 60 digits of `decimal`, where exp neither overflows nor vanishes;
nothing is shared with the implementations that are held to it. Deterministic, standard library only.

    python proto/golden/presets.py            rewrites presets.json beside this file
"""

from __future__ import annotations

import json
import math
from decimal import Decimal, localcontext
from pathlib import Path
from random import Random

from weights import DIGITS, FRESH, Steps, as_float16, batch, broken, spelled

PAPER = {"preset": "paper", "alpha": 1.0, "floor": False}


def reference(alpha: float, floor: bool = False) -> dict:
    return {"preset": "reference", "alpha": alpha, "floor": floor}


def step(rule: dict, losses: list[float], lam: float, gamma: float, before: dict[str, float]) -> dict:
    """One step as an entry of the file. The state holds u as free_energy = lam·log u, lam the last one."""
    n = len(losses)
    finite = all(math.isfinite(loss) for loss in losses)
    mean = float(sum(map(Decimal, losses)) / n) if finite else sum(losses) / n
    entry = {"losses": losses, "lam": lam, "gamma": gamma, "before": before}
    even = {
        "n": n,
        "m": math.nan,
        "sum_w": 1.0,
        "sum_w2": 1 / n,
        "sum_wl": mean,
        "max_w": 1 / n,
        "mean_loss": mean,
        "free_energy": before["free_energy"],
        "capped": 0,
        "non_finite": sum(not math.isfinite(loss) for loss in losses),
    }
    if math.isinf(lam) or (rule["preset"] == "reference" and lam >= 200):
        return entry | {"weights": [1 / n] * n, "state": before, "statistics": even}

    log_u = None
    if not math.isnan(before["free_energy"]):
        log_u = Decimal(before["free_energy"]) / Decimal(before["lam"])
    if not finite:
        kept = math.nan if log_u is None else float(log_u * Decimal(lam))
        after = before | {"free_energy": kept, "lam": lam}
        return entry | {"weights": [1 / n] * n, "state": after, "statistics": even | {"free_energy": kept}}

    x, temperature, share = [Decimal(loss) for loss in losses], Decimal(lam), Decimal(gamma)
    exponentials = [(loss / temperature).exp() for loss in x]
    g = sum(exponentials) / n
    if rule["preset"] == "paper":
        u = g if log_u is None else (1 - share) * log_u.exp() + share * g
    else:
        old = Decimal(0) if log_u is None else log_u.exp()
        u = (1 - share) * old + share * Decimal(rule["alpha"]) * g
    w = [exponential / (u * n) + (Decimal(1) / n if rule["floor"] else 0) for exponential in exponentials]
    tilted = sum(a * b for a, b in zip(exponentials, x, strict=True)) / sum(exponentials)
    after = {
        "free_energy": float(temperature * u.ln()),
        "kl": float(tilted / temperature - g.ln()),
        "lam": lam,
        "seen": before["seen"],
    }
    statistics = {
        "n": n,
        "m": float(g.ln()),
        "sum_w": float(sum(w)),
        "sum_w2": float(sum(weight * weight for weight in w)),
        "sum_wl": float(sum(weight * loss for weight, loss in zip(w, x, strict=True))),
        "max_w": float(max(w)),
        "mean_loss": mean,
        "free_energy": after["free_energy"],
        "capped": 0,
        "non_finite": 0,
    }
    return entry | {"weights": [float(weight) for weight in w], "state": after, "statistics": statistics}


def sequence(name: str, rule: dict, steps: Steps, dtype: str = "float64") -> dict:
    """Steps that follow on each other from a fresh state; `dtype` is one that holds the losses exactly."""
    state, entries = FRESH, []
    for losses, lam, gamma in steps:
        entry = step(rule, losses, lam, gamma, state)
        entries.append(entry)
        state = entry["state"]
    return {"name": f"{rule['preset']}: {name}", **rule, "dtype": dtype, "steps": entries}


def sequences() -> list[dict]:
    r = Random(6951)
    inf = math.inf
    wobbling = [0.9, 0.1, 1.0, 0.45, 1e-17, 0.7, 0.05, 0.3]

    def at(n: int, lams: list[float], gamma: float, scale: float = 1.0, shift: float = 0.0) -> Steps:
        return [(batch(r, n, scale, shift), lam, gamma) for lam in lams]

    def spike(lam: float, gamma: float) -> Steps:
        return [*at(8, [lam] * 2, gamma), *at(8, [lam], gamma, shift=60 * abs(lam)), *at(8, [lam] * 3, gamma)]

    shared = [
        sequence(name, rule, steps)
        for name, steps in [
            ("positive lambda", at(16, [0.5] * 4, 0.9)),
            ("negative lambda", at(16, [-0.5] * 4, 0.45)),
            ("gamma moves from step to step", [(batch(r, 8), 2.0, gamma) for gamma in wobbling]),
            ("lambda changes, u stays", at(8, [5.0, 5.0, 4.0, 1.0, 1.0, 0.4], 0.3)),
            ("lambda changes its sign, u stays", at(8, [1.0, 1.0, -1.0, -1.0, 1.0], 0.2)),
            ("off, on, off, on", at(8, [inf, -inf, -2.0, -2.0, inf, inf, -2.0, -1.0], 0.5)),
            ("batches of different sizes", [(batch(r, n), -1.0, 0.5) for n in (32, 7, 1)]),
            ("a spike, lambda > 0", spike(0.5, 0.9)),
            ("a spike, lambda < 0", spike(-0.5, 0.1)),
            ("an overflow of exp in float64", at(8, [0.01, 0.01, -0.01, -0.01], 0.9, 2.5)),
            ("losses that are not finite", broken(r)),
        ]
        for rule in (PAPER, reference(0.5))
    ]
    return [
        *shared,
        sequence("CIFAR-10 of the README", reference(0.5), at(16, [200.0, 200.0, 5.0, 5.0, 5.0], 0.7)),
        sequence("CIFAR-100 of the README", reference(0.3), at(16, [200.0, 3.0, 3.0, 3.0], 0.45)),
        sequence("Clothing1M", reference(0.5, True), at(16, [200.0, -5.0, -5.0, -5.0], 0.5)),
        sequence("noise with the floor", reference(0.5, True), at(16, [-0.5] * 4, 0.9)),
        sequence("the floor without alpha", reference(1.0, True), at(16, [0.5, 0.5, -0.5, inf], 0.1)),
        sequence("a spike over the floor", reference(0.5, True), spike(0.5, 0.9)),
        sequence("not finite over the floor", reference(0.5, True), broken(r)),
        sequence(
            "off from 200 on, not at -200", reference(1.0), at(8, [199.9, 200.0, 1e9, -200.0, -1e9], 0.1)
        ),
        sequence("alpha above 1", reference(3.0), at(8, [1.0] * 3, 0.7)),
        sequence(
            "exact in float16",
            reference(0.5, True),
            [(as_float16(losses), lam, gamma) for losses, lam, gamma in at(16, [0.5, 0.5, -0.4], 0.9)],
            "float16",
        ),
    ]


def text() -> str:
    """The file's content: one step a line."""
    with localcontext(DIGITS):
        entries = sequences()
    blocks = []
    for entry in entries:
        steps = ",\n".join(json.dumps(spelled(step), allow_nan=False) for step in entry["steps"])
        head = json.dumps({key: value for key, value in entry.items() if key != "steps"})
        blocks.append(f'{head[:-1]}, "steps": [\n{steps}\n]}}')
    return "[\n" + ",\n".join(blocks) + "\n]\n"


if __name__ == "__main__":
    Path(__file__).with_name("presets.json").write_text(text())
