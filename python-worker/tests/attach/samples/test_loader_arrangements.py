"""In loops that read tracked loaders in any way, a loss is recorded for its own sample or for none."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from absgd_worker.attach import api
from absgd_worker.link.step_entry import StepEntry
from loader_arrangements import (
    COLLATES,
    LOSSES,
    MOVES,
    OF_INPUT,
    READINGS,
    UNPROVED,
    Wide,
    by_hand,
    drawn_data,
    drawn_loader,
    losses_of,
    shifted,
    trained,
    wrapped,
)
from recorder import Recorder


def a_model(draw: random.Random) -> nn.Module:
    return Wide() if draw.random() < 0.5 else nn.Linear(5, 4)


def require_right(entries: list[StepEntry], plain: torch.Tensor, *, are_known: bool, about: object) -> None:
    """Checks that each recorded loss is that of its sample, and that it is recorded if that is certain."""
    assert entries, about
    for entry in entries:
        if entry.indices_B is not None:
            assert entry.losses_B is not None
            assert torch.allclose(entry.losses_B, plain[entry.indices_B], atol=1e-5), about
    known = [entry.indices_B is not None for entry in entries]
    assert all(known) if are_known else True, about


@pytest.mark.parametrize("seed", range(70))
def test_a_loss_is_recorded_for_its_own_sample_in_any_arrangement(seed: int) -> None:
    draw = random.Random(seed)
    torch.manual_seed(seed)
    whole, data = drawn_data(draw)
    model = a_model(draw)
    plain = losses_of(model, whole)
    collate, reading = draw.choice([*COLLATES]), draw.choice([*READINGS])
    move, loss = draw.choice([*MOVES]), draw.choice([*LOSSES])
    about = (collate, reading, move, loss)
    tracked = api.track(drawn_loader(draw, data, COLLATES[collate]))
    entries = trained(model, READINGS[reading](tracked, draw), move, loss, draw.choice([1, 1, 2, 3]))
    are_known = move not in UNPROVED and not (move == "augmented" and loss in OF_INPUT)
    require_right(entries, plain, are_known=are_known, about=about)


def test_the_check_of_a_loop_finds_a_loss_of_another_sample() -> None:
    """A plain loop knows every sample, so the check sees a loss that belongs to another sample."""
    draw = random.Random(0)
    whole, data = drawn_data(draw)
    model = a_model(draw)
    entries = trained(model, api.track(drawn_loader(draw, data, None)), "as they are", "wrapped")
    plain = losses_of(model, whole)
    with pytest.raises(AssertionError):
        require_right(entries, plain.roll(1), are_known=True, about="")


@pytest.mark.parametrize("seed", range(10))
def test_two_tracked_loaders_side_by_side_are_distinguished(seed: int) -> None:
    draw = random.Random(seed)
    torch.manual_seed(seed)
    (whole, data), (_, other) = drawn_data(draw), drawn_data(draw)
    model = a_model(draw)
    first, second = drawn_loader(draw, data, None), drawn_loader(draw, other, None)
    pairs = zip(api.track(first), api.track(second), strict=False)
    if draw.random() < 0.5:
        # Two loaders of one data set, one after the other.
        batches: Any = [*api.track(first), *api.track(drawn_loader(draw, data, None))]
    else:
        batches = (one for one, _ in pairs)
    entries = trained(model, batches, "as they are", draw.choice([*LOSSES]))
    require_right(entries, losses_of(model, whole), are_known=True, about=seed)


@pytest.mark.parametrize("loss", LOSSES)
def test_samples_of_a_second_data_set_are_not_mistaken_for_those_of_the_first(loss: str) -> None:
    draw = random.Random(3)
    (whole, data), (_, other) = drawn_data(draw), drawn_data(draw)
    model = a_model(draw)
    loaders = [api.track(drawn_loader(draw, one, None)) for one in (data, other)]
    count = len(loaders[0])
    entries = trained(model, (batch for loader in loaders for batch in loader), "as they are", loss)
    require_right(entries[:count], losses_of(model, whole), are_known=True, about=loss)
    assert all(entry.indices_B is None for entry in entries[count:])


@pytest.mark.parametrize("collate", ["of torch", "in order", "sorted anew", "without some", "shifted"])
def test_loader_processes_report_whether_a_collate_function_kept_the_order(collate: str) -> None:
    draw = random.Random(7)
    whole, data = drawn_data(draw)
    model = a_model(draw)
    loader = drawn_loader(draw, data, {**COLLATES, "shifted": shifted}[collate], workers=2)
    entries = trained(model, api.track(loader), "as they are", "wrapped")
    require_right(
        entries, losses_of(model, whole), are_known=collate in ("of torch", "in order"), about=collate
    )
    assert collate not in ("shifted", "sorted anew") or entries[-1].indices_B is None


@pytest.mark.parametrize("how", ["key", "function"])
def test_indices_are_read_from_the_batch_if_its_order_is_unknown(how: str) -> None:
    draw = random.Random(5)
    whole, _ = drawn_data(draw)
    model = a_model(draw)
    data = [(x, int(y), index) for index, (x, y) in enumerate(whole)]  # type: ignore[arg-type, var-annotated]

    def collate(items: list[Any]) -> Any:
        items = sorted(items, key=lambda one: float(one[0].norm()))
        x = torch.stack([one[0] for one in items])
        y, index = (torch.tensor([one[place] for one in items]) for place in (1, 2))
        return {"x": x, "y": y, "which": index}

    loader = DataLoader(data, 4, collate_fn=collate)  # type: ignore[arg-type]
    tracked = api.track(loader, index="which" if how == "key" else lambda batch: batch["which"])
    batches = [((one["x"] + 1) - 1, one["y"]) for one in tracked]
    entries = trained(model, batches, "as they are", "wrapped")
    require_right(entries, losses_of(model, whole), are_known=True, about=how)


def test_a_mean_of_no_batch_and_a_loss_of_two_batches_have_no_known_samples() -> None:
    draw = random.Random(1)
    _, data = drawn_data(draw)
    model = nn.Linear(5, 4)
    source_of: list[Any] = [*api.track(DataLoader(data, 3, drop_last=True))]
    (x, y), (other, _) = source_of[:2]
    pairs = [(torch.cat([x, other])[:3] * 1, y.roll(1)), ((x + other) / 2, y.clone() * 1)]
    entries = trained(model, pairs, "as they are", "wrapped")
    assert [entry.indices_B for entry in entries] == [None, None]


def test_losses_that_a_script_uses_twice_are_recorded_for_their_samples() -> None:
    draw = random.Random(2)
    whole, data = drawn_data(draw)
    model = nn.Linear(5, 4)
    optimizer, source = torch.optim.SGD(model.parameters(), lr=0.0), Recorder()
    with api.session(source=source, announce=False):
        for x, y in api.track(DataLoader(data, 4)):
            losses = by_hand(model(x), y)
            api.weigh((losses + losses) / 2).backward()
            optimizer.step()
    require_right(source.entries, losses_of(model, whole), are_known=True, about="twice")


class Sorting(nn.Module):
    """A model that returns its rows in another order."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        order = x[:, 0].argsort()
        return self.layer(x[order]), order


def soft(labels: torch.Tensor) -> torch.Tensor:
    return F.one_hot(labels, 4).float()


@pytest.mark.parametrize(
    "loss",
    [
        lambda model, x, y: wrapped((given := model(x))[0], y[given[1]]),
        lambda model, x, y: api.weigh(by_hand((given := model(x))[0], y[given[1]])),
        lambda model, x, y: wrapped(model.layer(x).flip(0), soft(y.flip(0))),
        lambda model, x, y: wrapped(model.layer(x).roll(1, 0), soft(y.roll(1))),
        lambda model, x, y: api.weigh(by_hand(model.layer(x), y).sort()[0]),
        lambda model, x, y: api.weigh(by_hand(model.layer(x), y), group=torch.arange(len(y)).flip(0)),
        lambda model, x, y: wrapped(model.layer(x)[y >= 0], y[y >= 0]),
    ],
)
def test_rows_in_another_order_are_never_mistaken_for_those_of_the_batch(loss: Any) -> None:
    torch.manual_seed(0)
    model, data = Sorting(), TensorDataset(torch.randn(24, 5), torch.randint(4, (24,)))
    optimizer, source = torch.optim.SGD(model.parameters(), lr=0.0), Recorder()
    with api.session(source=source, announce=False):
        for x, y in api.track(DataLoader(data, 6)):
            loss(model, x, y).backward()
            optimizer.step()
    assert [entry.indices_B for entry in source.entries] == [None] * 4
