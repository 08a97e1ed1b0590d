"""Where a loss is computed tells it from the others of a script."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from test_attach_session import Recorder
from torch import Tensor, nn

from absgd_worker.attach import api


class GanLoss:
    """One criterion of a discriminator and of its generator."""

    def __call__(self, scores: Tensor, *, is_real: bool) -> Tensor:
        return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, float(is_real)))


def gan_loss(scores: Tensor, *, is_real: bool) -> Tensor:
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, float(is_real)))


@pytest.mark.parametrize("criterion", [GanLoss(), gan_loss])
def test_those_who_call_a_criterion_have_each_an_estimate_of_their_own(criterion: GanLoss) -> None:
    discriminator = nn.Linear(4, 1)
    generator = nn.Linear(4, 4)
    optimizers = [torch.optim.SGD(one.parameters(), lr=0.1) for one in (discriminator, generator)]
    source = Recorder()
    with api.session(source=source) as session, api.capture():
        for _ in range(3):
            noise = torch.randn(8, 4)
            criterion(discriminator(generator(noise).detach()), is_real=False).backward()
            optimizers[0].step()
            criterion(discriminator(generator(noise)), is_real=True).backward()
            optimizers[1].step()
    names = [entry.name for entry in source.entries]
    assert names == [names[0], names[1]] * 3
    assert names[0] != names[1]
    state = session.state_dict()
    with api.session(source=Recorder()) as again:
        again.load_state_dict(state)
        assert again.state_dict()["names"] == state["names"]


def test_a_function_that_trains_is_one_place_whoever_calls_it() -> None:
    model = nn.Linear(4, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def train() -> None:
        F.mse_loss(model(torch.randn(8, 4)), torch.zeros(8, 4)).backward()
        optimizer.step()

    source = Recorder()
    with api.session(source=source), api.capture():
        train()
        train()
    assert len({entry.name for entry in source.entries}) == 1
