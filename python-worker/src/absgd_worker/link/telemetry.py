"""Turns the reports of the training thread into numbered records in the spool, on the background thread."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from absgd_worker.console import complain
from absgd_worker.link.sample_info import NewSamples
from absgd_worker.link.spool import Spool
from absgd_worker.link.step_reports import StepEntry, runs_of, sample_batches, step_batch, tensor_bytes
from absgd_worker.link.thread_exchange import FromTraining
from absgd_worker.link.wire.codec import encode_record, stream_of
from absgd_worker.link.wire.frame_size import LARGEST, bytes_of, parts_that_fit
from absgd_worker.link.wire.messages import Acked, Bye, CommandResult, Position
from absgd_worker.link.wire.records import (
    Body,
    CheckpointWritten,
    Gap,
    GapReason,
    Note,
    SampleBatch,
    SampleInfo,
)


class Described(Protocol):
    """The description of the training samples; a `Task` is one."""

    @property
    def size(self) -> int: ...
    @property
    def labels(self) -> object: ...
    @property
    def true_labels(self) -> object: ...
    @property
    def ids(self) -> Sequence[str] | None: ...
    @property
    def num_classes(self) -> int | None: ...


class Frames(Protocol):
    """The storage of a stream of frames: a spool, or a log file."""

    last: int
    acked: int

    @property
    def size(self) -> int: ...
    @property
    def is_refused(self) -> bool: ...
    @property
    def forgotten(self) -> int: ...
    def append(self, payload: bytes) -> int: ...
    def take_back(self, _seq: int, /) -> None: ...
    def read(self, _seq: int, /) -> bytes | None: ...
    def acknowledge(self, _seq: int, /) -> None: ...
    def sync(self) -> bool:
        """Syncs every frame to disk. Returns False if the disk refuses that."""
        ...

    def close(self) -> None: ...


class Telemetry:
    """The streams "steps" and "samples" of one worker process. Only samples are ever dropped.

    Never blocks on the network.

    Args:
        task: describes the samples.
        origin: the name of the worker, in every record.
        incarnation: a random number of this process, in every record.
        directory: of the spool.
        limit: bytes on disk above which samples are dropped; by default `SPOOL_BYTES`.
        files: the storage of steps and of samples, in place of a spool.
    """

    def __init__(
        self,
        task: Described,
        *,
        origin: str,
        incarnation: int,
        directory: Path,
        limit: int | None = None,
        files: tuple[Frames, Frames] | None = None,
    ) -> None:
        self._task = task
        self._origin = origin
        self.incarnation = incarnation
        self._limit = SPOOL_BYTES if limit is None else limit
        steps, samples = files or (
            Spool(directory, incarnation, "steps"),
            Spool(directory, incarnation, "samples"),
        )
        self._steps: Frames = steps
        self._samples: Frames = samples
        self._next = {"steps": 1, "samples": 1}
        self._offered = "steps"
        self._quota: int | None = None
        self._gap: GapReason | None = None
        self._new_samples = NewSamples()
        self._lost: set[tuple[str, int]] = set()
        self.lease_epoch = 0
        self.last_entry: StepEntry | None = None
        self.checkpoint_recorded = False
        """Whether the record of the last checkpoint is synced to disk."""

    @property
    def sent(self) -> Acked:
        """The last sequence number of each stream."""
        return Acked(self._steps.last, self._samples.last)

    @property
    def forgotten(self) -> Acked:
        """The last sequence numbers that cannot be sent any more, because a controller acknowledged them."""
        return Acked(self._steps.forgotten, self._samples.forgotten)

    def take(self, items: Sequence[FromTraining]) -> list[CommandResult | Bye]:
        """Records the reports of training, in their order. Returns the messages for the controller."""
        messages: list[CommandResult | Bye] = []
        entries: list[StepEntry] = []
        for item in items:
            if isinstance(item, StepEntry):
                entries.append(item)
                continue
            self._append_steps(entries)
            entries = []
            if isinstance(item, CommandResult):
                messages.append(replace(item, follows=self._steps.last))
            elif isinstance(item, Bye):
                # Its own record, which is appended here, is the last of its stream.
                bye = replace(item, sent=Acked(self._steps.last + 1, self._samples.last))
                self._append(bye)
                messages.append(bye)
            else:
                self._append(item)
                if isinstance(item, CheckpointWritten):
                    self.checkpoint_recorded = self._steps.sync()
        self._append_steps(entries)
        return messages

    def describe_samples(self) -> None:
        """Records the labels and names of the task's samples."""
        task = self._task
        if task.labels is None and task.true_labels is None and task.ids is None:
            return
        for first in range(0, task.size, INFO_SAMPLES):
            part = slice(first, min(first + INFO_SAMPLES, task.size))
            self._append(
                SampleInfo(
                    first_index=first,
                    count=part.stop - first,
                    labels=_labels(task.labels, part),
                    true_labels=_labels(task.true_labels, part),
                    ids=() if task.ids is None else task.ids[part],
                )
            )

    def welcome(self, acked: Acked, lease_epoch: int, quota: int) -> None:
        """Starts a lease: frames beyond `acked` are sent again. `quota`: bytes of samples to record."""
        self.acknowledge(acked)
        # It may be less than before, if the log of an earlier controller lost its end.
        self._steps.take_back(acked.steps)
        self._samples.take_back(acked.samples)
        self._next = {"steps": self._steps.acked + 1, "samples": self._samples.acked + 1}
        self.lease_epoch = lease_epoch
        self._quota = quota - self._samples.size
        if self._gap is GapReason.QUOTA and self._quota > 0:
            self._gap = None

    def acknowledge(self, acked: Acked) -> None:
        """Deletes the frames that the controller's log has."""
        self._steps.acknowledge(acked.steps)
        self._samples.acknowledge(acked.samples)

    def next_frame(self) -> bytes | None:
        """The frame to send next, steps first; the same frame until `advance` is called."""
        for stream, spool in (("steps", self._steps), ("samples", self._samples)):
            if self._next[stream] <= spool.last:
                self._offered = stream
                seq = self._next[stream]
                return spool.read(seq) or self._placeholder(stream, seq)
        return None

    def advance(self) -> None:
        """Call this after the frame of `next_frame` was sent."""
        self._next[self._offered] += 1

    @property
    def has_unsent(self) -> bool:
        return self._next["steps"] <= self._steps.last or self._next["samples"] <= self._samples.last

    def close(self) -> None:
        """Closes the spool; frames that are not acknowledged stay on disk. May be called twice."""
        self._steps.close()
        self._samples.close()

    def _append_steps(self, entries: Sequence[StepEntry]) -> None:
        for run in runs_of(entries):
            self.last_entry = run[-1]
            self._append(
                step_batch(
                    run, labels_N=_as_tensor(self._task.labels), num_classes=self._task.num_classes or 0
                )
            )
            for info in self._new_samples.describe(run):
                self._append(info)
            for batch in sample_batches(run):
                self._append_samples(batch)

    def _placeholder(self, stream: str, seq: int) -> bytes:
        """An empty record in place of the record `seq`, which cannot be read from disk.

        The controller accepts records only without gaps: it would ask for the lost one for ever, and accept
        none of those after it.
        """
        if (stream, seq) not in self._lost:
            self._lost.add((stream, seq))
            text = f"record {seq} of the {stream} of this worker is lost: its spool could not be read"
            complain(f"absgd worker: {text}")
            if stream == "samples":
                self._append(Note(text, self._position))
        body = SampleBatch(self._position.attempt, ()) if stream == "samples" else Note(_LOST, self._position)
        return self._encode(body, seq)

    @property
    def _position(self) -> Position:
        last = self.last_entry
        return Position(0, 0) if last is None else Position(last.attempt, last.step + 1)

    def _append_samples(self, batch: SampleBatch) -> None:
        if self._gap is GapReason.QUOTA:
            return
        full = (
            self._steps.size + self._samples.size > self._limit
            or self._steps.is_refused
            or self._samples.is_refused
        )
        large = bytes_of(batch) > LARGEST
        payload = b"" if full or large else self._encode(batch, self._samples.last + 1)
        over = self._quota is not None and len(payload) > self._quota
        reason = GapReason.SIZE if large else GapReason.SPOOL if full else GapReason.QUOTA if over else None
        if reason is not None:
            if self._gap is not reason:
                self._append(Gap(batch.attempt, batch.steps[0].step, reason))
            self._gap = reason
            return
        self._gap = None
        self._samples.append(payload)
        if self._quota is not None:
            self._quota -= len(payload)

    def _append(self, body: Body) -> None:
        for part in parts_that_fit(body):
            spool = self._samples if stream_of(part) == "samples" else self._steps
            spool.append(self._encode(part, spool.last + 1))

    def _encode(self, body: Body, seq: int) -> bytes:
        return encode_record(
            body,
            origin=self._origin,
            incarnation=self.incarnation,
            seq=seq,
            time_ms=time.time_ns() // 1_000_000,
            lease_epoch=self.lease_epoch,
        )


def _labels(labels: object, part: slice) -> bytes:
    return tensor_bytes(labels[part].to(torch.int32)) if isinstance(labels, Tensor) else b""


def _as_tensor(labels: object) -> Tensor | None:
    return labels if isinstance(labels, Tensor) else None


SPOOL_BYTES = 1 << 30
"""Size of the telemetry that waits on disk for a controller above which samples are dropped."""

_LOST = "a record of this worker is lost: its spool could not be read"

INFO_SAMPLES = 1 << 16
"""Samples in one record of `SampleInfo`."""
