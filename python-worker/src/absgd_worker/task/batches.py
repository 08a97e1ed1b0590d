"""Makes batches of a task's data, and tracks which samples each batch holds: unreadable ones may be skipped.

Shapes: B samples drawn for a batch, G of them given to collate, K results of the task's functions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from absgd_worker.console import count, say
from absgd_worker.errors import TaskError
from absgd_worker.task.batch import Batch
from absgd_worker.task.data import batch_maker, collate_default, has_columns
from absgd_worker.task.loader import Loader
from absgd_worker.task.reading import NONE_GIVEN, Reader, Unreadable, key_of
from absgd_worker.task.sampler import Draws
from absgd_worker.task.task import Task


def loader_of(task: Task) -> Loader | None:
    """The loading processes of a task, not yet started; None if its batches are made in this process."""
    if not task.num_workers or has_columns(task.data):
        return None
    return Loader(
        _reader_of(task),
        num_workers=task.num_workers,
        prefetch_factor=task.prefetch_factor or DEFAULT_PREFETCH_FACTOR,
        pin_memory=task.pin_memory and task.device.type == "cuda",
    )


class Batches:
    """Makes the batches of a task, and records which samples could not be read.

    Args:
        draws: the samples of each batch; the position moves with every batch.
        loader: reads the samples; None to read them in this process.
    """

    def __init__(self, task: Task, draws: Draws, loader: Loader | None = None) -> None:
        self._task = task
        self._draws = draws
        self._make = batch_maker(task.data, task.collate) if has_columns(task.data) else None
        self._reader = _reader_of(task)
        self._loader = loader
        self._has_own_collate = task.collate is not collate_default
        self.left_out: dict[int, str] = {}
        """The reason for each sample that was left out, by index."""
        self.first_unidentified: tuple[int, int] | None = None
        """(K, G) of the first batch that collate made smaller without saying which samples it left out."""

    def take(self) -> Batch:
        """The next batch.

        Raises:
            TaskError: a sample cannot be read, and the task does not skip such samples; or collate raised.
            LoadingError: a loading process has ended.
        """
        draws = self._draws
        if self._make is not None:
            draw = draws.at(draws.consumed)
            draws.consumed = draw.end
            return Batch(self._make(draw.indices_B), draw.indices_B.shape[0], draw.indices_B)
        try:
            if self._loader is None:
                draw = draws.at(draws.consumed)
                draws.consumed = draw.end
                data, contents = self._reader.read(key_of(draw, draws.seed))
            else:
                draw, data, contents = self._loader.take(draws)
        except Unreadable as error:
            raise TaskError(self._describe(error)) from error.__cause__
        for index, why in contents.left_out.items():
            self._leave_out(index, why)
        size, given = draw.indices_B.shape[0], contents.given
        indices_G = draw.indices_B if len(given) == size else torch.tensor(given, dtype=torch.int64)
        return Batch(data, size, indices_G, contents.missing, self._has_own_collate)

    def identify(self, batch: Batch, rows: int) -> Tensor | None:
        """Like `Batch.indices_of`, and records the samples that collate left out."""
        indices_K = batch.indices_of(rows)
        if indices_K is None and rows and self.first_unidentified is None:
            self.first_unidentified = rows, batch.indices_G.shape[0]
        if batch.missing and (indices_K is not None or not rows):
            for index in sorted(batch.missing):
                self._leave_out(index, NONE_GIVEN)
        return indices_K

    def name(self, index: int) -> str:
        """`sample 13 (images/0013.png)`."""
        ids = self._task.ids
        number = index if self._task.numbers is None else int(self._task.numbers[index])
        return f"sample {number:,}" + (f" ({ids[index]})" if ids is not None else "")

    def summary(self) -> str:
        """A sentence about the samples that were left out; empty if there are none."""
        if not self.left_out:
            return ""
        names = [self.name(index).removeprefix("sample ") for index in sorted(self.left_out)]
        shown = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
        return f"{len(names):,} of {count(self._task.size, 'sample')} left out: {shown}"

    def _describe(self, error: Unreadable) -> str:
        if error.given is not None:
            return f"collate failed on the samples {', '.join(map(str, error.given))}: {error.reason}"
        assert error.index is not None
        is_none = error.__cause__ is None
        how = error.reason if is_none else f"cannot be read: {error.reason}"
        return f"{self.name(error.index)} {how}; {REMEDY}"

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


def _unidentified_note(rows: int, given: int) -> str:
    return (
        f"collate returned {rows:,} of {given:,} samples without saying which: losses of such batches are "
        "recorded without an index. Let the data set give None for a sample that is to be left out"
    )


def _reader_of(task: Task) -> Reader:
    return Reader(task.data, task.collate, skips=task.on_bad_sample == "skip")


REMEDY = 'repair it, or leave such samples out with Task(on_bad_sample="skip")'

NAMED = 10
"""How many of the samples that are left out are named."""

DEFAULT_PREFETCH_FACTOR = 2
"""As in torch's DataLoader."""
