"""The samples of tensors are known by their memory, as long as the tensors exist."""

from __future__ import annotations

import gc
import pickle
import random
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounter
from torch.utils.data import ConcatDataset, DataLoader, Subset, TensorDataset, random_split

from absgd_worker.attach import api
from absgd_worker.attach.samples.collated_order import order_of
from absgd_worker.attach.samples.followed_conversions import follow_conversions
from absgd_worker.attach.samples.match_rows import split_samples
from absgd_worker.attach.samples.sample_origin import Batch, DataSet, Origin
from absgd_worker.attach.samples.tracked_batches import TrackedBatches, batches
from absgd_worker.errors import TaskError
from recorder import Recorder

DATA = TensorDataset(torch.zeros(1))
NUMBERS = DataSet(DATA, DATA)


def a_batch(count: int, first: int = 0) -> Origin:
    return Origin(Batch(torch.arange(first, first + count), NUMBERS))


def indices(known: TrackedBatches, tensor: Tensor) -> list[int] | None:
    found = known.find(tensor)
    return None if found is None else found.indices.tolist()


@pytest.mark.parametrize("seed", range(40))
def test_a_view_of_a_batch_has_the_right_samples_or_none(seed: int) -> None:
    draw = random.Random(seed)
    rows = draw.randint(1, 6)
    shape = [rows, *(draw.randint(1, 4) for _ in range(draw.randint(0, 2)))]
    # Each element is the number of its row.
    whole = torch.arange(rows).reshape(-1, *[1] * (len(shape) - 1)).expand(shape).contiguous()
    known = TrackedBatches()
    known.remember(whole, a_batch(rows))
    view = whole
    for _ in range(draw.randint(0, 3)):
        view = draw.choice(
            [
                lambda one: one[draw.randrange(one.shape[0]) :] if one.ndim and one.shape[0] else one,
                lambda one: one[:: draw.randint(1, 3)] if one.ndim else one,
                lambda one: one.unsqueeze(draw.randint(0, one.ndim)),
                lambda one: one.flatten() if one.is_contiguous() else one,
                lambda one: one.transpose(0, -1) if one.ndim else one,
                lambda one: one.select(-1, 0) if one.ndim and one.shape[-1] else one,
                lambda one: one.expand(2, *one.shape),
                lambda one: one.reshape(-1, 2) if one.numel() % 2 == 0 and one.is_contiguous() else one,
            ]
        )(view)
    found = indices(known, view) if view.numel() else None
    if found is not None:
        # The samples in order, each equally often.
        shown = (
            view.flatten() if view.ndim < 2 or len(found) == view.shape[0] else view.flatten().sort().values
        )
        assert sorted(set(shown.tolist())) == sorted(set(found))
        assert len(found) == len(set(found))
        if view.ndim and len(found) == view.shape[0]:
            in_order = [sorted(set(one.flatten().tolist())) for one in view]
            is_turned = any(len(one) > 1 for one in in_order)
            assert is_turned or [one for (one,) in in_order] == found
    assert indices(known, whole) == list(range(rows))
    assert indices(known, whole.clone()) is None


def test_no_tensor_of_a_batch_is_kept_alive() -> None:
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    criterion = api.wrap(nn.CrossEntropyLoss())
    alive: list[Any] = []
    with api.session(source=Recorder(), announce=False):
        for x, y in api.track(DataLoader(TensorDataset(torch.randn(8, 2), torch.arange(8) % 2), 4)):
            loss = criterion(model(x), y)
            alive += [weakref.ref(one) for one in (x, y, loss)]
            loss.backward()
            optimizer.step()
        x = y = loss = None  # type: ignore[assignment]
        gc.collect()
        storages = len(batches)
        assert [one() for one in alive] == [None] * 6
    assert storages == len(batches)


def test_a_buffer_that_is_filled_again_has_its_last_samples() -> None:
    known, buffer = TrackedBatches(), torch.zeros(4, 2)
    for first in (0, 4):
        buffer.copy_(torch.randn(4, 2))
        known.remember(buffer, a_batch(4, first))
        assert indices(known, buffer) == [*range(first, first + 4)]
    buffer.normal_()
    assert indices(known, buffer) is None


def test_a_tensor_that_several_batches_share_has_no_known_samples() -> None:
    known, constant = TrackedBatches(), torch.zeros(4, 4)
    known.remember(constant, a_batch(4))
    assert indices(known, constant) == [0, 1, 2, 3]
    for first in (4, 8, 8):
        known.remember(constant, a_batch(4, first))
        assert indices(known, constant) is None


def test_memory_that_is_reused_does_not_keep_its_old_samples() -> None:
    known = TrackedBatches()
    for first in range(300):
        known.remember(torch.zeros(3), a_batch(3, first))
        assert indices(known, torch.zeros(3)) is None
    assert len(known) == 0


def test_methods_of_the_tensor_class_are_unchanged() -> None:
    api.track(DataLoader(DATA))
    for name in ("to", "float", "clone", "copy_", "cuda"):
        assert getattr(torch.Tensor, name) is getattr(torch._C.TensorBase, name)
    x = torch.arange(3)
    assert x.to(torch.float64).dtype == torch.float64
    assert x.to(x.device) is x
    assert torch.equal(pickle.loads(pickle.dumps(x.long())), x)


@pytest.mark.parametrize("method", ["to", "cpu", "float", "long", "clone", "contiguous", "type", "copy_"])
def test_a_method_of_the_tensor_class_is_compiled_without_a_break(method: str) -> None:
    follow_conversions()
    batch = torch.arange(4.0)
    batches.remember(batch, a_batch(4))
    arguments = {"to": (torch.float64,), "type": (torch.float64,), "copy_": (torch.ones(4),)}.get(method, ())
    counter = CompileCounter()
    torch._dynamo.reset()
    convert = torch.compile(
        lambda given: getattr(given, method)(*arguments) + 1, backend=counter, fullgraph=True
    )
    torch.testing.assert_close(convert(batch), getattr(torch.arange(4.0), method)(*arguments) + 1)
    assert counter.frame_count == 1


@pytest.mark.parametrize("seed", range(40))
def test_the_order_of_a_collate_function_is_found_or_unknown_but_never_wrong(seed: int) -> None:
    draw = random.Random(seed)
    torch.manual_seed(seed)
    count = draw.randint(2, 7)
    length = lambda: draw.randint(1, 5)  # noqa: E731
    samples = [(torch.randint(draw.choice([2, 50]), (length(),)), draw.randint(0, 1)) for _ in range(count)]
    order = draw.choices(range(count), k=count) if draw.random() < 0.3 else draw.sample(range(count), count)
    order = order[: draw.randint(1, count)] if draw.random() < 0.3 else order
    chosen = [samples[place] for place in order]
    behind = draw.random() < 0.5
    pad = draw.choice([0, -1])
    width = max(len(one) for one, _ in chosen)
    rows = [[*one.tolist(), *[pad] * (width - len(one))] for one, _ in chosen]
    if not behind:
        rows = [[*[pad] * (width - len(one)), *one.tolist()] for one, _ in chosen]
    batch = (torch.tensor(rows), torch.tensor([label for _, label in chosen]))
    found = order_of(samples, split_samples(samples), batch)
    if found is not None:
        for place, right in zip(found, order, strict=True):
            assert torch.equal(samples[place][0], samples[right][0])
            assert samples[place][1] == samples[right][1]


def names_of(loader: DataLoader[Any], ids: Any) -> dict[int, str]:
    """The names that a run records, by index."""
    model, source = nn.Linear(1, 2), Recorder()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    criterion = api.wrap(nn.CrossEntropyLoss())
    with api.session(source=source, announce=False):
        for (x,) in api.track(loader, ids=ids):
            criterion(model(x), (x[:, 0] > 3).long()).backward()
            optimizer.step()
    names: dict[int, str] = {}
    for entry in source.entries:
        assert entry.indices_B is not None
        assert entry.ids is not None
        names |= zip(entry.indices_B.tolist(), entry.ids, strict=True)
    return names


@pytest.mark.parametrize("seed", range(8))
def test_a_sample_of_a_subset_has_the_index_and_the_name_that_it_has_in_the_whole(seed: int) -> None:
    draw = random.Random(seed)
    count = draw.randint(6, 14)
    whole: Any = TensorDataset(torch.arange(count)[:, None].float())
    if draw.random() < 0.5:
        whole = ConcatDataset([whole, TensorDataset(torch.arange(count, 2 * count)[:, None].float())])
    names = [f"{number}.png" for number in range(len(whole))]
    part, _ = random_split(whole, [0.6, 0.4])
    if draw.random() < 0.5:
        part = Subset(part, draw.sample(range(len(part)), len(part) - 1))
    values = [int(x) for (x,) in part]  # type: ignore[attr-defined]
    right = {value: names[value] for value in values}
    loader = DataLoader(part, 3, shuffle=True)
    assert names_of(loader, names) == right
    assert names_of(loader, [names[value] for value in values]) == right
    assert names_of(loader, dict(enumerate(names))) == right


@pytest.mark.parametrize(
    ("chosen", "names", "message"),
    [
        (range(4), 3, r"ids are 3 names, must be 6, .* or 4, one for each of the subset"),
        ([5, 4, 3, 2, 1, 0], 6, r"which fit the samples of the subset in its order .* whole data set"),
        (None, 5, r"ids are 5 names, must be 6, one for each sample"),
    ],
)
def test_names_that_do_not_fit_are_refused(chosen: Any, names: int, message: str) -> None:
    whole: Any = TensorDataset(torch.arange(6)[:, None].float())
    data = whole if chosen is None else Subset(whole, chosen)
    with pytest.raises(TaskError, match=message):
        api.track(DataLoader(data), ids=["x"] * names)


@pytest.mark.parametrize(
    ("index", "message"),
    [("number", "finds nothing in a batch, which is a list"), (0, "must be whole numbers")],
)
def test_an_index_that_the_batch_does_not_contain_is_refused(index: Any, message: str) -> None:
    loader = DataLoader(TensorDataset(torch.randn(4, 2)), 2)
    with pytest.raises(TaskError, match=message):
        next(iter(api.track(loader, index=index)))


def test_uncertain_samples_are_reported_once_with_the_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def tokenized(items: list[Any]) -> Any:
        return torch.stack([x * 2 + 1 for x, _ in items]), torch.tensor([int(y) for _, y in items])

    model, source = nn.Linear(2, 2), Recorder()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    criterion = api.wrap(nn.CrossEntropyLoss())
    data = TensorDataset(torch.randn(9, 2), torch.arange(9) % 2)
    with api.session(source=source, announce=True):
        for x, y in api.track(DataLoader(data, 3, collate_fn=tokenized)):
            criterion(model(x), y).backward()
            optimizer.step()
    assert [entry.indices_B for entry in source.entries] == [None] * 3
    err = capsys.readouterr().err
    assert err.count("no sample identity") == 1
    assert "tokenized gives; absgd_worker.track(loader, index=…)" in err
