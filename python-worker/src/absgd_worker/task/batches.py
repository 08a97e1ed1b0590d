"""Batches of a task's data, and which samples are in each: samples that cannot be read may be left out.

Shapes: B samples drawn for a batch, K of them in it.
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


class Drawn(NamedTuple):
    """A batch, and what is known of the samples in it."""

    batch: Any
    """What the task's functions are given; None where no sample is left."""
    size: int
    """B."""
    given_B: Tensor
    """Indices of the samples that collate was given, int64; fewer where some were left out before."""
    missing: frozenset[int] = frozenset()
    """Which of these are None: the data set has no sample for them."""
    may_be_fewer: bool = False
    """Whether collate is the task's own, and may return fewer samples than it was given."""

    @property
    def is_empty(self) -> bool:
        """Whether no sample is left."""
        return self.batch is None or (self.may_be_fewer and leading_size(self.batch) == 0)

    def fits(self, rows: int) -> bool:
        """Whether so many results can be those of this batch."""
        given, present = self.given_B.shape[0], self.given_B.shape[0] - len(self.missing)
        if rows in (given, present):
            return True
        return self.may_be_fewer and 0 < rows < given and leading_size(self.batch) == rows

    def indices_of(self, rows: int) -> Tensor | None:
        """Which samples so many results belong to, int64; None where that is not certain.

        It is certain where there is a result for each sample that collate was given, and where collate has
        left out as many as were None.
        """
        given = self.given_B.shape[0]
        if not self.missing:
            return self.given_B if rows == given else None
        if rows != given - len(self.missing):
            # As many as were given: something else stands in the place of what was None.
            return None
        return torch.tensor([index for index in self.given_B.tolist() if index not in self.missing])


class Batches:
    """Makes the batches of a task, and remembers which samples could not be read."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._make = batch_maker(task.data, task.collate) if has_columns(task.data) else None
        self._skips = task.on_bad_sample == "skip"
        self._is_own = task.collate is not collate_default
        self.left_out: dict[int, str] = {}
        """Why each sample that was left out was, by index."""
        self.unnamed: tuple[int, int] | None = None
        """How many samples collate returned of how many, where it first did not say which."""

    def draw(self, indices_B: Tensor) -> Drawn:
        """The batch of these samples (int64 [B], on the CPU).

        Raises:
            TaskError: a sample cannot be read, and the task does not skip such samples; or collate raised.
        """
        if self._make is not None:
            return Drawn(self._make(indices_B), indices_B.shape[0], indices_B)
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
                if not self._is_own:
                    raise TaskError(f"{self.name(index)} is None; {REMEDY}")
                missing.add(index)
            given.append(index)
            samples.append(sample)
        size = indices_B.shape[0]
        given_B = indices_B if len(given) == size else torch.tensor(given, dtype=torch.int64)
        return Drawn(self._collate(samples, given), size, given_B, frozenset(missing), self._is_own)

    def confirm(self, drawn: Drawn, rows: int) -> Tensor | None:
        """As `Drawn.indices_of`; notes the samples that collate has left out."""
        indices_K = drawn.indices_of(rows)
        if indices_K is None and rows and self.unnamed is None:
            self.unnamed = rows, drawn.given_B.shape[0]
        if drawn.missing and (indices_K is not None or not rows):
            for index in sorted(drawn.missing):
                self._leave_out(index, "the data set gives None for it")
        return indices_K

    def name(self, index: int) -> str:
        """`sample 13 (images/0013.png)`."""
        ids = self._task.ids
        return f"sample {index:,}" + (f" ({ids[index]})" if ids is not None else "")

    def summary(self) -> str:
        """What was left out, in words; empty where nothing was."""
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


class LeftOut:
    """What people are told of samples that are left out: each of the first ones, once in a process."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._told: set[int] = set()
        self._told_unnamed = False

    def notes(self) -> list[str]:
        """What is new since the last call."""
        left_out, unnamed = self._batches.left_out, self._batches.unnamed
        if unnamed is not None and not self._told_unnamed:
            self._told_unnamed = True
            return [_without_index(*unnamed), *self.notes()]
        if len(left_out) == len(self._told):
            return []
        new = [index for index in left_out if index not in self._told]
        texts = [
            f"{self._batches.name(index)} is left out: {left_out[index]}"
            + (
                f"; from the {NAMED + 1}th on they are counted, and named in worker.log"
                if place == NAMED
                else ""
            )
            for place, index in enumerate(new, len(self._told) + 1)
            if place <= NAMED
        ]
        self._told.update(new)
        return texts


def leading_size(batch: Any) -> int | None:
    """The first dimension of all tensors in tuples, lists and mappings; None where they differ."""
    sizes = {tensor.shape[0] for tensor in _tensors_in(batch) if tensor.ndim}
    return sizes.pop() if len(sizes) == 1 else None


def _without_index(rows: int, given: int) -> str:
    return (
        f"collate returned {rows:,} of {given:,} samples without saying which: losses of such batches are "
        "recorded without an index. Let the data set give None for a sample that is to be left out"
    )


def _tensors_in(batch: Any) -> Iterator[Tensor]:
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, (tuple, list, Mapping)):
        for part in batch.values() if isinstance(batch, Mapping) else batch:
            yield from _tensors_in(part)


def _reason(error: BaseException) -> str:
    said = str(error).strip().partition("\n")[0]
    return type(error).__qualname__ + (f": {said}" if said else "")


REMEDY = 'mend it, or leave such samples out with Task(on_bad_sample="skip")'

NAMED = 10
"""So many samples are named where many are left out."""
