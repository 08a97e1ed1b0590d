"""A model that changes keeps its estimate; heads, models without modules and later models have their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from absgd_worker.attach import api
from estimates_by_hand import GAMMA, LAM, B, ByHand, Loss, assert_same, captured, member, weighed, wrapped
from recorder import Recorder

WAYS = [wrapped, captured, weighed]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(4, 5)
        self.head = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.body(x)))


def freezes_the_head(model: Net, step: int) -> None:
    model.head.requires_grad_(step % 2 == 0)
    model.body.requires_grad_(step % 3 != 2 or step % 2 == 1)


def unfreezes_the_head(model: Net, step: int) -> None:
    model.head.requires_grad_(step >= 3)


def has_another_head(model: Net, step: int) -> None:
    if step == 3:
        model.head = nn.Linear(5, 3)


def has_another_weight(model: Net, step: int) -> None:
    model.head.weight = nn.Parameter(model.head.weight.detach().clone())


def is_pruned(model: Net, step: int) -> None:
    if step == 2:
        prune.random_unstructured(model.head, "weight", 0.3)


def has_weight_norm(model: Net, step: int) -> None:
    if step == 2:
        nn.utils.parametrizations.weight_norm(model.head)


CHANGES = [
    freezes_the_head,
    unfreezes_the_head,
    has_another_head,
    has_another_weight,
    is_pruned,
    has_weight_norm,
]
REPLACED = (has_another_head, True)


@pytest.mark.parametrize(
    ("change", "parts"),
    # If the script calls several heads in turn, they cannot be distinguished from a head that is replaced.
    [(change, parts) for change in CHANGES for parts in (False, True) if (change, parts) != REPLACED],
)
@pytest.mark.parametrize("way", WAYS)
def test_a_model_that_changes_has_one_estimate(
    way: Loss, change: Callable[[Net, int], None], parts: bool
) -> None:
    """`parts`: whether the script calls body and head separately."""
    torch.manual_seed(0)
    model = Net()
    x, y = torch.randn(6, 2, B, 4), torch.arange(B) % 3
    with api.session(lam=LAM, gamma=GAMMA) as session:
        for step in range(6):
            change(model, step)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
            for micro in range(2):
                points = x[step, micro]
                scores = model.head(torch.tanh(model.body(points))) if parts else model(points)
                way(scores, y, None).backward()
            optimizer.step()
        names = list(session.state_dict()["weighings"])
    assert names == ["loss"]


@pytest.mark.parametrize("way", WAYS)
def test_heads_of_tasks_in_a_loop_have_an_estimate_each_with_one_optimizer(way: Loss) -> None:
    def run(loss_of: Loss) -> Any:
        torch.manual_seed(3)
        body, heads = nn.Linear(4, 5).double(), [member(number)[2] for number in range(3)]
        everything = nn.ModuleList([body, *heads])
        optimizer = torch.optim.SGD(everything.parameters(), lr=0.05)
        x, y = torch.randn(5, 3, B, 4, dtype=torch.float64), torch.arange(B) % 3
        for step in range(5):
            optimizer.zero_grad()
            for task, head in enumerate(heads):
                loss_of(head(torch.tanh(body(x[step, task]))), y, task).backward()
            optimizer.step()
        return [everything]

    expected = run(ByHand(1))
    with api.session(lam=LAM, gamma=GAMMA):
        assert_same(run(way), expected, way)


@pytest.mark.parametrize("way", WAYS)
def test_a_discriminator_that_is_called_twice_shares_one_estimate_by_accumulation(way: Loss) -> None:
    torch.manual_seed(3)
    judge, maker = member(1), nn.Linear(2, 4).double()
    judging, making = [torch.optim.SGD(one.parameters(), lr=0.05) for one in (judge, maker)]
    real, noise = torch.randn(5, B, 4, dtype=torch.float64), torch.randn(5, B, 2, dtype=torch.float64)
    source = Recorder()
    with api.session(source=source):
        for step in range(5):
            made = maker(noise[step])
            for points, label in ((real[step], 0), (made.detach(), 1)):
                way(judge(points), torch.full((B,), label), None).backward()
            judging.step()
            making.zero_grad()
            way(judge(made), torch.zeros(B, dtype=torch.int64), None).backward()
            making.step()
            judging.zero_grad()
    assert [(len(one.losses_B), one.others) for one in source.entries] == [(2 * B, ()), (B, ())] * 5
    assert len({one.name for one in source.entries}) == 2


def test_members_without_a_module_are_distinguished_by_their_optimizers() -> None:
    def run(loss_of: Loss) -> list[Tensor]:
        torch.manual_seed(3)
        weights = [torch.randn(4, 3, dtype=torch.float64) * (1 + 3 * number) for number in range(3)]
        optimizers = [torch.optim.SGD([one.requires_grad_()], lr=0.05) for one in weights]
        x, y = torch.randn(4, B, 4, dtype=torch.float64), torch.arange(B) % 3
        for points in x:
            for number, (one, optimizer) in enumerate(zip(weights, optimizers, strict=True)):
                optimizer.zero_grad()
                loss_of(points @ one, y, number).backward()
                optimizer.step()
        return weights

    expected = run(ByHand(1))
    with api.session(lam=LAM, gamma=GAMMA):
        got = run(wrapped)
    assert all(torch.allclose(one, other, atol=1e-9) for one, other in zip(got, expected, strict=True))


def test_tensors_that_no_optimizer_updates_share_the_estimate_of_the_call_site() -> None:
    """The fast weights of meta-learning are such tensors, new ones in every step."""
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    x, y = torch.randn(B, 4), torch.arange(B) % 3
    with api.session(lam=LAM, gamma=GAMMA) as session:
        for _ in range(4):
            fast = {name: one.detach().clone().requires_grad_() for name, one in model.named_parameters()}
            loss = wrapped(torch.func.functional_call(model, fast, (x,)), y, None)
            loss.backward()
            for name, one in model.named_parameters():
                one.grad = fast[name].grad
            optimizer.step()
        assert list(session.state_dict()["weighings"]) == ["loss"]


def test_another_model_in_the_same_session_begins_its_own_estimate_under_the_same_name() -> None:
    def fold(number: int) -> Tensor:
        torch.manual_seed(number)
        model = member(number)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        x, y = torch.randn(4, B, 4, dtype=torch.float64), torch.arange(B) % 3
        for points in x:
            optimizer.zero_grad()
            wrapped(model(points), y, None).backward()
            optimizer.step()
        return torch.cat([one.detach().flatten() for one in model.parameters()])

    def run(numbers: list[int]) -> tuple[list[Tensor], Any]:
        with api.session(lam=LAM, gamma=GAMMA) as session:
            found = [fold(number) for number in numbers]
            assert session.captured == 4 * len(numbers)
            return found, session.state_dict()["weighings"]

    (alone,), state = run([2])
    both, states = run([0, 2])
    assert torch.equal(both[1], alone)
    assert states == state
