"""The rule of weights against the vectors of proto/golden, which the TypeScript suite reads too.

`weights.json` is the preset `default`, `presets.json` the others.
"""

from __future__ import annotations

import json
import runpy
from typing import Any

import pytest
import torch

from absgd_worker.weights import Normaliser, Statistics, read_statistics
from golden_numbers import close, numbers
from project import GOLDEN

SEQUENCES = [
    sequence
    for file in ("weights.json", "presets.json")
    for sequence in numbers(json.loads((GOLDEN / file).read_text()))
]


def name_of(sequence) -> str:
    return sequence["name"]


def normaliser_of(sequence, *, on_device: bool | None = None) -> Normaliser:
    return Normaliser(
        sequence.get("preset", "default"),
        alpha=sequence.get("alpha", 1.0),
        floor=bool(sequence.get("floor", False)),
        on_device=on_device,
    )


def floats_of(normaliser: Normaliser) -> dict[str, Any]:
    state = normaliser.state_dict()
    assert state.pop("rule") == str(normaliser.rule)
    return state


@pytest.mark.parametrize("sequence", SEQUENCES, ids=name_of)
def test_each_step_from_its_recorded_state_gives_what_the_vectors_say(sequence, on_device):
    for step in sequence["steps"]:
        normaliser = normaliser_of(sequence, on_device=on_device)
        normaliser.load_state_dict({"rule": str(normaliser.rule), **step["before"]})
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
        state = floats_of(normaliser)
        assert sorted(state) == sorted(step["state"])
        for name, value in state.items():
            assert close(value, step["state"][name]), name


@pytest.mark.parametrize("sequence", SEQUENCES, ids=name_of)
def test_a_whole_sequence_run_in_one_go_ends_in_the_golden_state(sequence):
    normaliser = normaliser_of(sequence)
    for step in sequence["steps"]:
        normaliser.weigh(
            torch.tensor(step["losses"], dtype=torch.float64), lam=step["lam"], gamma=step["gamma"]
        )
    for name, value in floats_of(normaliser).items():
        assert value == pytest.approx(sequence["steps"][-1]["state"][name], rel=1e-10, nan_ok=True), name


@pytest.mark.parametrize("name", ["weights", "presets"])
def test_the_committed_vectors_are_what_their_generator_writes(name, monkeypatch):
    monkeypatch.syspath_prepend(str(GOLDEN))
    generator = runpy.run_path(str(GOLDEN / f"{name}.py"))
    assert (GOLDEN / f"{name}.json").read_text() == generator["text"]()
