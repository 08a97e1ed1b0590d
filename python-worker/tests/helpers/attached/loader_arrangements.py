"""Training loops drawn at random that read tracked loaders in every way that scripts do.

Each sample has a loss of its own, which a learning rate of 0 keeps: what is recorded of a sample can be
compared with it.
"""

from __future__ import annotations

import itertools
import queue
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    RandomSampler,
    Subset,
    TensorDataset,
)

from absgd_worker.attach import api
from absgd_worker.link.step_entry import StepEntry
from recorder import Recorder

FEATURES, CLASSES = 5, 4
Item = tuple[Tensor, Any]
Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]


class Pair(NamedTuple):
    x: Tensor
    y: Tensor


@dataclass
class Record:
    x: Tensor
    y: Tensor


class Thing:
    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y = x, y


class Items(Dataset[Item]):
    """Pairs of a tensor and a number."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.items = list(zip(x, y.tolist(), strict=True))

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Item:
        return self.items[index]


def stacked(items: list[Any]) -> tuple[Tensor, Tensor]:
    return torch.stack([x for x, _ in items]), torch.tensor([int(y) for _, y in items])


def sorted_in_place(items: list[Any]) -> tuple[Tensor, Tensor]:
    items.sort(key=lambda one: -float(one[0][0]))
    return stacked(items)


def sorted_anew(items: list[Any]) -> tuple[Tensor, Tensor]:
    return stacked(sorted(items, key=lambda one: float(one[0].sum())))


def padded(items: list[Any]) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of other lengths than the samples', and a tensor that no sample holds."""
    x, y = stacked(items[::-1])
    return F.pad(x, (0, 3)), y, x.gt(0).sum(1) + CLASSES


def without_some(items: list[Any]) -> tuple[Tensor, Tensor]:
    kept = [one for one in items if float(one[0][0]) > -0.5]
    return stacked(kept or items[:1])


def with_some_twice(items: list[Any]) -> tuple[Tensor, Tensor]:
    return stacked([*items, *items[:2]])


def shifted(items: list[Any]) -> tuple[Tensor, Tensor]:
    """Turned round, and made of other numbers: nothing proves which row is of which sample."""
    x, y = stacked(items[::-1])
    return x * 2 - x.mean(), y


def made(kind: Callable[[Tensor, Tensor], Any]) -> Callable[[list[Any]], Any]:
    return lambda items: kind(*stacked(items))


COLLATES: dict[str, Any] = {
    "of torch": None,
    "in order": stacked,
    "sorted in place": sorted_in_place,
    "sorted anew": sorted_anew,
    "padded": padded,
    "without some": without_some,
    "with some twice": with_some_twice,
    "named tuple": made(Pair),
    "dataclass": made(Record),
    "object": made(Thing),
    "dict": made(lambda x, y: {"deep": [{"x": x}], "y": y}),
}


def parts(batch: Any) -> tuple[Tensor, Tensor]:
    """Points and labels of any batch."""
    if isinstance(batch, dict):
        return batch["deep"][0]["x"], batch["y"]
    if isinstance(batch, (Record, Thing)):
        return batch.x, batch.y
    return batch[0][:, :FEATURES], batch[1]


class Wide(nn.Module):
    """Calls its layer by a view of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(FEATURES, CLASSES)

    def forward(self, x: Tensor) -> dict[str, Any]:
        return {"scores": self.layer(x.unsqueeze(1).flatten(1))}


def drawn_data(draw: random.Random) -> tuple[Dataset[Any], Dataset[Any]]:
    """A whole data set, and a part of it or all."""
    count = draw.randint(9, 30)
    x, y = torch.randn(count, FEATURES), torch.randint(CLASSES, (count,))
    whole: Any = draw.choice([TensorDataset, Items])(x, y)
    if draw.random() < 0.3:
        cut = draw.randint(1, count - 1)
        kind = draw.choice([TensorDataset, Items])
        whole = ConcatDataset([kind(x[:cut], y[:cut]), kind(x[cut:], y[cut:])])
    part: Any = whole
    for _ in range(draw.choice([0, 0, 1, 2])):
        chosen = draw.sample(range(len(part)), draw.randint(min(6, len(part)), len(part)))
        part = Subset(part, draw.choice([list, tuple])(chosen))
    return whole, part


def drawn_loader(draw: random.Random, data: Any, collate: Any, workers: int = 0) -> DataLoader[Any]:
    size = draw.randint(1, 6)
    options: dict[str, Any] = {"collate_fn": collate, "num_workers": workers}
    generator = torch.Generator().manual_seed(draw.randrange(99))
    sampler = RandomSampler(
        data, replacement=draw.random() < 0.5, num_samples=2 * size + 3, generator=generator
    )
    how = draw.choice(["shuffled", "in order", "sampler", "batch sampler"])
    if how == "batch sampler":
        return DataLoader(data, batch_sampler=BatchSampler(sampler, size, False), **options)
    if how == "sampler":
        return DataLoader(data, batch_size=size, sampler=sampler, **options)
    return DataLoader(data, batch_size=size, shuffle=how == "shuffled", generator=generator, **options)


def ahead(batches: Iterable[Any], by: int) -> Iterator[Any]:
    waiting: list[Any] = []
    for batch in batches:
        waiting.append(batch)
        if len(waiting) > by:
            yield waiting.pop(0)
    yield from waiting


def in_a_thread(batches: Iterable[Any]) -> Iterator[Any]:
    given: queue.Queue[Any] = queue.Queue(3)
    thread = threading.Thread(target=lambda: [given.put(one) for one in (*batches, None)])
    thread.start()
    yield from iter(given.get, None)
    thread.join()


def shuffled(batches: Iterable[Any], draw: random.Random) -> list[Any]:
    every = list(batches)
    draw.shuffle(every)
    return every


READINGS: dict[str, Callable[[Any, random.Random], Iterable[Any]]] = {
    "one by one": lambda loader, draw: itertools.chain(loader, loader),
    "ahead": lambda loader, draw: ahead(loader, draw.randint(1, 4)),
    "an epoch ahead": lambda loader, draw: list(loader) + list(loader),
    "cached and shuffled": lambda loader, draw: shuffled([*loader], draw) * 2,
    "cycled": lambda loader, draw: itertools.islice(itertools.cycle(loader), 9),
    "in a thread": lambda loader, draw: in_a_thread(loader),
    "by two iterators": lambda loader, draw: itertools.chain(*zip(loader, loader, strict=True)),
}

MOVES: dict[str, Callable[[Tensor, Tensor], list[tuple[Tensor, Tensor]]]] = {
    "as they are": lambda x, y: [(x, y)],
    "converted": lambda x, y: [(x.double().float(), y.int().long())],
    "moved": lambda x, y: [(x.to("cpu", copy=True), y.clone())],
    "as views": lambda x, y: [(x[:, None].squeeze(1), y.view(-1, 1)[:, 0])],
    "copied into a buffer": lambda x, y: [(torch.empty_like(x).copy_(x), y)],
    "augmented": lambda x, y: [(x + 0, y)],
    "in slices": lambda x, y: list(zip(x.split(2), y.split(2), strict=True)),
    "in chunks of copies": lambda x, y: list(zip(x.clone().chunk(3), y.clone().chunk(3), strict=True)),
    "every other": lambda x, y: [(x[::2], y[::2])],
    "turned round": lambda x, y: [(x.flip(0), y.flip(0))],
    "mixed up": lambda x, y: [(x[(p := torch.randperm(len(x)))], y[p])],
    "put together": lambda x, y: [(torch.cat([x[1:], x[:1]]), torch.cat([y[1:], y[:1]]))],
}
"""What loops do to a batch: a list of micro-batches."""
UNPROVED = {"turned round", "mixed up", "put together"}


def by_hand(scores: Tensor, labels: Tensor) -> Tensor:
    return -scores.log_softmax(-1).gather(-1, labels[:, None])[:, 0]


class Own(nn.Module):
    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        return by_hand(scores, labels).mean()


def scores_of(model: nn.Module, x: Tensor) -> Tensor:
    given = model(x)
    return given["scores"] if isinstance(given, dict) else given


wrapped: Any = api.wrap(nn.CrossEntropyLoss())
unreduced: Any = api.wrap(nn.CrossEntropyLoss(reduction="none"))
own: Any = api.wrap(Own())
LOSSES: dict[str, tuple[Loss, bool]] = {
    "wrapped": (lambda model, x, y: wrapped(scores_of(model, x), y), False),
    "wrapped without reduction": (lambda model, x, y: unreduced(scores_of(model, x), y).mean(), False),
    "a criterion of one's own": (lambda model, x, y: own(scores_of(model, x), y), False),
    "weighed": (
        lambda model, x, y: api.weigh(F.cross_entropy(scores_of(model, x), y, reduction="none")),
        False,
    ),
    "weighed by hand": (lambda model, x, y: api.weigh(by_hand(scores_of(model, x), y)), False),
    "captured": (lambda model, x, y: F.cross_entropy(scores_of(model, x), y), True),
    "captured, hardest first": (
        lambda model, x, y: (
            F.cross_entropy(scores_of(model, x), y, reduction="none").sort(descending=True)[0].mean()
        ),
        True,
    ),
    "soft targets": (
        lambda model, x, y: F.cross_entropy(scores_of(model, x), F.one_hot(y, CLASSES).float()),
        True,
    ),
}
"""And whether a capture is to be around the loop."""
OF_INPUT = {"weighed by hand", "soft targets"}
"""Losses that do not show their labels, so that the model's input has to be a known one."""


def losses_of(model: nn.Module, data: Any) -> Tensor:
    """Of every sample of a data set."""
    with torch.no_grad():
        return torch.cat([by_hand(scores_of(model, x[None]), torch.tensor([int(y)])) for x, y in data])


def trained(
    model: nn.Module, batches: Iterable[Any], move: str, loss: str, accumulate: int = 1
) -> list[StepEntry]:
    """The steps that are reported of a loop over `batches`."""
    compute, is_captured = LOSSES[loss]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    source = Recorder()
    with api.session(source=source, announce=False) as session:
        capture = session.capture() if is_captured else None
        if capture is not None:
            capture.__enter__()
        try:
            count = 0
            for batch in batches:
                for x, y in MOVES[move](*parts(batch)):
                    compute(model, x, y).backward()
                    count += 1
                    if count % accumulate == 0:
                        optimizer.step()
                        optimizer.zero_grad()
            if count % accumulate:
                optimizer.step()
        finally:
            if capture is not None:
                capture.__exit__(None, None, None)
    return source.entries
