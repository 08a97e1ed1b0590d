"""Each use of a criterion has a running estimate of its own, and micro-batches of one use share it."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from estimates_by_hand import GAMMA, LAM, B, ByHand, Loss, captured, weighed, wrapped
from recorder import Recorder


@dataclass
class Arrangement:
    heads: int
    passes: int
    micro: int
    """The number of micro-batches of a step, each with its own backward pass."""
    each_head: bool
    """Whether every head has a backward pass of its own."""
    skips: list[bool]
    """The steps before which the script computes the loss of a batch and does not train on it."""

    @classmethod
    def drawn(cls, source: random.Random) -> Arrangement:
        skips = [source.random() < 0.3 for _ in range(6)]
        # Only after the first backward pass is it known which calls go into one.
        skips[0] = False
        return cls(
            heads=source.randint(1, 3),
            passes=source.randint(1, 2),
            micro=source.randint(1, 3),
            each_head=source.random() < 0.4,
            skips=skips,
        )


class Heads(nn.Module):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList([nn.Linear(4, 3) for _ in range(count)])
        self.double()
        with torch.no_grad():
            for number, head in enumerate(self.heads):
                head.weight *= 1 + 4 * number  # type: ignore[operator]

    def forward(self, x: Tensor) -> list[Tensor]:
        return [head(x) for head in self.heads]


def trained(arrangement: Arrangement, loss_of: Loss, *, steps: range, state: Any = None) -> Any:
    """Trains and returns the state. One line computes all losses."""
    one = arrangement
    torch.manual_seed(5)
    x = torch.randn(len(one.skips), 2, one.micro, B, 4, dtype=torch.float64)
    y = torch.randint(0, 3, x.shape[:-1])
    model = Heads(one.heads)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    if state is not None:
        model.load_state_dict(state)
    for step in steps:
        optimizer.zero_grad()
        for is_left_out in [True, False] if one.skips[step] else [False]:
            for points, labels in zip(x[step, int(is_left_out)], y[step, int(is_left_out)], strict=True):
                total: Any = 0.0
                for number in range(one.passes):
                    outs = model(points * (1 + number))
                    for head, scores in enumerate(outs):
                        loss = loss_of(scores, labels, None if is_left_out else (number, head))
                        if one.each_head and one.passes == 1 and not is_left_out:
                            loss.backward(retain_graph=head < one.heads - 1)
                        else:
                            total = total + loss
                if is_left_out:
                    break
                if isinstance(total, Tensor):
                    total.backward()
        optimizer.step()
    return model.state_dict()


WAYS: list[Any] = [wrapped, captured, weighed]


@pytest.mark.parametrize("way", WAYS)
def test_any_arrangement_of_heads_passes_and_micro_batches_follows_the_recurrence_by_hand(
    way: Loss,
) -> None:
    for seed in range(WAYS.index(way), 12, 3):
        arrangement = Arrangement.drawn(random.Random(seed))
        steps = range(len(arrangement.skips))
        hand = ByHand(arrangement.micro)

        def by_hand(scores: Tensor, labels: Tensor, use: Any, hand: ByHand = hand) -> Tensor:
            return hand(scores, labels, use, moves=use is not None)

        expected = trained(arrangement, by_hand, steps=steps)
        with api.session(lam=LAM, gamma=GAMMA, accumulate=arrangement.micro):
            got = trained(arrangement, way, steps=steps)
        # The first half is saved as JSON, and the rest trains in another session.
        with api.session(lam=LAM, gamma=GAMMA, accumulate=arrangement.micro) as session:
            half = trained(arrangement, way, steps=steps[:3])
            saved = json.loads(json.dumps(session.state_dict()))
        with api.session(lam=LAM, gamma=GAMMA, accumulate=arrangement.micro) as session:
            session.load_state_dict(saved)
            resumed = trained(arrangement, way, steps=steps[3:], state=half)
        for name in expected:
            assert torch.allclose(got[name], expected[name], atol=1e-9, rtol=0), (seed, arrangement)
            assert torch.equal(resumed[name], got[name]), (seed, arrangement)


def test_a_second_pass_over_every_batch_that_begins_later_gets_an_estimate_of_its_own() -> None:
    model = Heads(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    points, labels = torch.randn(B, 4, dtype=torch.float64), torch.arange(B) % 3
    source = Recorder()
    with api.session(source=source), api.capture():
        for step in range(6):
            total: Any = 0.0
            for number in range(1 if step < 3 else 2):
                total = total + F.cross_entropy(model(points * (1 + number))[0], labels)
            total.backward()
            optimizer.step()
    # In the first of these steps, a second pass looks like a batch after one that was not trained on.
    assert [(len(entry.losses_B), [name for name, _ in entry.others]) for entry in source.entries] == [
        *[(B, [])] * 3,
        (2 * B, []),
        *[(B, ["loss#2"])] * 2,
    ]


class TestNames:
    """All calls with the same `name=` share one estimate."""

    def test_all_that_ask_for_a_name_share_its_estimate(self) -> None:
        model = Heads(2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        source = Recorder()
        points, labels = torch.randn(B, 4, dtype=torch.float64), torch.arange(B) % 3
        with api.session(source=source) as session:
            for _ in range(3):
                one, other = model(points)
                first = api.wrap(nn.CrossEntropyLoss(), name="both")(one, labels)
                losses = F.cross_entropy(other, labels, reduction="none")
                (first + api.weigh(losses, name="both")).backward()
                optimizer.step()
            names = list(session.state_dict()["weighings"])
        assert names == ["both"]
        assert [(entry.name, entry.others, len(entry.losses_B)) for entry in source.entries] == [
            ("both", (), 2 * B)
        ] * 3

    def test_heads_within_one_criterion_have_each_their_own_even_where_it_has_a_name(self) -> None:
        class Supervised(nn.Module):
            def forward(self, outs: list[Tensor], labels: Tensor) -> Tensor:
                return torch.stack([F.cross_entropy(out, labels) for out in outs]).sum()

        model = Heads(3)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        points, labels = torch.randn(B, 4, dtype=torch.float64), torch.arange(B) % 3
        with api.session(source=Recorder()) as session:
            criterion = api.wrap(Supervised(), name="deep")
            for _ in range(2):
                criterion(model(points), labels).backward()
                criterion(model(points), labels).backward()
                optimizer.step()
            assert list(session.state_dict()["weighings"]) == ["deep", "deep#2", "deep#3"]

    def test_a_name_that_a_place_has_already_is_not_shared_with_it(self) -> None:
        model = Heads(2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        points, labels = torch.randn(B, 4, dtype=torch.float64), torch.arange(B) % 3
        unnamed, named = api.wrap(nn.CrossEntropyLoss()), api.wrap(nn.CrossEntropyLoss(), name="loss")
        with api.session(source=Recorder()) as session:
            for _ in range(2):
                one, other = model(points)
                (unnamed(one, labels) + named(other, labels)).backward()
                optimizer.step()
            assert list(session.state_dict()["weighings"]) == ["loss", "loss#2"]


def test_a_value_for_the_log_from_the_same_line_does_not_change_the_estimate() -> None:
    def state(*, looks: bool) -> Any:
        torch.manual_seed(0)
        model = Heads(1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        points, labels = torch.randn(4, B, 4, dtype=torch.float64), torch.arange(B) % 3
        with api.session(lam=LAM, gamma=GAMMA) as session:
            criterion = api.wrap(nn.CrossEntropyLoss())
            for step in range(4):
                kept = []
                for is_trained in [False, False, True] if looks and step % 2 else [True]:
                    loss = criterion(model(points[step])[0], labels)
                    if is_trained:
                        loss.backward()
                    else:
                        kept.append(loss)
                optimizer.step()
            return session.state_dict()["weighings"]

    assert state(looks=True) == state(looks=False)
