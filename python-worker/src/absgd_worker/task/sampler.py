"""Chooses the samples of each step, as a function of the seed and of the number of samples consumed.

The order of an epoch is a permutation that depends on (seed, epoch), and the position is a count. So the
state consists of integers, and restoring it needs one permutation and loads no sample.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypedDict

import torch
from torch import Tensor

from absgd_worker.errors import CheckpointError


class Draw(NamedTuple):
    """The samples of one batch, and their place in the order of the run."""

    position: int
    """How many samples come before it."""
    indices_B: Tensor
    """int64 [B] on the CPU."""
    end: int
    """The position of the next batch."""


class Draws(Protocol):
    """Batches in an order that depends on nothing but the position, so that they can be read ahead."""

    seed: int
    """Seeds the random numbers of reading samples, together with their position."""
    consumed: int
    """The position of the next batch."""

    def at(self, position: int) -> Draw:
        """The batch at a position. Changes nothing."""
        ...


class SamplerState(TypedDict):
    """The state of a sampler, in integers."""

    seed: int
    epoch: int
    consumed: int
    size: int


class InOrder:
    """The samples in the order of the data, once. No batch goes beyond a multiple of `piece` samples."""

    def __init__(self, size: int, batch_size: int, *, seed: int, piece: int) -> None:
        self.seed = seed
        self.consumed = 0
        self._size = size
        self._batch_size = batch_size
        self._piece = piece

    def at(self, position: int) -> Draw:
        """The batch at a position; an empty one behind the last sample."""
        stop = min(position + self._batch_size, (position // self._piece + 1) * self._piece, self._size)
        return Draw(position, torch.arange(position, stop), stop)


class Sampler:
    """Draws batches of indices without replacement, epoch after epoch.

    `consumed` counts samples from the start of the run, with those that `drop_last` leaves out, so that the
    epoch is always `consumed // size`.
    """

    def __init__(self, size: int, batch_size: int, *, seed: int, drop_last: bool = False) -> None:
        self.seed = seed
        self._size = size
        self._batch_size = batch_size
        self._drop_last = drop_last
        self._order_epoch = -1
        self._order_N = torch.empty(0, dtype=torch.int64)
        self.consumed = 0

    @property
    def epoch(self) -> int:
        """The epoch of the next sample, from 0."""
        return self.consumed // self._size

    def at(self, position: int) -> Draw:
        """The batch at a position. The last batch of an epoch may be smaller."""
        size = self._size
        epoch, start = divmod(position, size)
        if epoch != self._order_epoch:
            self._order_N = permutation(size, self.seed, epoch)
            self._order_epoch = epoch
        stop = min(start + self._batch_size, size)
        left_out = self._drop_last and size - stop < self._batch_size
        return Draw(position, self._order_N[start:stop], position + (size if left_out else stop) - start)

    def state_dict(self) -> SamplerState:
        return {"seed": self.seed, "epoch": self.epoch, "consumed": self.consumed, "size": self._size}

    def load_state_dict(self, state: SamplerState) -> None:
        """Restores what `state_dict` returned.

        Raises:
            CheckpointError: it has another seed or number of samples.
        """
        self.check_state_dict(state)
        self.consumed = state["consumed"]

    def check_state_dict(self, state: SamplerState) -> None:
        """Raises like `load_state_dict`, and changes nothing."""
        for name, mine in (("seed", self.seed), ("size", self._size)):
            if state[name] != mine:
                thing = "seed" if name == "seed" else "number of training samples"
                raise CheckpointError(
                    f"the {thing} is {mine}, but the checkpoint was written with {state[name]}"
                )


def permutation(size: int, seed: int, epoch: int) -> Tensor:
    """The order of an epoch: int64 [size]."""
    generator = torch.Generator().manual_seed(mix(seed, epoch))
    return torch.randperm(size, generator=generator)


def mix(seed: int, stream: int) -> int:
    """A seed in [0, 2⁶³) for each seed and stream; near ones give unrelated results (splitmix64)."""
    z = (seed * 0x9E3779B97F4A7C15 + stream * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return (z ^ (z >> 31)) >> 1


_MASK = 2**64 - 1
