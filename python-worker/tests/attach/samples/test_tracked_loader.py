"""A tracked loader yields the same batches and knows their samples."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    TensorDataset,
    WeightedRandomSampler,
)

from absgd_worker.attach import api
from absgd_worker.errors import TaskError
from absgd_worker.link.step_entry import StepEntry
from recorder import Recorder

values = torch.arange(40).double() * 10
data = TensorDataset(values)


def weighted() -> WeightedRandomSampler:
    return WeightedRandomSampler([1.0] * 20 + [9.0] * 20, 30)


LOADERS = {
    "in order": lambda: DataLoader(data, batch_size=8),
    "shuffled": lambda: DataLoader(data, batch_size=8, shuffle=True, drop_last=True),
    "drawn with weights": lambda: DataLoader(data, batch_size=7, sampler=weighted()),
    "in batches of a sampler": lambda: DataLoader(data, batch_sampler=BatchSampler(weighted(), 4, True)),
    "by two workers": lambda: DataLoader(data, batch_size=3, shuffle=True, num_workers=2),
    "by workers that persist": lambda: DataLoader(
        data, batch_size=5, shuffle=True, num_workers=2, persistent_workers=True, prefetch_factor=3
    ),
    "one by one": lambda: DataLoader(data, batch_size=None, shuffle=True),
}


@pytest.mark.parametrize("how", LOADERS)
def test_batches_are_those_of_the_loader_and_have_the_right_indices(how: str) -> None:
    def epochs(tracked: bool) -> tuple[list[Tensor], Tensor]:
        torch.manual_seed(5)
        loader = LOADERS[how]()
        given: Any = api.track(loader) if tracked else loader
        found = []
        for _ in range(2):
            for (batch,) in given:
                found.append(batch)
                if tracked:
                    assert torch.equal(values[given.indices], batch.reshape(-1))
        assert len(given) == len(loader)
        return found, torch.rand(1)

    plain, tracked = epochs(False), epochs(True)
    assert all(torch.equal(*pair) for pair in zip(plain[0], tracked[0], strict=True))
    assert torch.equal(plain[1], tracked[1])


def test_an_epoch_that_ends_early_can_begin_again() -> None:
    loader = api.track(DataLoader(data, batch_size=8, num_workers=2))
    next(iter(loader))
    for (batch,) in loader:
        assert loader.indices is not None
        assert torch.equal(values[loader.indices], batch)


def test_a_session_reports_the_indices_with_the_losses() -> None:
    model = nn.Linear(1, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    source = Recorder()
    with api.session(source=source), api.capture():
        for (batch,) in api.track(DataLoader(data, batch_size=16, shuffle=True)):
            F.cross_entropy(model(batch.float().unsqueeze(1)), (batch > 100).long()).backward()
            optimizer.step()
    entries: list[StepEntry] = source.entries
    drawn = torch.cat([entry.indices_B for entry in entries if entry.indices_B is not None])
    assert drawn.sort().values.tolist() == list(range(40))


def test_a_loader_that_accelerate_prepared_is_tracked() -> None:
    accelerate = pytest.importorskip("accelerate")
    prepared = accelerate.Accelerator(cpu=True).prepare(DataLoader(data, batch_size=8, shuffle=True))
    tracked = api.track(prepared)
    with api.session():
        for (batch,) in tracked:
            assert tracked.indices is not None
            assert torch.equal(values[tracked.indices], batch)
    assert tracked.indices is not None


def test_a_loader_that_has_begun_before_it_was_tracked_is_refused() -> None:
    class MultiEpochsLoader(DataLoader[Any]):
        def __init__(self) -> None:
            super().__init__(data, batch_size=8)
            self.endless = super().__iter__()

        def __iter__(self) -> Any:
            return self.endless

    with api.session(), pytest.raises(TaskError, match=r"MultiEpochsLoader has begun .*index="):
        next(iter(api.track(MultiEpochsLoader())))


def test_an_object_that_is_no_loader_is_refused() -> None:
    batches: Any = [torch.zeros(2)]
    with pytest.raises(TaskError, match=r"not those of list: .*index="):
        api.track(batches)


def test_a_stream_is_refused() -> None:
    class Stream(IterableDataset[int]):
        def __iter__(self):  # type: ignore[no-untyped-def]
            return iter(range(3))

    with pytest.raises(TaskError, match=r"a stream .*index="):
        api.track(DataLoader(Stream()))


@pytest.mark.parametrize("again", ["the loader", "what tracks it"])
def test_a_loader_that_is_tracked_again_every_epoch_is_recorded_once(again: str) -> None:
    loader = DataLoader(TensorDataset(torch.arange(8)), batch_size=4)
    tracked = api.track(loader)
    drawn: list[list[int]] = []
    with api.session():
        for _ in range(3):
            tracked = api.track(loader if again == "the loader" else tracked)
            for _ in tracked:
                assert tracked.indices is not None
                drawn.append(tracked.indices.tolist())
    assert drawn == 3 * [[0, 1, 2, 3], [4, 5, 6, 7]]
    recording: Any = loader.batch_sampler
    assert not hasattr(recording.plain, "plain")


@pytest.mark.parametrize("workers", [0, 2])
def test_iterators_of_one_loader_side_by_side_each_have_their_own_samples(workers: int) -> None:
    tracked = api.track(DataLoader(data, batch_size=8, shuffle=True, num_workers=workers))
    with api.session():
        one, other = iter(tracked), iter(tracked)
        for _ in range(5):
            for batches in (one, other):
                (batch,) = next(batches)
                assert tracked.indices is not None
                assert torch.equal(values[tracked.indices], batch)
