"""The members of an ensemble, whose losses one line computes, have an estimate each."""

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
from torch import Tensor

from absgd_worker.attach import api
from estimates_by_hand import (
    GAMMA,
    LAM,
    B,
    ByHand,
    Loss,
    assert_same,
    captured,
    member,
    states_of,
    weighed,
    wrapped,
)

WAYS: list[Any] = [wrapped, captured, weighed]
KINDS = ["in turns", "one after another", "losses first", "one backward", "one optimizer"]
ROUNDS = 3


@dataclass
class Ensemble:
    kind: str
    members: int
    micro: int
    """The number of micro-batches of each optimizer step."""
    orders: list[list[int]]
    """The order in which each round trains the members."""

    @classmethod
    def drawn(cls, kind: str, source: random.Random) -> Ensemble:
        members = source.randint(2, 4)
        orders = [source.sample(range(members), members) for _ in range(ROUNDS)]
        return cls(kind, members, 1 if kind == "losses first" else source.randint(1, 3), orders)


def trained(ensemble: Ensemble, loss_of: Loss, *, rounds: range = range(ROUNDS), states: Any = None) -> Any:
    """Trains the members and returns them. One line computes all losses."""
    torch.manual_seed(7)
    models = [member(number) for number in range(ensemble.members)]
    x = torch.randn(ROUNDS, ensemble.micro, B, 4, dtype=torch.float64)
    y = torch.randint(0, 3, x.shape[:-1])
    for model, state in zip(models, states or [], strict=False):
        model.load_state_dict(state)
    optimizers = [torch.optim.SGD(model.parameters(), lr=0.05) for model in models]

    def loss(number: int, round_number: int, micro: int) -> Tensor:
        return loss_of(models[number](x[round_number, micro]), y[round_number, micro], number)

    for round_number in rounds:
        for optimizer in optimizers:
            optimizer.zero_grad()
        train_round(ensemble, round_number, optimizers, loss)
    return models


def train_round(
    ensemble: Ensemble, round_number: int, optimizers: list[Any], loss: Callable[[int, int, int], Tensor]
) -> None:
    order, micros = ensemble.orders[round_number], range(ensemble.micro)
    if ensemble.kind in ("in turns", "one after another"):
        for number in [
            number for number in order for _ in range(3 if ensemble.kind == "one after another" else 1)
        ]:
            optimizers[number].zero_grad()
            for micro in micros:
                loss(number, round_number, micro).backward()
            optimizers[number].step()
    elif ensemble.kind == "losses first":
        losses = [loss(number, round_number, 0) for number in order]
        for number, member_loss in zip(order, losses, strict=True):
            member_loss.backward()
            optimizers[number].step()
    elif ensemble.kind == "one backward":
        for micro in micros:
            torch.stack([loss(number, round_number, micro) for number in order]).sum().backward()
        for optimizer in optimizers:
            optimizer.step()
    else:
        for number in order:
            for micro in micros:
                loss(number, round_number, micro).backward()
        everything = [
            parameter for optimizer in optimizers for parameter in optimizer.param_groups[0]["params"]
        ]
        torch.optim.SGD(everything, lr=0.05).step()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_every_member_of_an_ensemble_follows_the_recurrence_of_its_own_losses(way: Loss, kind: str) -> None:
    first = WAYS.index(way) * len(KINDS) + KINDS.index(kind)
    for seed in (first, 100 + first):
        ensemble = Ensemble.drawn(kind, random.Random(seed))
        expected = trained(ensemble, ByHand(ensemble.micro))
        with api.session(lam=LAM, gamma=GAMMA, accumulate=ensemble.micro) as session:
            got = trained(ensemble, way)
            names = list(session.state_dict()["weighings"])
        assert_same(got, expected, ensemble)
        assert sorted(names) == sorted(
            ["loss", *[f"loss#{number + 2}" for number in range(ensemble.members - 1)]]
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_with_lambda_off_members_are_trained_bit_for_bit_as_without_a_session(way: Loss, kind: str) -> None:
    def plain(scores: Tensor, labels: Tensor, use: Any) -> Tensor:
        losses = F.cross_entropy(scores, labels, reduction="none")
        return losses.mean() if way is weighed else F.cross_entropy(scores, labels)

    ensemble = Ensemble.drawn(kind, random.Random(11))
    expected = trained(ensemble, plain)
    with api.session(lam=math.inf):
        got = trained(ensemble, way)
    for state, other in zip(states_of(got), states_of(expected), strict=True):
        assert all(torch.equal(state[name], other[name]) for name in state)


@pytest.mark.parametrize("kind", ["in turns", "one after another", "one backward"])
@pytest.mark.parametrize("way", WAYS)
def test_a_resumed_ensemble_finds_the_estimate_of_each_member_in_any_order(way: Loss, kind: str) -> None:
    ensemble = Ensemble.drawn(kind, random.Random(200 + WAYS.index(way) * len(KINDS) + KINDS.index(kind)))
    with api.session(lam=LAM, gamma=GAMMA, accumulate=ensemble.micro):
        unbroken = trained(ensemble, way)
    with api.session(lam=LAM, gamma=GAMMA, accumulate=ensemble.micro) as session:
        half = trained(ensemble, way, rounds=range(1))
        saved = json.loads(json.dumps(session.state_dict()))
    with api.session(lam=LAM, gamma=GAMMA, accumulate=ensemble.micro) as session:
        session.load_state_dict(saved)
        resumed = trained(ensemble, way, rounds=range(1, ROUNDS), states=states_of(half))
    for state, other in zip(states_of(resumed), states_of(unbroken), strict=True):
        assert all(torch.equal(state[name], other[name]) for name in state), ensemble
