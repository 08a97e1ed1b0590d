"""The losses of a script are distinguished by their call sites."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from recorder import Recorder


class GanLoss:
    """One criterion for a discriminator and its generator."""

    def __call__(self, scores: Tensor, *, is_real: bool) -> Tensor:
        return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, float(is_real)))


def gan_loss(scores: Tensor, *, is_real: bool) -> Tensor:
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, float(is_real)))


@pytest.mark.parametrize("criterion", [GanLoss(), gan_loss])
def test_callers_of_one_criterion_have_an_estimate_each(criterion: GanLoss) -> None:
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


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("way", ["wrap", "capture", "weigh"])
def test_two_losses_that_one_helper_computes_have_an_estimate_each(way: str, together: bool) -> None:
    nets = [nn.Linear(4, 1) for _ in range(2)]
    optimizers = [torch.optim.SGD(one.parameters(), lr=0.1) for one in nets]

    def inner(scores: Tensor) -> Tensor:
        aims = torch.ones_like(scores)
        if way == "weigh":
            return api.weigh(F.binary_cross_entropy_with_logits(scores, aims, reduction="none"))
        given = nn.BCEWithLogitsLoss()
        return (api.wrap(given) if way == "wrap" else given)(scores, aims)

    def outer(scores: Tensor) -> Tensor:
        return inner(scores) * 0.5

    source = Recorder()
    with api.session(source=source) as session, api.capture():
        for _ in range(3):
            first = outer(nets[0](torch.randn(8, 4)))
            if not together:
                first.backward()
                optimizers[0].step()
            second = outer(nets[1](torch.randn(8, 4)))
            if together:
                first.backward()
                optimizers[0].step()
            second.backward()
            optimizers[1].step()
        state = session.state_dict()
    names = [entry.name for entry in source.entries]
    assert names[0] != names[1]
    assert names == names[:2] * 3
    assert list(state["weighings"]) == names[:2]
    # The saved state gives the next process the same names from its first step.
    assert [function for _, function in state["names"]["functions"]] == [
        "test_two_losses_that_one_helper_computes_have_an_estimate_each"
    ]


def test_a_recursive_loss_is_one_call_site_at_any_depth() -> None:
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def loss(depth: int) -> Tensor:
        if depth:
            return loss(depth - 1)
        return F.mse_loss(net(torch.randn(8, 4)), torch.zeros(8, 1))

    with api.session(source=Recorder()) as session, api.capture():
        for depth in range(5):
            loss(depth).backward()
            optimizer.step()
        assert len(session.state_dict()["weighings"]) <= 2


SCRIPT = """
import torch
import torch.nn.functional as F
def train(net, optimizer, steps):
    for _ in range(steps):
        scores = net(torch.ones(8, 4))
        optimizer.zero_grad()
        F.mse_loss(scores, torch.zeros(8, 1)).backward()
        optimizer.step()
"""


@pytest.mark.parametrize("edit", ["", "\n\n# A comment.\n"])
def test_a_call_site_that_an_edit_moved_keeps_its_name_and_estimate(tmp_path: Path, edit: str) -> None:
    file = tmp_path / "edited.py"

    def trained(text: str, state: Any) -> Any:
        file.write_text(text)
        scope: Any = {}
        exec(compile(text, str(file), "exec"), scope)
        net = nn.Linear(4, 1)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        source = Recorder()
        with api.session(source=source) as session, api.capture():
            if state is not None:
                session.load_state_dict(state)
            scope["train"](net, optimizer, 2)
            assert {entry.name for entry in source.entries} == {"loss"}
            return session.state_dict()

    state = trained(SCRIPT, None)
    assert list(trained(edit + SCRIPT, state)["weighings"]) == ["loss"]


def test_a_function_that_trains_is_one_call_site_for_all_its_callers() -> None:
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
