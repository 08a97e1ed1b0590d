"""The rule of weights against proto/golden/weights.json, the vectors that the TypeScript suite reads too."""

from __future__ import annotations

import json
import math
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

from absgd_worker.weights import Normaliser, Statistics, read_statistics

GOLDEN = Path(__file__).parents[2] / "proto" / "golden"


def close(actual: float, expected: float) -> bool:
    """1e-12 relative; values below 1e-3, differences of larger ones, are allowed their rounding."""
    if math.isnan(expected) or math.isinf(expected):
        return math.isnan(actual) if math.isnan(expected) else actual == expected
    return math.isclose(actual, expected, rel_tol=1e-12, abs_tol=1e-15)


def numbers(value: Any) -> Any:
    """The file with "nan", "inf" and "-inf" as floats again."""
    if isinstance(value, dict):
        return {key: entry if key in ("name", "dtype") else numbers(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [numbers(entry) for entry in value]
    return float(value)


SEQUENCES = numbers(json.loads((GOLDEN / "weights.json").read_text()))


def name_of(sequence) -> str:
    return sequence["name"]


@pytest.mark.parametrize("on_device", [False, True], ids=["host", "device"])
@pytest.mark.parametrize("sequence", SEQUENCES, ids=name_of)
def test_each_step_from_its_recorded_state_gives_what_the_vectors_say(sequence, on_device):
    for step in sequence["steps"]:
        normaliser = Normaliser(on_device=on_device)
        normaliser.load_state_dict(step["before"])
        weighed = normaliser.weigh(
            torch.tensor(step["losses"], dtype=getattr(torch, sequence["dtype"])),
            lam=step["lam"],
            gamma=step["gamma"],
        )

        tolerance = 1e-12 if sequence["dtype"] == "float64" else 1.2e-7
        expected = torch.tensor(step["weights"], dtype=torch.float64)
        torch.testing.assert_close(weighed.weights_B.double(), expected, rtol=tolerance, atol=1e-44)
        statistics = read_statistics(weighed.statistics)
        for name in Statistics._fields:
            assert close(getattr(statistics, name), step["statistics"][name]), name
        state = normaliser.state_dict()
        assert sorted(state) == sorted(step["state"])
        for name, value in state.items():
            assert close(value, step["state"][name]), name


@pytest.mark.parametrize("sequence", SEQUENCES, ids=name_of)
def test_a_whole_sequence_run_in_one_go_ends_in_the_golden_state(sequence):
    normaliser = Normaliser()
    for step in sequence["steps"]:
        normaliser.weigh(
            torch.tensor(step["losses"], dtype=torch.float64), lam=step["lam"], gamma=step["gamma"]
        )
    for name, value in normaliser.state_dict().items():
        assert value == pytest.approx(sequence["steps"][-1]["state"][name], rel=1e-10, nan_ok=True), name


def test_the_committed_vectors_are_what_their_generator_writes():
    generator = runpy.run_path(str(GOLDEN / "weights.py"))
    assert (GOLDEN / "weights.json").read_text() == generator["text"]()
