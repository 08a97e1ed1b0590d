"""The random numbers of a sample depend on the seed and on its position in the run, and on nothing else."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from absgd_worker.task.random_state import seed_all
from absgd_worker.task.reading import Key, Reader, Unreadable
from augmented_task import Augmented, mixed, same

INDICES = [5, 2, 9, 0, 7, 3]


def read(indices, position, *, seed=3, collate=default_collate, data=None, skips=False):
    reader = Reader(data or Augmented(12), collate, skips=skips)
    return reader.read(Key(seed, position, indices))[0]


@pytest.mark.parametrize("cut", range(1, 6))
def test_the_numbers_of_a_sample_are_the_same_in_batches_of_any_size(cut):
    whole = read(INDICES, 24)[0]
    seed_all(cut)
    parts = [read(INDICES[:cut], 24)[0], read(INDICES[cut:], 24 + cut)[0]]
    assert torch.equal(whole, torch.cat(parts))


def test_the_numbers_of_a_sample_do_not_depend_on_what_others_draw_or_whether_they_can_be_read():
    whole = read(INDICES, 24)[0]
    rest = read(INDICES, 24, data=Augmented(12, raising=[2], none=[7]), skips=True)[0]
    assert torch.equal(rest, whole[[0, 2, 3, 5]])


def test_another_position_and_another_seed_give_other_numbers():
    (point,) = read([5], 24)[0]
    for other in (read([5], 36), read([5], 25), read([5], 24, seed=4)):
        assert point[0] == other[0][0, 0]
        assert (point[1:] != other[0][0, 1:]).all()


def test_the_numbers_of_collate_depend_on_the_seed_and_the_position_too():
    one = read(INDICES, 24, collate=mixed)[0]
    seed_all(1)
    assert torch.equal(one, read(INDICES, 24, collate=mixed)[0])
    data = [(torch.ones(4, dtype=torch.float64), 0)] * 12
    shares = {read(INDICES, position, collate=mixed, data=data)[0][0, 0].item() for position in (0, 6, 12)}
    assert len(shares) == 3


@pytest.mark.parametrize("raising", [[], [9]])
def test_reading_leaves_the_random_numbers_of_training_as_they_are(raising):
    def drawn():
        return [random.random(), torch.rand(3), np.random.rand(3).tolist()]

    seed_all(8)
    expected = drawn()
    seed_all(8)
    read(INDICES, 24, data=Augmented(12, raising=raising), skips=True, collate=mixed)
    assert same(drawn(), expected)


class Counted:
    """A data set that counts how often each sample is read; it draws random numbers from sample 6 on."""

    def __init__(self) -> None:
        self.reads: list[int] = []

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> torch.Tensor:
        self.reads.append(index)
        return torch.rand(2) if index > 5 else torch.full((2,), float(index))


def test_a_batch_that_draws_is_read_again_with_seeds_and_later_ones_are_read_once():
    data = Counted()
    reader = Reader(data, default_collate, skips=False)
    for position, indices in ((0, [0, 1]), (2, [2, 7]), (4, [3, 8]), (6, [4, 5])):
        reader.read(Key(3, position, indices))
    assert data.reads == [0, 1, 2, 7, 2, 7, 3, 8, 4, 5]


@pytest.mark.parametrize("draw", [random.random, lambda: torch.rand(()).item(), np.random.rand])
@pytest.mark.parametrize("is_first", [False, True])
def test_the_numbers_of_every_generator_are_the_same_whatever_was_read_before(draw, is_first):
    def data_with(draws):
        return [lambda: 0.0] * 4 + [draws] * 4

    class Data:
        def __getitem__(self, index):
            return torch.tensor(data_with(draw)[index]())

    readers = [Reader(Data(), default_collate, skips=False) for _ in range(2)]
    readers[0].read(Key(3, 0, [0, 1, 2] if is_first else [0, 4]))
    got = [reader.read(Key(3, 8, [4, 1, 5]))[0] for reader in readers]
    assert torch.equal(*got)
    assert got[0][0] != got[0][2]


def test_a_sample_that_draws_and_cannot_be_read_says_so_and_leaves_the_states():
    class Data:
        def __getitem__(self, index):
            torch.rand(1)
            raise KeyError("of the data")

    seed_all(4)
    expected = torch.rand(2)
    seed_all(4)
    with pytest.raises(Unreadable, match="of the data"):
        Reader(Data(), default_collate, skips=False).read(Key(3, 0, [1]))
    assert torch.equal(torch.rand(2), expected)


def test_numbers_whose_state_the_data_set_puts_back_depend_on_seed_and_position_too():
    class Data:
        def __getitem__(self, index):
            with torch.random.fork_rng(devices=[]):
                return torch.rand(3)

    reader = Reader(Data(), default_collate, skips=False)
    seed_all(1)
    first = reader.read(Key(3, 8, [0]))[0]
    seed_all(2)
    assert torch.equal(reader.read(Key(3, 8, [0]))[0], first)
    assert not torch.equal(reader.read(Key(3, 9, [0]))[0], first)
