"""A plan from a file drives a loop without any controller."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from absgd_worker.attach import api
from absgd_worker.attach.source.plan_file import PlanError, PlanFileSource
from absgd_worker.attach.source.source import StopTraining
from recorder import a_model, labels, points

PLAN = {
    "format": 1,
    "experiment": "digits",
    "runSteps": 6,
    "controls": {"lambda": [[0, "Infinity"], [2, -5], [4, -0.1]], "gamma": [[0, 0.9]], "lr": [[3, 0.5]]},
}


def written(folder: Path, plan: object) -> Path:
    file = folder / "plan.json"
    file.write_text(json.dumps(plan))
    return file


def test_every_step_has_what_is_planned_for_it(tmp_path: Path) -> None:
    source = PlanFileSource(written(tmp_path, PLAN))
    rows = [source.next(step) for step in range(6)]
    assert [row["lambda"] for row in rows] == [math.inf, math.inf, -5, -5, -0.1, -0.1]
    assert [row.get("lr") for row in rows] == [None, None, None, 0.5, 0.5, 0.5]
    with pytest.raises(StopTraining, match="all 6 steps"):
        source.next(6)


def test_a_loop_is_trained_by_it_as_by_the_same_numbers_in_code(tmp_path: Path) -> None:
    def trained(lr: Callable[[int], float] | None = None, **options: object) -> tuple[torch.Tensor, int]:
        model, optimizer = a_model()
        with api.session(**options) as session:  # type: ignore[arg-type]
            criterion = api.wrap(nn.CrossEntropyLoss())
            try:
                for step in range(8):
                    if lr is not None:
                        optimizer.param_groups[0]["lr"] = lr(step)
                    optimizer.zero_grad()
                    criterion(model(points), labels).backward()
                    optimizer.step()
            except StopTraining:
                pass
            return model.weight.detach().clone(), session.step

    by_file, steps = trained(plan=written(tmp_path, PLAN))
    assert steps == 6
    lam = [math.inf, math.inf, -5, -5, -0.1, -0.1]

    def by_code(step: int) -> float:
        if step == 6:
            raise StopTraining
        return lam[step]

    assert torch.equal(by_file, trained(lam=by_code, lr=lambda step: 0.1 if step < 3 else 0.5)[0])


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ([], "no plan of format 1"),
        ({**PLAN, "format": 2}, "no plan of format 1"),
        ({**PLAN, "runSteps": 0}, "runSteps is 0, must be a whole number from 1"),
        ({**PLAN, "controls": {}}, "plans no control"),
        ({**PLAN, "controls": {"lambda": [[3, -1], [2, -1]]}}, r"lambda takes ascending steps"),
        (
            {**PLAN, "controls": {"lambda": [[0, "off"]]}},
            r"lambda takes ascending steps and numbers, not \[0",
        ),
        ({**PLAN, "controls": {"lambda": -1}}, r"lambda takes \[\[step, value\]"),
    ],
)
def test_what_is_no_plan_is_refused_by_name(tmp_path: Path, plan: object, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        PlanFileSource(written(tmp_path, plan))
