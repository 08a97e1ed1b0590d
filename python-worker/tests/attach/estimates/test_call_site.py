"""Where a loss is computed tells it from the others of a script."""

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


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("way", ["wrap", "capture", "weigh"])
def test_a_helper_of_any_name_that_two_losses_are_computed_by_gives_each_an_estimate(
    way: str, together: bool
) -> None:
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
    # What is known of the script is known to the next process from its first step on.
    assert [function for _, function in state["names"]["functions"]] == [
        "test_a_helper_of_any_name_that_two_losses_are_computed_by_gives_each_an_estimate"
    ]


def test_a_loss_that_calls_itself_is_one_place_however_deep_it_goes() -> None:
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
def test_a_place_that_an_edit_has_moved_keeps_its_name_and_estimate(tmp_path: Path, edit: str) -> None:
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
