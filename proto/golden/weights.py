"""Writes weights.json: what the rule of weights gives, step by step, in exact arithmetic.

An independent oracle: the formulas of `proto/README.md`, "The rule of weights", in 60 digits of `decimal`, sharing nothing with the two
implementations that are held to it. Deterministic, standard library only.

    python proto/golden/weights.py            rewrites weights.json beside this file
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from decimal import Context, Decimal, localcontext
from pathlib import Path
from random import Random

DIGITS = Context(prec=60, Emin=-(10**9), Emax=10**9)

Steps = list[tuple[list[float], float, float]]
"""Losses, lambda and gamma of each."""

FRESH = {"free_energy": math.nan, "kl": math.nan, "lam": math.nan, "seen": 0.0}


def step(losses: list[float], lam: float, gamma: float, before: dict[str, float]) -> dict:
    """One step of the rule as an entry of the file; `before` and `state` hold 1 - a as "seen"."""
    n = len(losses)
    finite = all(math.isfinite(loss) for loss in losses)
    mean = float(sum(map(Decimal, losses)) / n) if finite else sum(losses) / n
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
    entry = {"losses": losses, "lam": lam, "gamma": gamma, "before": before}
    if math.isinf(lam):
        return entry | {"weights": [1 / n] * n, "state": before | {"lam": lam}, "statistics": even}

    old, a = history(before, lam)
    a *= 1 - Decimal(gamma)
    rho = Decimal(gamma) / (1 - a)
    after = {"lam": lam, "seen": float(1 - a)}
    if not finite:
        kept = math.nan if old is None else float(old)
        after |= {"free_energy": kept, "kl": before["kl"]}
        return entry | {"weights": [1 / n] * n, "state": after, "statistics": even | {"free_energy": kept}}

    x, temperature = [Decimal(loss) for loss in losses], Decimal(lam)
    m = (sum((loss / temperature).exp() for loss in x) / n).ln()
    free = m if old is None else ((1 - rho) * (old / temperature).exp() + rho * m.exp()).ln()
    held = min(max(free, m - Decimal(2).ln()), m + 5)
    w = [((loss - temperature * held) / temperature).exp() / n for loss in x]
    total = sum(w)
    weighted = sum(weight * loss for weight, loss in zip(w, x, strict=True))
    after |= {
        "free_energy": float(temperature * held),
        "kl": float(weighted / (temperature * total) - m),
    }
    statistics = {
        "n": n,
        "m": float(m),
        "sum_w": float(total),
        "sum_w2": float(sum(weight * weight for weight in w)),
        "sum_wl": float(weighted),
        "max_w": float(max(w)),
        "mean_loss": mean,
        "free_energy": after["free_energy"],
        "capped": int(held < free) - int(held > free),
        "non_finite": 0,
    }
    return entry | {"weights": [float(weight) for weight in w], "state": after, "statistics": statistics}


def history(before: dict[str, float], lam: float) -> tuple[Decimal | None, Decimal]:
    """The free energy carried over to lam, None where there is none or it is dropped, and a."""
    free_energy, last = before["free_energy"], before["lam"]
    if not math.isfinite(last) or last * lam < 0 or max(last / lam, lam / last) > 2:
        return None, Decimal(1)
    a = 1 - Decimal(before["seen"])
    if math.isnan(free_energy):
        return None, a
    change = Decimal(lam) - Decimal(last)
    return Decimal(free_energy) - (Decimal(before["kl"]) * change if change else 0), a


def sequence(name: str, steps: Steps, dtype: str = "float64") -> dict:
    """Steps that follow on each other from a fresh state; `dtype` is one that holds the losses exactly."""
    state, entries = FRESH, []
    for losses, lam, gamma in steps:
        entry = step(losses, lam, gamma, state)
        entries.append(entry)
        state = entry["state"]
    return {"name": name, "dtype": dtype, "steps": entries}


def batch(random: Random, n: int, scale: float = 1.0, shift: float = 0.0) -> list[float]:
    """Losses like those of a classifier: most small, some large; four decimals."""
    return [round(shift + scale * 4 * random.random() ** 3, 4) for _ in range(n)]


def as_float16(losses: list[float]) -> list[float]:
    return [struct.unpack("<e", struct.pack("<e", loss))[0] for loss in losses]


def as_bfloat16(losses: list[float]) -> list[float]:
    """Truncated to the upper half of a float32."""
    return [struct.unpack("<f", b"\0\0" + struct.pack("<f", loss)[2:])[0] for loss in losses]


def sequences() -> list[dict]:
    r = Random(20120)
    inf, nan = math.inf, math.nan
    annealed = [-5 * 0.1 ** (k / 11) for k in range(12)]
    wobbling = [0.9, 0.1, 1.0, 0.45, 0.7, 0.05, 0.9, 0.3]

    def at(n: int, lams: list[float], gamma: float, scale: float = 1.0, shift: float = 0.0) -> Steps:
        return [(batch(r, n, scale, shift), lam, gamma) for lam in lams]

    def exact(steps: Steps, convert: Callable[[list[float]], list[float]]) -> Steps:
        return [(convert(losses), lam, gamma) for losses, lam, gamma in steps]

    def spike(spiked: list[float], lam: float) -> Steps:
        return [*at(8, [lam] * 3, 0.1), (spiked, lam, 0.1), *at(8, [lam] * 5, 0.1)]

    still = [(1.0, 0.9), (1.0, 0.2), (0.8, 0.5), (-1.0, 0.1)]
    single = [(1.5, 1.0), (0.25, 1.0), (3.0, 0.6), (3.0, -0.6)]
    moving = [0.5, 0.5, -0.5, -0.4]
    return [
        sequence("gamma 1 is the softmax", at(8, [1.0, 1.0, -1.0, 0.5], 1.0)),
        sequence("positive lambda", at(16, [0.5] * 5, 0.9)),
        sequence("negative lambda", at(16, [-0.5] * 5, 0.45)),
        sequence("a long memory", at(8, [1.0] * 8, 0.1)),
        sequence("a gamma that 1 - gamma rounds away", at(4, [1.0] * 3, 1e-17)),
        sequence("gamma moves from step to step", [(batch(r, 8), 2.0, gamma) for gamma in wobbling]),
        sequence("lambda is annealed from -5 to -0.5", at(12, annealed, 0.9)),
        sequence("lambda grows", at(12, [0.5, 0.7, 1.0, 2.0, 3.9], 0.3)),
        sequence("lambda changes by exactly 2x, then by more", at(8, [1.0, 2.0, 1.0, 2.5, 1.2], 0.3)),
        sequence("lambda changes its sign", at(8, [1.0, 1.0, -1.0, -1.0, 1.0], 0.2)),
        sequence("off, on, off, on", at(8, [inf, -inf, -2.0, -2.0, inf, inf, -2.0], 0.5)),
        sequence("constant losses", [([0.7] * 5, lam, gamma) for lam, gamma in still]),
        sequence("duplicated losses", [([0.5, 2.0] * k, 0.5, 0.7) for k in (1, 2, 4)]),
        sequence("one sample", [([loss], lam, 0.6) for loss, lam in single]),
        sequence("batches of different sizes", [(batch(r, n), -1.0, 0.5) for n in (32, 32, 7, 1, 32)]),
        sequence("negative losses", at(8, [1.0, 1.0, -1.0, -1.0], 0.7, shift=-3.0)),
        sequence("losses of zero", [([0.0] * 4, 0.3, 0.5), ([0.0, 0.0, 0.0, 1.0], 0.3, 0.5)]),
        sequence("a spike of one sample, lambda > 0", spike([1e4, *batch(r, 7)], 0.05)),
        sequence("a spike of one sample, lambda < 0", spike([1e4, *batch(r, 7)], -0.5)),
        sequence("a spike of a whole batch, lambda > 0", spike(batch(r, 8, shift=1e4), 0.05)),
        sequence("a spike of a whole batch, lambda < 0", spike(batch(r, 8, shift=1e4), -0.05)),
        sequence("the first batch spikes", [*at(8, [0.5], 0.45, shift=1e4), *at(8, [0.5] * 4, 0.45)]),
        sequence("a spread far beyond lambda", at(8, [0.05, 0.05, -0.05, -0.05], 0.9, scale=2500.0)),
        sequence("a large lambda", at(8, [200.0, 200.0, 150.0, -1e3], 0.9)),
        sequence("losses that are not finite", broken(r)),
        sequence("the first batch is not finite", [([nan, 1.0], 1.0, 0.4), *at(2, [1.0, 1.0], 0.4)]),
        sequence("exact in float16", exact(at(16, moving, 0.9), as_float16), "float16"),
        sequence("exact in bfloat16", exact(at(16, moving, 0.9), as_bfloat16), "bfloat16"),
        sequence("float16 up to 1e4", exact(at(8, [0.05, 0.06, -0.05], 0.1, 2500.0), as_float16), "float16"),
    ]


def broken(r: Random) -> Steps:
    inf, nan = math.inf, math.nan
    return [
        (batch(r, 4), 1.0, 0.5),
        ([0.5, inf, 1.0, 0.2], 1.0, 0.5),
        (batch(r, 4), 0.8, 0.5),
        ([0.5, inf, nan, 0.2], 0.7, 0.5),
        (batch(r, 4), 0.7, 0.5),
        ([nan, nan, nan, nan], -1.0, 0.5),
        (batch(r, 4), -1.0, 0.5),
        ([-inf, 0.1, inf, 0.3], inf, 0.5),
        ([-inf, 0.1, 0.2, 0.3], -1.0, 0.5),
        (batch(r, 4), -1.0, 0.5),
    ]


def spelled(value: object) -> object:
    """JSON has no NaN and no infinity: they are written as "nan", "inf" and "-inf"."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: spelled(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [spelled(entry) for entry in value]
    return value


def text() -> str:
    """The file's content: one step a line."""
    with localcontext(DIGITS):
        entries = sequences()
    blocks = []
    for entry in entries:
        head = f'{{"name": {json.dumps(entry["name"])}, "dtype": "{entry["dtype"]}", "steps": ['
        steps = ",\n".join(json.dumps(spelled(step), allow_nan=False) for step in entry["steps"])
        blocks.append(f"{head}\n{steps}\n]}}")
    return "[\n" + ",\n".join(blocks) + "\n]\n"


if __name__ == "__main__":
    Path(__file__).with_name("weights.json").write_text(text())
