"""Verdicts over paired differences, against proto/golden/ab.json, which the TypeScript suite reads too."""

from __future__ import annotations

import json
import math

import pytest

from absgd_worker.ab.statistics import verdict
from project import GOLDEN

CASES = json.loads((GOLDEN / "ab.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["words"])
def test_a_verdict_is_as_the_vectors_say(case):
    found = verdict(case["gains"], case["matters"])
    assert found.words == case["words"]
    assert (found.mean, found.low, found.high) == (case["mean"], case["low"], case["high"])


def test_a_value_that_is_not_finite_is_said():
    assert verdict([0.1, math.nan, 0.1], 0.005).words == "cannot tell: a value is not finite"
