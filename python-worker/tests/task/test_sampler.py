"""Which samples a step trains on."""

from __future__ import annotations

import itertools

import pytest
import torch

from absgd_worker.errors import CheckpointError
from absgd_worker.task.sampler import InOrder, Sampler, mix, permutation


def draws(sampler, count):
    found = []
    for _ in range(count):
        draw = sampler.at(sampler.consumed)
        sampler.consumed = draw.end
        found.append(draw.indices_B.tolist())
    return found


def test_every_epoch_has_every_sample_once_in_an_order_of_its_own():
    batches = draws(Sampler(10, 4, seed=3), 6)
    first, second = [*itertools.chain(*batches[:3])], [*itertools.chain(*batches[3:])]
    assert [len(batch) for batch in batches] == [4, 4, 2, 4, 4, 2]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_the_last_short_batch_can_be_dropped_and_the_epoch_is_still_consumed():
    sampler = Sampler(10, 4, seed=3, drop_last=True)
    batches = draws(sampler, 4)
    assert [len(batch) for batch in batches] == [4, 4, 4, 4]
    assert (sampler.epoch, sampler.consumed) == (2, 20)
    assert batches[2:] == [permutation(10, 3, 1)[:4].tolist(), permutation(10, 3, 1)[4:8].tolist()]


def test_the_order_depends_on_the_seed_and_on_nothing_else():
    one = draws(Sampler(50, 7, seed=1), 20)
    torch.manual_seed(99)
    assert draws(Sampler(50, 7, seed=1), 20) == one
    assert draws(Sampler(50, 7, seed=2), 20) != one


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("at", [0, 1, 2, 3, 7, 12])
def test_any_position_is_reached_without_drawing_what_lies_before(at, drop_last):
    whole = Sampler(10, 4, seed=3, drop_last=drop_last)
    expected = draws(whole, 20)
    before = Sampler(10, 4, seed=3, drop_last=drop_last)
    draws(before, at)
    after = Sampler(10, 4, seed=3, drop_last=drop_last)
    after.load_state_dict(before.state_dict())
    assert draws(after, 20 - at) == expected[at:]


def test_the_state_is_integers():
    sampler = Sampler(10, 4, seed=3)
    draws(sampler, 4)
    assert sampler.state_dict() == {"seed": 3, "epoch": 1, "consumed": 14, "size": 10}


def test_a_state_of_other_data_or_another_seed_is_refused_by_name():
    state = Sampler(10, 4, seed=3).state_dict()
    with pytest.raises(CheckpointError, match=r"the number of training samples is 11, .* written with 10"):
        Sampler(11, 4, seed=3).load_state_dict(state)
    with pytest.raises(CheckpointError, match=r"the seed is 4, .* written with 3"):
        Sampler(10, 4, seed=4).load_state_dict(state)


def test_seeds_of_neighbouring_epochs_and_seeds_share_no_bits_by_accident():
    seeds = [mix(seed, stream) for seed in range(40) for stream in range(-40, 40)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
    differing = [bin(one ^ other).count("1") for one, other in itertools.pairwise(seeds)]
    assert 30 < sum(differing) / len(differing) < 33


@pytest.mark.parametrize("drop_last", [False, True])
def test_the_batch_at_a_position_is_the_one_that_is_drawn_there_whatever_was_drawn_before(drop_last):
    sampler = Sampler(10, 4, seed=3, drop_last=drop_last)
    positions = [0]
    for _ in range(8):
        positions.append(sampler.at(positions[-1]).end)
    expected = draws(sampler, 9)
    for place in (8, 2, 5, 0, 7):
        assert sampler.at(positions[place]).indices_B.tolist() == expected[place]
    assert sampler.consumed == sampler.at(positions[8]).end


def test_samples_in_the_order_of_the_data_are_cut_at_every_piece():
    order = InOrder(11, 3, seed=0, piece=5)
    assert draws(order, 6) == [[0, 1, 2], [3, 4], [5, 6, 7], [8, 9], [10], []]
