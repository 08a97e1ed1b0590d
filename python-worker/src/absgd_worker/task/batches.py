"""Makes batches of a task's data, and tracks which samples each batch holds: unreadable ones may be skipped.

Shapes: B samples drawn for a batch, G of them given to collate, K results of the task's functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from absgd_worker.console import count, say
from absgd_worker.errors import TaskError
from absgd_worker.task.data import batch_maker, collate_default, has_columns
from absgd_worker.task.task import Task


class Batch(NamedTuple):
    """A batch, and which samples are in it."""

    data: Any
    """The argument for the task's functions; None if no sample is left."""
    size: int
    """B."""
    indices_G: Tensor
    """Indices of the samples that collate was given, int64 on the CPU; G < B if some were skipped before."""
    missing: frozenset[int] = frozenset()
    """The indices among them for which the dataset returned None."""
    may_be_fewer: bool = False
    """Whether collate is the task's own, and so may return fewer samples than it was given."""

    @property
    def is_empty(self) -> bool:
        """Whether no sample is left."""
        return self.data is None or (self.may_be_fewer and leading_size(self.data) == 0)

    def accepts(self, rows: int) -> bool:
        """Whether `rows` is a possible number of results K for this batch."""
        given, present = self.indices_G.shape[0], self.indices_G.shape[0] - len(self.missing)
        if rows in (given, present):
            return True
        return self.may_be_fewer and 0 < rows < given and leading_size(self.data) == rows

    def indices_of(self, rows: int) -> Tensor | None:
        """The sample index of each of `rows` results, int64 [K]; None if it is not certain.

        It is certain if K = G, or if collate left out exactly the samples that were None.
        """
        given = self.indices_G.shape[0]
        if not self.missing:
            return self.indices_G if rows == given else None
        if rows != given - len(self.missing):
            # With as many results as samples, collate has replaced the samples that were None.
            return None
        return torch.tensor([index for index in self.indices_G.tolist() if index not in self.missing])


class Batches:
    """Makes the batches of a task, and records which samples could not be read."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._make = batch_maker(task.data, task.collate) if has_columns(task.data) else None
        self._skips = task.on_bad_sample == "skip"
        self._has_own_collate = task.collate is not collate_default
        self.left_out: dict[int, str] = {}
        """The reason for each sample that was left out, by index."""
        self.first_unidentified: tuple[int, int] | None = None
        """(K, G) of the first batch that collate made smaller without saying which samples it left out."""

    def draw(self, indices_B: Tensor) -> Batch:
        """The batch of the samples `indices_B`, int64 [B] on the CPU.

        Raises:
            TaskError: a sample cannot be read, and the task does not skip such samples; or collate raised.
        """
        if self._make is not None:
            return Batch(self._make(indices_B), indices_B.shape[0], indices_B)
        samples, missing = [], set()
        given = []
        for index in indices_B.tolist():
            try:
                sample = self._task.data[index]  # type: ignore[index]
            except Exception as error:
                if not self._skips:
                    raise TaskError(
                        f"{self.name(index)} cannot be read: {_reason(error)}; {REMEDY}"
                    ) from error
                self._leave_out(index, _reason(error))
                continue
            if sample is None:
                if self._skips:
                    self._leave_out(index, "the data set gives None for it")
                    continue
                if not self._has_own_collate:
                    raise TaskError(f"{self.name(index)} is None; {REMEDY}")
                missing.add(index)
            given.append(index)
            samples.append(sample)
        size = indices_B.shape[0]
        indices_G = indices_B if len(given) == size else torch.tensor(given, dtype=torch.int64)
        return Batch(
            self._collate(samples, given), size, indices_G, frozenset(missing), self._has_own_collate
        )

    def identify(self, batch: Batch, rows: int) -> Tensor | None:
        """Like `Batch.indices_of`, and records the samples that collate left out."""
        indices_K = batch.indices_of(rows)
        if indices_K is None and rows and self.first_unidentified is None:
            self.first_unidentified = rows, batch.indices_G.shape[0]
        if batch.missing and (indices_K is not None or not rows):
            for index in sorted(batch.missing):
                self._leave_out(index, "the data set gives None for it")
        return indices_K

    def name(self, index: int) -> str:
        """`sample 13 (images/0013.png)`."""
        ids = self._task.ids
        return f"sample {index:,}" + (f" ({ids[index]})" if ids is not None else "")

    def summary(self) -> str:
        """A sentence about the samples that were left out; empty if there are none."""
        if not self.left_out:
            return ""
        names = [self.name(index).removeprefix("sample ") for index in sorted(self.left_out)]
        shown = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
        return f"{len(names):,} of {count(self._task.size, 'sample')} left out: {shown}"

    def _collate(self, samples: list[Any], given: list[int]) -> Any:
        if not samples:
            return None
        try:
            return self._task.collate(samples)
        except Exception as error:
            raise TaskError(
                f"collate failed on the samples {', '.join(map(str, given))}: {_reason(error)}"
            ) from error

    def _leave_out(self, index: int, why: str) -> None:
        if index not in self.left_out:
            self.left_out[index] = why
            say(f"{self.name(index)} is left out: {why}")


class LeftOutNotes:
    """Writes the notes about samples that are left out: one for each of the first ones, once a process."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._noted: set[int] = set()
        self._has_noted_unidentified = False

    def take(self) -> list[str]:
        """The notes about what is new since the last call."""
        left_out, unidentified = self._batches.left_out, self._batches.first_unidentified
        if unidentified is not None and not self._has_noted_unidentified:
            self._has_noted_unidentified = True
            return [_unidentified_note(*unidentified), *self.take()]
        if len(left_out) == len(self._noted):
            return []
        new = [index for index in left_out if index not in self._noted]
        notes = [
            f"{self._batches.name(index)} is left out: {left_out[index]}"
            + (
                f"; from the {NAMED + 1}th on they are counted, and named in worker.log"
                if place == NAMED
                else ""
            )
            for place, index in enumerate(new, len(self._noted) + 1)
            if place <= NAMED
        ]
        self._noted.update(new)
        return notes


def leading_size(data: Any) -> int | None:
    """The first dimension of all tensors in tuples, lists and mappings; None if they differ."""
    sizes = {tensor.shape[0] for tensor in _tensors_in(data) if tensor.ndim}
    return sizes.pop() if len(sizes) == 1 else None


def _unidentified_note(rows: int, given: int) -> str:
    return (
        f"collate returned {rows:,} of {given:,} samples without saying which: losses of such batches are "
        "recorded without an index. Let the data set give None for a sample that is to be left out"
    )


def _tensors_in(data: Any) -> Iterator[Tensor]:
    if isinstance(data, Tensor):
        yield data
    elif isinstance(data, (tuple, list, Mapping)):
        for part in data.values() if isinstance(data, Mapping) else data:
            yield from _tensors_in(part)


def _reason(error: BaseException) -> str:
    first_line = str(error).strip().partition("\n")[0]
    return type(error).__qualname__ + (f": {first_line}" if first_line else "")


REMEDY = 'repair it, or leave such samples out with Task(on_bad_sample="skip")'

NAMED = 10
"""How many of the samples that are left out are named."""
