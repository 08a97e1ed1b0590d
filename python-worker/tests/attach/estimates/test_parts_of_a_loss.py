"""Parts of one unreduced loss that a script reduces separately have an estimate each."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from estimates_by_hand import GAMMA, LAM, Running

B, STEPS = 8, 6
Reduce = Callable[[Tensor, Any], Tensor]
"""Reduces losses of samples, [n], to their mean; the second argument names the part."""
Unreduced = Callable[[Tensor, Tensor], Tensor]


def halves(losses: Tensor, part: Tensor, mean: Reduce) -> Tensor:
    labelled, unlabelled = losses[part == 0], losses[part != 0]
    total = losses.new_zeros(())
    if len(labelled):
        total = total + mean(labelled, "labelled")
    if len(unlabelled):
        total = total + 0.5 * mean(unlabelled, "unlabelled")
    return total


def fixed_slices(losses: Tensor, part: Tensor, mean: Reduce) -> Tensor:
    return mean(losses[:3], "first") + 0.5 * mean(losses[3:], "second")


def alternative_lines(losses: Tensor, part: Tensor, mean: Reduce) -> Tensor:
    """One loss per step: the same loss, reduced in one of two lines."""
    if int(part[0]) == 0:
        return mean(losses, "one")
    return mean(losses[part < 2], "one")


def tasks_in_a_loop(losses: Tensor, part: Tensor, mean: Reduce) -> Tensor:
    total = losses.new_zeros(())
    for task in range(3):
        own = losses[part == task]
        total = total + (1 + task) * mean(own, task)
    return total


def by_backward(losses: Tensor, part: Tensor, mean: Reduce) -> Tensor:
    mean(losses[:3], "first").backward(retain_graph=True)
    return mean(losses[3:], "second")


SCRIPTS = [halves, fixed_slices, alternative_lines, tasks_in_a_loop, by_backward]


def captured(scores: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(scores, labels, reduction="none")


def wrapped(scores: Tensor, labels: Tensor) -> Tensor:
    return api.wrap(nn.CrossEntropyLoss(reduction="none"))(scores, labels)


def trained(
    script: Any, seed: int, unreduced: Unreduced, mean: Reduce, *, steps: range, state: Any = None
) -> Any:
    torch.manual_seed(seed)
    source = random.Random(seed)
    model = nn.Linear(4, 3).double()
    with torch.no_grad():
        model.weight *= 4
    x = torch.randn(STEPS, B, 4, dtype=torch.float64)
    y = torch.randint(0, 3, x.shape[:-1])
    parts = torch.tensor([[source.choice([0, 0, 1, 2]) for _ in range(B)] for _ in range(STEPS)])
    # Some batches do not have one of the parts.
    for step in range(1, STEPS):
        left_out = source.choice([None, 0, 1, 2])
        parts[step][parts[step] == left_out] = source.choice([part for part in range(3) if part != left_out])
    if state is not None:
        model.load_state_dict(state)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for step in steps:
        optimizer.zero_grad()
        script(unreduced(model(x[step]), y[step]), parts[step], mean).backward()
        optimizer.step()
    return model.state_dict()


def by_hand() -> Reduce:
    of: dict[Any, Running] = {}

    def mean(losses: Tensor, part: Any) -> Tensor:
        if not len(losses):
            return losses.sum()
        running = of.setdefault(part, Running())
        return (running.factors(losses.detach(), GAMMA, moves=True) * losses).mean()

    return mean


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("unreduced", [captured, wrapped])
def test_every_part_follows_the_recurrence_of_its_own_losses(script: Any, unreduced: Unreduced) -> None:
    for seed in range(2):
        expected = trained(script, seed, captured, by_hand(), steps=range(STEPS))
        with api.session(lam=LAM, gamma=GAMMA, accumulate=1), api.capture():
            got = trained(script, seed, unreduced, means_of_lines(script), steps=range(STEPS))
        with api.session(lam=LAM, gamma=GAMMA, accumulate=1) as session, api.capture():
            half = trained(script, seed, unreduced, means_of_lines(script), steps=range(3))
            saved = json.loads(json.dumps(session.state_dict()))
        with api.session(lam=LAM, gamma=GAMMA, accumulate=1) as session, api.capture():
            session.load_state_dict(saved)
            resumed = trained(
                script, seed, unreduced, means_of_lines(script), steps=range(3, STEPS), state=half
            )
        for name in expected:
            assert torch.allclose(got[name], expected[name], atol=1e-9, rtol=0), (script, seed)
            assert torch.equal(resumed[name], got[name]), (script, seed)


def means_of_lines(script: Any) -> Reduce:
    if script is tasks_in_a_loop:
        # torch's mean of an empty tensor is NaN.
        return lambda losses, part: losses.sum() / max(len(losses), 1)
    return lambda losses, part: losses.mean()
