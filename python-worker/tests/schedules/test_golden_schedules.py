"""Schedules as text against proto/golden/schedules.json, which the TypeScript suite reads too."""

from __future__ import annotations

import json
import struct

import pytest

from absgd_worker.schedules import ScheduleError, compile_schedule, parse_schedule, write_schedule
from project import GOLDEN

golden = json.loads((GOLDEN / "schedules.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", golden["schedules"], ids=lambda case: case["text"])
def test_a_text_has_the_values_of_the_vectors_bit_for_bit(case):
    source = parse_schedule(case["text"])
    value = compile_schedule(source, golden["stepsPerEpoch"])
    assert [struct.pack(">d", value(step)).hex() for step in golden["steps"]] == case["bits"]
    assert write_schedule(source) == case["written"]
    assert parse_schedule(write_schedule(source)) == source


@pytest.mark.parametrize("case", golden["refused"], ids=lambda case: case["text"])
def test_a_text_that_is_no_schedule_is_refused_with_its_place(case):
    with pytest.raises(ScheduleError) as error:
        parse_schedule(case["text"])
    assert (error.value.problem, error.value.hint) == (case["problem"], case["hint"])
