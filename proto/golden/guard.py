"""Writes guard.json: what the guard makes of series of steps, by the rule of the worker.

A series is a list of pieces of `steps` steps, in which `lam`, `loss` (the mean loss), `ess` (the ESS ratio) and
`weighted` (Σwℓ/Σw over the mean loss) run in straight lines [a, b]: step i of the piece has a + (b - a)·i/steps.
`n` is the size of the batch; "inf" and "nan" stand for numbers that JSON lacks.

    PYTHONPATH=python-worker/src python proto/golden/guard.py        rewrites guard.json beside this file

`test/schedule/feedback/guard-golden.test.ts` and `python-worker/tests/attach/checks/test_collapse.py` read it.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from absgd_worker.attach.checks.collapse import BackOff, SeenStep, Watch, watch

Piece = dict[str, object]


def piece(steps: int, lam: object, loss: object, ess: object = 1.0, weighted: object = 1.0) -> Piece:
    parts = {"lam": lam, "loss": loss, "ess": ess, "weighted": weighted}
    spread = {name: part if isinstance(part, list) else [part, part] for name, part in parts.items()}
    return {"steps": steps, **spread}


def seen_steps(series: dict) -> list[SeenStep]:
    """The steps of a series, as the tests read them too."""
    found: list[SeenStep] = []
    for one in series["pieces"]:
        for i in range(one["steps"]):
            at = {
                name: float(a) if a == b else float(a) + (float(b) - float(a)) * i / one["steps"]
                for name, (a, b) in ((name, one[name]) for name in ("lam", "loss", "ess", "weighted"))
            }
            loss = at["loss"]
            found.append(SeenStep(len(found), at["lam"], series["n"], loss, at["ess"], at["weighted"] * loss))
    return found


def back_offs(steps: list[SeenStep]) -> list[BackOff]:
    state = Watch()
    found: list[BackOff] = []
    for seen in steps:
        state, back_off = watch(state, seen)
        if back_off is not None:
            found.append(back_off)
    return found


def all_series() -> list[dict]:
    known = [
        (
            "a cold start of 1,000 classes",
            8,
            [piece(6, -2, [7, 6.5], 0.95), piece(60, -2, [7, 4000], [0.6, 0.13])],
        ),
        (
            "a cold start under a tiny lambda",
            64,
            [piece(1, -0.05, 6.9, 0.1, 0.9), piece(40, -0.05, 6.9, 0.1, 0.8)],
        ),
        ("a trained model", 32, [piece(40, -0.5, [1, 0.9], 0.5, 0.1), piece(80, -0.5, [0.9, 1.2], 0.3, 0.1)]),
        (
            "lopsided from the first batch on",
            64,
            [piece(9, -0.5, 2.3, 0.4, 0.3), piece(60, -0.5, [2.2, 1.9], 0.45, 0.3)],
        ),
        (
            "lopsided, and learns",
            64,
            [piece(12, -0.5, 2.3, 0.4, 0.3), piece(60, -0.5, [1.5, 0.2], 0.45, 0.3)],
        ),
        (
            "annealed, healthy",
            64,
            [piece(80, "inf", [2.3, 0.9]), piece(160, [-5, -0.5], [0.9, 3.6], [0.98, 0.6])],
        ),
        ("narrow late", 32, [piece(60, "inf", [2.3, 0.5]), piece(200, -0.5, [0.5, 2], [0.9, 0.01])]),
        ("run away", 32, [piece(30, -20, 2), piece(150, -20, [2, 40], 0.9)]),
        ("run away at once", 32, [piece(15, -20, 2), piece(40, -20, 1e6, 0.9)]),
        ("not finite", 16, [piece(30, -9, 2), piece(2, -9, "nan"), piece(9, -9, 2), piece(100, -9, "inf")]),
        ("below zero", 32, [piece(60, -1, [-1, -2], 0.9), piece(100, -1, [-2, 9], 0.9)]),
        ("lambda above zero", 64, [piece(20, 0.5, 2.3, 0.9), piece(90, 0.5, [2.3, 9], [0.8, 0.1], 2)]),
        ("lambda above zero, little is learnt", 16, [piece(100, 0.1, [0.82, 0.72], 0.11, 2)]),
        (
            "lambda above zero, learns slowly with more of the batch",
            16,
            [piece(200, 0.5, [2.3, 1.9], 0.4, 1.5)],
        ),
        (
            "lambda above zero, learns and forgets again",
            32,
            [piece(30, 1, [2.3, 0.3], 0.7, 1.2), piece(120, 1, [0.3, 6], [0.5, 0.05], 2)],
        ),
        (
            "lambda below zero, learns and runs away",
            32,
            [piece(40, -1, [2.3, 1], 0.9, 0.9), piece(40, -1, [1, 9], [0.9, 0.3], 0.4)],
        ),
        (
            "a cold start that settles within its first steps",
            8,
            [piece(20, -0.8, [1.73, 1], 0.65, 0.9), piece(40, -0.8, 1, 0.85, 0.9)],
        ),
        ("late and nothing learnt", 16, [piece(50, "inf", 2.3), piece(60, -0.5, 2.3, [1, 0.3], 0.95)]),
        ("batches of two", 2, [piece(150, -1, [0.7, 9], 0.5)]),
    ]
    series = [{"name": name, "n": n, "pieces": pieces} for name, n, pieces in known]
    random = Random(0)
    for number in range(24):
        scale = 10 ** random.uniform(-2, 2)
        pieces = []
        for _ in range(random.randint(2, 4)):
            lam = (
                "inf"
                if random.random() < 0.2
                else round(random.choice((-1, 1)) * scale * 10 ** random.uniform(-2, 1), 6)
            )
            loss = [round(scale * 10 ** random.uniform(-1, 1.2), 6) for _ in range(2)]
            ess = [round(random.uniform(0.02, 1), 3) for _ in range(2)]
            pieces.append(piece(random.randint(5, 90), lam, loss, ess, round(random.uniform(0.1, 1.5), 2)))
        n = random.choice((2, 4, 8, 16, 32, 64, 512))
        series.append({"name": f"random {number}", "n": n, "pieces": pieces})
    return series


def main() -> None:
    written = []
    for series in all_series():
        found = [[one.step, one.begin, one.factor] for one in back_offs(seen_steps(series))]
        written.append(json.dumps({**series, "back_offs": found}))
    text = "[\n  " + ",\n  ".join(written) + "\n]\n"
    Path(__file__).with_name("guard.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
