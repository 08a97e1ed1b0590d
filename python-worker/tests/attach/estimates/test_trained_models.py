"""Models that one line of a script trains have an estimate each; a model that changes keeps its own."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import prune

from absgd_worker.attach import api
from estimates_by_hand import GAMMA, LAM, B, ByHand, Loss, captured, weighed, wrapped
from recorder import Recorder

WAYS = [wrapped, captured, weighed]
KINDS = ["in turns", "one after another", "losses first", "one backward", "one optimizer"]
ROUNDS = 3


@dataclass
class Ensemble:
    kind: str
    members: int
    micro: int
    """Micro-batches of every optimizer step."""
    orders: list[list[int]]
    """The members as each round trains them."""

    @classmethod
    def drawn(cls, kind: str, source: random.Random) -> Ensemble:
        members = source.randint(2, 4)
        orders = [source.sample(range(members), members) for _ in range(ROUNDS)]
        return cls(kind, members, 1 if kind == "losses first" else source.randint(1, 3), orders)


def member(number: int) -> nn.Sequential:
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    with torch.no_grad():
        model[2].weight *= 1 + 4 * number  # type: ignore[operator]
    return model


def trained(one: Ensemble, loss_of: Loss, *, rounds: range = range(ROUNDS), states: Any = None) -> Any:
    """The members, trained so: all losses are computed in one line."""
    torch.manual_seed(7)
    models = [member(number) for number in range(one.members)]
    x = torch.randn(ROUNDS, one.micro, B, 4, dtype=torch.float64)
    y = torch.randint(0, 3, x.shape[:-1])
    for model, state in zip(models, states or [], strict=False):
        model.load_state_dict(state)
    optimizers = [torch.optim.SGD(model.parameters(), lr=0.05) for model in models]

    def loss(number: int, at: int, micro: int) -> Tensor:
        return loss_of(models[number](x[at, micro]), y[at, micro], number)

    for at in rounds:
        for optimizer in optimizers:
            optimizer.zero_grad()
        train_round(one, at, optimizers, loss)
    return models


def train_round(
    one: Ensemble, at: int, optimizers: list[Any], loss: Callable[[int, int, int], Tensor]
) -> None:
    order, micros = one.orders[at], range(one.micro)
    if one.kind in ("in turns", "one after another"):
        for number in [each for each in order for _ in range(3 if one.kind == "one after another" else 1)]:
            optimizers[number].zero_grad()
            for micro in micros:
                loss(number, at, micro).backward()
            optimizers[number].step()
    elif one.kind == "losses first":
        losses = [loss(number, at, 0) for number in order]
        for number, each in zip(order, losses, strict=True):
            each.backward()
            optimizers[number].step()
    elif one.kind == "one backward":
        for micro in micros:
            torch.stack([loss(number, at, micro) for number in order]).sum().backward()
        for optimizer in optimizers:
            optimizer.step()
    else:
        for number in order:
            for micro in micros:
                loss(number, at, micro).backward()
        everything = [parameter for each in optimizers for parameter in each.param_groups[0]["params"]]
        torch.optim.SGD(everything, lr=0.05).step()


def states_of(models: list[nn.Module]) -> list[Any]:
    return [model.state_dict() for model in models]


def assert_same(got: Any, expected: Any, about: Any) -> None:
    for one, other in zip(states_of(got), states_of(expected), strict=True):
        for name in one:
            assert torch.allclose(one[name], other[name], atol=1e-9, rtol=0), about


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_every_member_of_an_ensemble_is_the_recurrence_of_its_own_losses(way: Loss, kind: str) -> None:
    for seed in range(5):
        one = Ensemble.drawn(kind, random.Random(seed))
        expected = trained(one, ByHand(one.micro))
        with api.session(lam=LAM, gamma=GAMMA, accumulate=one.micro) as session:
            got = trained(one, way)
            names = list(session.state_dict()["weighings"])
        assert_same(got, expected, one)
        assert sorted(names) == sorted(["loss", *[f"loss#{number + 2}" for number in range(one.members - 1)]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_with_lambda_off_members_are_trained_bit_for_bit_as_without_a_session(way: Loss, kind: str) -> None:
    def plain(scores: Tensor, labels: Tensor, use: Any) -> Tensor:
        losses = F.cross_entropy(scores, labels, reduction="none")
        return losses.mean() if way is weighed else F.cross_entropy(scores, labels)

    one = Ensemble.drawn(kind, random.Random(11))
    expected = trained(one, plain)
    with api.session(lam=math.inf):
        got = trained(one, way)
    for state, other in zip(states_of(got), states_of(expected), strict=True):
        assert all(torch.equal(state[name], other[name]) for name in state)


@pytest.mark.parametrize("kind", ["in turns", "one after another", "one backward"])
@pytest.mark.parametrize("way", WAYS)
def test_a_resumed_ensemble_finds_the_estimate_of_each_member_in_any_order(way: Loss, kind: str) -> None:
    for seed in range(4):
        one = Ensemble.drawn(kind, random.Random(100 + seed))
        with api.session(lam=LAM, gamma=GAMMA, accumulate=one.micro):
            unbroken = trained(one, way)
        with api.session(lam=LAM, gamma=GAMMA, accumulate=one.micro) as session:
            half = trained(one, way, rounds=range(1))
            saved = json.loads(json.dumps(session.state_dict()))
        with api.session(lam=LAM, gamma=GAMMA, accumulate=one.micro) as session:
            session.load_state_dict(saved)
            resumed = trained(one, way, rounds=range(1, ROUNDS), states=states_of(half))
        for state, other in zip(states_of(resumed), states_of(unbroken), strict=True):
            assert all(torch.equal(state[name], other[name]) for name in state), one


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


def thaws_the_head(model: Net, step: int) -> None:
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
    thaws_the_head,
    has_another_head,
    has_another_weight,
    is_pruned,
    has_weight_norm,
]
REPLACED = (has_another_head, True)


@pytest.mark.parametrize(
    ("change", "parts"),
    # Heads that the script itself calls in turns with each other look like a head that is replaced.
    [(change, parts) for change in CHANGES for parts in (False, True) if (change, parts) != REPLACED],
)
@pytest.mark.parametrize("way", WAYS)
def test_a_model_that_changes_has_one_estimate(
    way: Loss, change: Callable[[Net, int], None], parts: bool
) -> None:
    """`parts`: the script calls body and head by itself."""
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
def test_heads_of_tasks_in_a_loop_have_each_their_own_with_one_optimizer(way: Loss) -> None:
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


def test_members_without_a_module_are_told_apart_by_their_optimizers() -> None:
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


def test_tensors_that_no_optimizer_updates_share_the_estimate_of_the_place() -> None:
    """As the fast weights of meta-learning, which are new ones in every step."""
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
