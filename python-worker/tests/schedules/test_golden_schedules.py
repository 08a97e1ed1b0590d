"""Schedules as text against proto/golden/schedules.json, which the TypeScript suite reads too."""

from __future__ import annotations

import json
import runpy
import struct
from random import Random

import pytest

from absgd_worker.schedules import ScheduleError, compile_schedule, parse_schedule, write_schedule
from absgd_worker.schedules.elementary import cos_pi, exp, log
from project import GOLDEN

golden = json.loads((GOLDEN / "schedules.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", golden["schedules"], ids=lambda case: case["text"])
def test_a_text_has_the_values_of_the_vectors_bit_for_bit(case):
    source = parse_schedule(case["text"])
    value = compile_schedule(source, case["stepsPerEpoch"])
    assert [bits_of(value(step)) for step in golden["steps"]] == case["bits"]
    assert write_schedule(source) == case["written"]
    assert parse_schedule(write_schedule(source)) == source


@pytest.mark.parametrize("case", golden["refused"], ids=lambda case: case["text"])
def test_a_text_that_is_no_schedule_is_refused_with_its_place(case):
    with pytest.raises(ScheduleError) as error:
        parse_schedule(case["text"])
    assert (error.value.problem, error.value.hint) == (case["problem"], case["hint"])


@pytest.mark.parametrize(("name", "function"), [("exp", exp), ("log", log), ("cosPi", cos_pi)])
def test_the_functions_below_have_the_bits_of_the_vectors(name, function):
    wrong = [pair for pair in golden["functions"][name] if bits_of(function(float_of(pair[0]))) != pair[1]]
    assert wrong == []


def test_the_file_is_what_its_script_writes():
    script = runpy.run_path(str(GOLDEN / "schedules.py"))
    assert (GOLDEN / "schedules.json").read_text(encoding="utf-8") == script["text"]()


def test_a_schedule_that_is_written_and_read_back_is_the_same():
    random_text = runpy.run_path(str(GOLDEN / "schedules.py"))["random_text"]
    dice = Random(2)
    for _ in range(300):
        source = parse_schedule(nested(random_text(dice), dice))
        assert parse_schedule(write_schedule(source)) == source


def nested(text: str, dice: Random) -> str:
    """The text in other schedules, which may end."""
    size = repr(10 ** dice.uniform(-3, 3))
    scaled = f"scale({text}, {dice.choice(['', '-'])}{size})"
    return dice.choice(
        [text, scaled, f"bound({text}, min={size})", f"join({scaled}.for(3), {text}.for(epochs(0.5)))"]
    )


def bits_of(value: float) -> str:
    return struct.pack(">d", value).hex()


def float_of(bits: str) -> float:
    [value] = struct.unpack(">d", bytes.fromhex(bits))
    return value
