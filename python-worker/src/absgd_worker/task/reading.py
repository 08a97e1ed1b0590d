"""Reads the samples of a batch from a map-style dataset, in the training process or in a loading process.

The random numbers of a sample depend only on the seed of the run and on the position of the sample in the
order of the run, so that every process reads the same. Seeding three generators for each sample takes longer
than many data sets take to read it, so a batch is read without it first. If that draws a random number, the
batch is read again, and that one and all later ones are seeded sample by sample.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from absgd_worker.task.data import collate_default
from absgd_worker.task.random_state import CpuRandomness, seed_cpu
from absgd_worker.task.sampler import Draw, mix


class Key(NamedTuple):
    """Which samples to read, and what their random numbers depend on. Goes to a loading process."""

    seed: int
    position: int
    indices: list[int]


@dataclass
class Contents:
    """Which samples are in a batch."""

    given: list[int] = field(default_factory=list)
    """The indices of the samples that collate was given."""
    missing: frozenset[int] = frozenset()
    """The indices among them for which the dataset returned None."""
    left_out: dict[int, str] = field(default_factory=dict)
    """Why each of the other samples is left out, by index."""


class Unreadable(Exception):
    """A batch could not be read. The exception of the task's code, if there is one, is the cause."""

    def __init__(self, reason: str, *, index: int | None = None, given: list[int] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        """Why, after the name of the sample."""
        self.index = index
        """The sample that cannot be read; None if it is not about one sample."""
        self.given = given
        """The samples that collate failed on; None if it did not fail."""


class Reader:
    """Reads batches of a map-style dataset.

    Args:
        skips: whether samples that cannot be read are left out.
    """

    def __init__(self, data: Any, collate: Callable[[list[Any]], Any], *, skips: bool) -> None:
        self._data = data
        self._collate = collate
        self._skips = skips
        self._has_own_collate = collate is not collate_default
        # A list or tuple returns what it holds: no code of the task runs, and nothing can be random.
        self._is_list = type(data) in (list, tuple)

        self._may_draw = self._has_own_collate or not self._is_list
        self._draws = False
        """Whether a batch has drawn random numbers so far, in this process."""

    def read(self, key: Key) -> tuple[Any, Contents]:
        """The batch, None if no sample is left, and what is in it. The random states of this process are
        afterwards as before.

        Raises:
            Unreadable: a sample cannot be read and is not to be left out, or collate raised.
        """
        if not self._may_draw:
            return self._read(key, is_seeded=False)
        before = CpuRandomness.now()
        try:
            return self._read(key, is_seeded=True) if self._draws else self._read_unseeded(key)
        finally:
            before.restore()

    def _read_unseeded(self, key: Key) -> tuple[Any, Contents]:
        # A data set may put a state back after it has drawn: then the numbers are those of this seed.
        seed_cpu(mix(mix(key.seed, _BATCHES), key.position))
        seeded = CpuRandomness.now()
        try:
            batch = self._read(key, is_seeded=False)
            if seeded.is_current():
                return batch
        except (Exception, SystemExit):
            if seeded.is_current():
                raise
        self._draws = True
        return self._read(key, is_seeded=True)

    def _read(self, key: Key, *, is_seeded: bool) -> tuple[Any, Contents]:
        samples: list[Any] = []
        contents = Contents()
        missing = set()
        seed = mix(key.seed, _SAMPLES)
        for position, index in enumerate(key.indices, key.position):
            if is_seeded and not self._is_list:
                seed_cpu(mix(seed, position))
            try:
                sample = self._data[index]
            except Exception as error:
                if not self._skips:
                    raise Unreadable(reason_of(error), index=index) from error
                contents.left_out[index] = reason_of(error)
                continue
            if sample is None:
                if self._skips:
                    contents.left_out[index] = NONE_GIVEN
                    continue
                if not self._has_own_collate:
                    raise Unreadable("is None", index=index)
                missing.add(index)
            contents.given.append(index)
            samples.append(sample)
        contents.missing = frozenset(missing)
        collate_seed = mix(mix(key.seed, _COLLATE), key.position) if is_seeded else None
        return self._collated(samples, contents.given, collate_seed), contents

    def _collated(self, samples: list[Any], given: list[int], seed: int | None) -> Any:
        if not samples:
            return None
        try:
            if seed is not None and self._has_own_collate:
                seed_cpu(seed)
            return self._collate(samples)
        except Exception as error:
            raise Unreadable(reason_of(error), given=given) from error


def key_of(draw: Draw, seed: int) -> Key:
    """The key of a batch."""
    return Key(seed, draw.position, draw.indices_B.tolist())


def reason_of(error: BaseException) -> str:
    """`OSError: cannot identify image file`: the class of an exception, and the first line of its message."""
    first_line = str(error).strip().partition("\n")[0]
    return type(error).__qualname__ + (f": {first_line}" if first_line else "")


NONE_GIVEN = "the data set gives None for it"

_SAMPLES, _COLLATE, _BATCHES = 1 << 62, (1 << 62) + 1, (1 << 62) + 2
"""Give reading other random numbers than the order of an epoch, whose stream is the epoch's number."""
