"""Writes schedules.json: schedules as text, their values at some steps, what is said of texts that are none,
and the functions that the values are computed with.

    PYTHONPATH=python-worker/src python proto/golden/schedules.py     rewrites schedules.json beside this file

A value is the 16 hexadecimal digits of its float64. `test/schedule/golden.test.ts` and
`python-worker/tests/schedules/test_golden_schedules.py` read it; both compare bits.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

from absgd_worker.schedules import ScheduleError, compile_schedule, parse_schedule, write_schedule
from absgd_worker.schedules.elementary import cos_pi, exp, log

KNOWN = [
    "2",
    " -1e-3 ",
    "off",
    "-inf",
    "linear(4, 0, 4)",
    "linear(0, -4, 4)",
    "bound(linear(-4, 0, 4), min=1)",
    "linear(init=4, end=0, over=epochs(0.4))",
    "linear(inf, -0.5, over=4, space=inverse)",
    "linear(off, -0.5, over=4, space=inverse)",
    "cosine(-5, -0.5, over=700, space=log)",
    "cosine(50, 1, over=epochs(3), space=inverse)",
    "warmup(over=4, then=-0.5, space=inverse)",
    "linear(4, 0, 4, begin=steps(2))",
    "linear(4, 0, transitionSteps=epochs(0.1, steps=3))",
    "join(off.for(2), exponential(-8, -0.5, 4))",
    "join(off().for(200), exponential(-5,-0.5,over=2000))",
    "join(off().for(epochs(0.25)), -1)",
    "exponential(1e-300, 1e300, over=1000)",
    "exponential(-5e-324, -1e308, over=1000)",
    "steps(1, [[2, 0.1], [epochs(1), 0.01]])",
    "steps(1, at=[[steps(2), 0.1]])",
    "piecewise(1, [[2, 3], [7, 5]], interpolate=linear)",
    "piecewise(1, [[2, 3], [700, 5]], interpolate=exponential)",
    "warmup(0, 4, cosine(1, 0, 10))",
    "twoStage(off=3, lambda=-0.5)",
    "scale(linear(4, 0, 4), 2)",
    "scale(bound(cosine(4, 1, 400), max=3), -0.3)",
    "bound(linear(4, 0, 4), min=1, max=3)",
    # Zeros of both signs: bounds see the sign.
    "cosine(-0, 0, 4)",
    "bound(linear(-0, 0, 4), min=1)",
    # Half a step is rounded up, never to the even neighbour.
    "join(constant(1).for(epochs(0.05)), constant(2).for(epochs(0.2)), 3)",
    "\ufeff\u00a02",
]

WRONG = [
    "",
    "cosine(2, 0.5",
    "cosine(2, 0.5, over=1000",
    "join(off.for(5), cosin(2, 1, 5))",
    "cosine(2; 1)",
    "cosine(2, 1, over=5, ovr=3)",
    "cosine(2, 1, 5, 7)",
    "cosine(2, 1, 5, init=3)",
    "cosine(2, 1, over=5, over=3)",
    "join(off.for(3), cosine(fast, 1, 5))",
    "join(off.for(3), cosine(log, 1, 5))",
    "join(off.for(3), cosine(2, 1, -5))",
    "offf",
    "linear",
    "constructor(2)",
    "off(3)",
    "join(a=1, 2)",
    "join(-2, -1)",
    "join()",
    "1e400",
    "join(2.for(5), 3)",
    "off.for(fast)",
    "off.for(log)",
    "off.for(1.5)",
    "piecewise(1, [[2, 3]], interpolate=value)",
    "piecewise(1, [[5, 3], [2, 4]], interpolate=linear)",
    "steps(1, [2, 0.1])",
    "steps(1, [[5, 0.1], [2, 0.2]])",
    "steps(1, 2)",
    "steps(init=1)",
    "2 3",
    "epochs(2)",
    "epochs(-2)",
    "linear(1, 2)",
    "linear(1, 2, over=3, transitionSteps=4)",
    "linear(1, 0, 4, space=log)",
    "linear(1, 0, 4, space=inverse)",
    "linear(off, inf, 4, space=inverse)",
    "exponential(-1, 1, 5)",
    "scale(2, 0)",
    "bound(2, min=3, max=1)",
    "warmup(0, then=2)",
    "twoStage(3, fast)",
    "jion(off, 2)",
    "line(1, 2, 3)",
    "sc(2, 3)",
    "m(2)",
    "scale(1e300, -1e300)",
    "scale(steps(1e-300, [[2, 1e-301]]), 1e-300)",
    "linear([[1, 2]], 2, 3)",
    "\u001c2",
    "2 \u0085",
    "infé",
]

STEPS_PER_EPOCH = 10
OTHER_EPOCHS = [7, 10, 33, 1000]
"""Steps of an epoch of random schedules."""
STEPS = [0, 1, 2, 3, 4, 5, 7, 10, 11, 13, 29, 64, 99, 333, 700, 1234, 5000]


def random_text(dice: Random) -> str:
    """A schedule without end, all of whose values are of one sign and not 0."""
    sign = dice.choice(["", "-"])

    def value() -> str:
        return f"{sign}{10 ** dice.uniform(-4, 4):.{dice.randint(1, 17)}g}"

    def duration() -> str:
        steps = dice.choice([dice.randint(1, 50), dice.randint(1, 1500)])
        epochs = dice.choice([dice.randint(0, 5), dice.randint(1, 900) / 100])
        return dice.choice([str(steps), f"epochs({epochs})", f"epochs({epochs}, steps={steps})"])

    def simple() -> str:
        ramp = dice.choice(["linear", "cosine"])
        space = dice.choice(["value", "log", "inverse"])
        return dice.choice(
            [
                f"constant({value()})",
                f"exponential({value()}, {value()}, over={duration()})",
                f"{ramp}({value()}, {value()}, over={duration()}, space={space})",
                f"{ramp}({value()}, {value()}, over={duration()}, begin={duration()})",
                f"{ramp}({sign}inf, {value()}, over={duration()}, space=inverse)",
                f"bound({ramp}({value()}, {value()}, over={duration()}), max={value().lstrip('-')})",
                f"scale(exponential({value()}, {value()}, over={duration()}), {dice.uniform(0.1, 4)!r})",
                f"piecewise({value()}, [[{dice.randint(1, 40)}, {value()}], "
                f"[{dice.randint(41, 900)}, {value()}]], "
                f"interpolate={dice.choice(['none', 'linear', 'cosine', 'exponential'])})",
                f"warmup({value()}, {duration()}, {value()})",
            ]
        )

    return dice.choice(
        [
            simple(),
            f"join({simple()}.for({duration()}), {simple()})",
            f"join(off.for({duration()}), {simple()}.for({duration()}), {simple()})",
            f"twoStage({duration()}, {simple()})",
        ]
    )


def bits(value: float) -> str:
    return struct.pack(">d", value).hex()


def case(text: str, steps_per_epoch: int = STEPS_PER_EPOCH) -> dict[str, object]:
    source = parse_schedule(text)
    values = compile_schedule(source, steps_per_epoch)
    return {
        "text": text,
        "stepsPerEpoch": steps_per_epoch,
        "written": write_schedule(source),
        "bits": [bits(values(step)) for step in STEPS],
    }


def function(values: Callable[[float], float], arguments: list[float]) -> list[list[str]]:
    """Arguments and values, as bits."""
    return [[bits(x), bits(values(x))] for x in arguments]


def functions(dice: Random) -> dict[str, list[list[str]]]:
    inf, least, most = math.inf, 5e-324, 1.7976931348623157e308
    exponents = [0.0, 1.0, -1.0, 1e-17, 709.782712893384, 709.7827128933841, -745.1332191019411, -inf, inf]
    numbers = [0.0, 1.0, least, 2.2250738585072014e-308, most, inf, 0.7071067811865475, 0.7071067811865476]
    return {
        "exp": function(exp, [*exponents, *(dice.uniform(-746, 711) for _ in range(100))]),
        "log": function(log, [*numbers, *(10 ** dice.uniform(-323, 308) for _ in range(100))]),
        "cosPi": function(cos_pi, [0.0, 0.25, 0.5, 0.75, 1.0, *(dice.random() for _ in range(100))]),
    }


def refusal(text: str) -> dict[str, str]:
    try:
        parse_schedule(text)
    except ScheduleError as error:
        return {"text": text, "problem": error.problem, "hint": error.hint}
    raise AssertionError(f"{text!r} is a schedule")


def text() -> str:
    """The file's content: one schedule, text or function a line."""
    dice = Random(0)
    others = [random_text(dice) for _ in range(200)]
    cases = [*map(case, KNOWN), *(case(other, dice.choice(OTHER_EPOCHS)) for other in others)]
    rows = [f'"{name}": {json.dumps(pairs)}' for name, pairs in functions(dice).items()]
    blocks = [
        f'"steps": {json.dumps(STEPS)}',
        f'"schedules": [\n{lines(cases)}\n]',
        f'"refused": [\n{lines(map(refusal, WRONG))}\n]',
        '"functions": {\n' + ",\n".join(rows) + "\n}",
    ]
    return "{" + ",\n".join(blocks) + "}\n"


def lines(entries: Iterable[object]) -> str:
    return ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)


if __name__ == "__main__":
    Path(__file__).with_suffix(".json").write_text(text(), encoding="utf-8")
