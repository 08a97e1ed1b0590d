"""Schedules: the arithmetic below them, epochs, and the ranges of controls."""

from __future__ import annotations

import math
from random import Random

import pytest

from absgd_worker.schedules import (
    ScheduleError,
    check_control,
    compile_schedule,
    constant_value,
    describe_schedule,
    format_number,
    is_ever_on,
    parse_schedule,
    uses_epochs,
)
from absgd_worker.schedules.elementary import cos_pi, exp, log

dice = Random(1)


def distance(found, true):
    """In units in the last place."""
    return 0 if found == true else abs(found - true) / math.ulp(true)


def test_exp_and_log_are_accurate_in_the_last_place():
    for _ in range(20_000):
        x = dice.uniform(-700, 700)
        assert distance(exp(x), math.exp(x)) <= 1
        y = math.exp(dice.uniform(-50, 50))
        assert distance(log(y), math.log(y)) <= 1


def test_the_cosine_is_accurate_and_symmetric():
    for _ in range(20_000):
        x = dice.random()
        assert abs(cos_pi(x) - math.cos(math.pi * x)) <= 4.5e-16
        exact = dice.randint(0, 1024) / 1024
        assert cos_pi(exact) == -cos_pi(1 - exact)


@pytest.mark.parametrize(
    ("found", "true"),
    [
        (exp(0.0), 1.0),
        (log(1.0), 0.0),
        (cos_pi(0.0), 1.0),
        (cos_pi(0.5), 0.0),
        (cos_pi(1.0), -1.0),
        (exp(710.0), math.inf),
        (exp(-746.0), 0.0),
        (exp(-745.1), math.exp(-745.1)),
        (exp(-math.inf), 0.0),
        (log(math.inf), math.inf),
        (log(0.0), -math.inf),
        (log(5e-324), math.log(5e-324)),
    ],
)
def test_the_ends_of_the_range_are_exact(found, true):
    assert found == true


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5.0, "5"),
        (-0.5, "-0.5"),
        (1e21, "1e+21"),
        (123456789012345680000.0, "123456789012345680000"),
        (1e-6, "0.000001"),
        (1.5e-7, "1.5e-7"),
        (-math.inf, "-Infinity"),
        (-0.0, "0"),
        (5e-324, "5e-324"),
    ],
)
def test_a_number_is_written_as_javascript_writes_it(value, text):
    assert format_number(value) == text


def test_epochs_become_steps_once_their_length_is_known():
    source = parse_schedule("join(off.for(epochs(2)), -1)")
    assert uses_epochs(source)
    assert [compile_schedule(source, 10)(step) for step in (19, 20)] == [math.inf, -1]
    with pytest.raises(ScheduleError, match=r"2 epochs cannot be converted.*steps_per_epoch"):
        compile_schedule(source)


def test_a_text_that_is_nested_too_deeply_is_refused():
    with pytest.raises(ScheduleError, match="nested too deeply"):
        parse_schedule("join(" * 5000 + "1" + ")" * 5000)


def test_a_schedule_with_an_end_is_refused():
    with pytest.raises(ScheduleError, match=r"ends at step 5, .*no \.for"):
        compile_schedule(parse_schedule("constant(2).for(5)"))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("lambda", "0", "lambda is 0 at step 0"),
        ("lambda", "linear(-1, 1, over=10)", "lambda crosses 0"),
        ("lambda", "join(off.for(5), linear(1, 0, over=10))", "lambda is 0 at step 15"),
        ("lambda", "scale(exponential(-1e300, -1, over=5), 1e300)", "cannot be represented"),
        ("gamma", "1.5", "gamma is 1.5 at step 0; gamma takes numbers above 0, at most 1"),
        ("gamma", "off", "gamma is Infinity"),
        ("gamma", "cosine(0.9, 0, over=epochs(3))", "gamma is 0 after 3 epochs"),
    ],
)
def test_values_that_a_control_cannot_have_are_refused(name, text, message):
    with pytest.raises(ScheduleError, match=message):
        check_control(name, parse_schedule(text))


def test_what_is_on_at_some_step_is_known_before_training():
    assert not is_ever_on(parse_schedule("off"))
    assert not is_ever_on(parse_schedule("join(off.for(3), -inf)"))
    assert is_ever_on(parse_schedule("join(off.for(3), 2)"))


def test_a_number_is_known_as_one_and_a_schedule_is_told_in_words():
    assert constant_value(parse_schedule("-2")) == -2
    assert constant_value(parse_schedule("exponential(-5, -0.5, over=9)")) is None
    text = "join(off.for(epochs(5)), exponential(-5, -0.5, over=epochs(10)))"
    assert (
        describe_schedule(parse_schedule(text))
        == "off for 5 epochs, then exponential -5 → -0.5 over 10 epochs"
    )
