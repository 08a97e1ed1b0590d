"""Turns what training has reported into numbered records in the spool, or in the log of a run without a
controller."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from absgd_worker.console import complain
from absgd_worker.link.courier.sample_info import NewSamples
from absgd_worker.link.courier.samples import NO_SAMPLES, Samples
from absgd_worker.link.courier.step_columns import runs_of, sample_batches, step_batch
from absgd_worker.link.courier.streams import Frames, FromRing
from absgd_worker.link.ring.step_row import StepRow
from absgd_worker.link.wire.covered import WHOLE, Covered
from absgd_worker.link.wire.frame_size import LARGEST, bytes_of, parts_that_fit
from absgd_worker.link.wire.messages import Acked, Bye, CommandResult, PlanAck, Position
from absgd_worker.link.wire.record_codec import encode_record, stream_of
from absgd_worker.link.wire.records import (
    Body,
    CheckpointWritten,
    Gap,
    GapReason,
    Note,
    SampleBatch,
)
from absgd_worker.weights.statistics import Statistics


class Telemetry:
    """The streams "steps" and "samples" of one worker process. Only samples are ever dropped.

    Never blocks on the network. Each frame says which records of the shared memory it covers. A courier that
    takes the place of a killed one goes on behind the last whole frame of each stream, however steps were
    grouped.

    Args:
        files: the storage of steps and of samples: spools, or the files of a log.
        origin: the name of the worker, in every record.
        incarnation: a random number of the process that trains, in every record.
        samples: describes the samples.
        limit: bytes on disk above which samples are dropped; by default `SPOOL_BYTES`.
    """

    def __init__(
        self,
        files: tuple[Frames, Frames],
        *,
        origin: str,
        incarnation: int,
        samples: Samples = NO_SAMPLES,
        limit: int | None = None,
    ) -> None:
        self._described = samples
        self._origin = origin
        self.incarnation = incarnation
        self._limit = SPOOL_BYTES if limit is None else limit
        self._steps, self._samples = files
        self._covered = {"steps": self._steps.covered, "samples": self._samples.covered}
        self._next = {"steps": 1, "samples": 1}
        self._offered = "steps"
        self._quota: int | None = None
        self._gap: GapReason | None = None
        self._new_samples = NewSamples()
        self._lost: set[tuple[str, int]] = set()
        self.lease_epoch = 0
        self.position = Position(0, 0)
        """After the last step that was recorded."""
        self.mean_loss: float | None = None
        """Of the last step with one."""
        self.checkpoint = 0
        """The number of the last record of a checkpoint that is synced to disk."""

    @property
    def sent(self) -> Acked:
        """The last sequence number of each stream."""
        return Acked(self._steps.last, self._samples.last)

    @property
    def forgotten(self) -> Acked:
        """The last sequence numbers that cannot be sent any more, because a controller acknowledged them."""
        return Acked(self._steps.forgotten, self._samples.forgotten)

    def take(self, items: Sequence[FromRing]) -> list[CommandResult | PlanAck | Bye]:
        """Records what training has reported, in its order. Returns the messages for the controller."""
        messages: list[CommandResult | PlanAck | Bye] = []
        rows: list[StepRow] = []
        for item in items:
            if isinstance(item, StepRow):
                rows.append(item)
                continue
            self._append_steps(rows)
            rows = []
            messages += self._take_item(*item)
        self._append_steps(rows)
        return messages

    def _take_item(
        self, number: int, item: Body | CommandResult | PlanAck
    ) -> list[CommandResult | PlanAck | Bye]:
        if isinstance(item, PlanAck):
            return [item]
        if isinstance(item, CommandResult):
            return [replace(item, follows=self._steps.last)]
        if isinstance(item, Bye):
            # Its own record, which is appended here, is the last of its stream.
            is_new = self._covered["steps"].number < number
            bye = replace(item, sent=Acked(self._steps.last + is_new, self._samples.last))
            self._append(bye, number)
            return [bye]
        self._append(item, number)
        if isinstance(item, CheckpointWritten) and self._steps.sync():
            self.checkpoint = number
        return []

    def take_farewell(self, bye: Bye, number: int) -> list[CommandResult | PlanAck | Bye]:
        """Records the last word for a training process that has said none, once.

        `number`: the first one that no record in the shared memory has.
        """
        return [] if bye.position.attempt == 0 else self._take_item(number, bye)

    def sync(self) -> None:
        """Syncs everything to disk."""
        self._steps.sync()
        self._samples.sync()

    def describe_samples(self) -> None:
        """Records the labels and names of the training samples."""
        for info in self._described.infos(INFO_SAMPLES):
            self._append(info)

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

    def _append_steps(self, rows: Sequence[StepRow]) -> None:
        steps, samples = self._covered["steps"].number, self._covered["samples"].number
        for run in runs_of([row for row in rows if row.number > steps]):
            last = run[-1]
            self.position = Position(last.attempt, last.step + 1)
            if last.statistics is not None:
                self.mean_loss = last.statistics[MEAN_LOSS]
            described = self._described
            batch = step_batch(run, labels_N=described.labels, num_classes=described.num_classes)
            self._append(batch, last.number)
        for run in runs_of([row for row in rows if row.number > samples]):
            for info in self._new_samples.describe(run):
                self._append(info)
            for number, batch in sample_batches(run):
                self._append_samples(batch, number)

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
                self._append(Note(text, self.position))
        body = SampleBatch(self.position.attempt, ()) if stream == "samples" else Note(_LOST, self.position)
        return self._encode(body, seq, Covered())

    def _append_samples(self, batch: SampleBatch, number: int) -> None:
        if self._gap is GapReason.QUOTA:
            return
        full = (
            self._steps.size + self._samples.size > self._limit
            or self._steps.is_refused
            or self._samples.is_refused
        )
        large = bytes_of(batch) > LARGEST
        covered = Covered(number)
        payload = b"" if full or large else self._encode(batch, self._samples.last + 1, covered)
        over = self._quota is not None and len(payload) > self._quota
        reason = GapReason.SIZE if large else GapReason.SPOOL if full else GapReason.QUOTA if over else None
        if reason is not None:
            if self._gap is not reason:
                self._append(Gap(batch.attempt, batch.steps[0].step, reason))
            self._gap = reason
            return
        self._gap = None
        self._samples.append(payload)
        self._covered["samples"] = covered
        if self._quota is not None:
            self._quota -= len(payload)

    def _append(self, body: Body, number: int = 0) -> None:
        """Appends a record, in parts if it is large; `number` is that of its record in the shared memory, if
        any.

        Parts that a courier before this one has appended are left out.
        """
        for part, covered in _numbered_parts(body, number):
            stream = stream_of(part)
            if number and covered <= self._covered[stream]:
                continue
            spool = self._samples if stream == "samples" else self._steps
            self._covered[stream] = max(self._covered[stream], covered)
            spool.append(self._encode(part, spool.last + 1, self._covered[stream]))

    def _encode(self, body: Body, seq: int, covered: Covered) -> bytes:
        return encode_record(
            body,
            origin=self._origin,
            incarnation=self.incarnation,
            seq=seq,
            time_ms=time.time_ns() // 1_000_000,
            lease_epoch=self.lease_epoch,
            covered=covered,
        )


def _numbered_parts(body: Body, number: int) -> Iterator[tuple[Body, Covered]]:
    """The parts of a record; the last one covers all of it."""
    parts = list(parts_that_fit(body))
    for index, part in enumerate(parts, 1):
        yield part, Covered(number, WHOLE if index == len(parts) else index)


SPOOL_BYTES = 1 << 30
"""Size of the telemetry that waits on disk for a controller above which samples are dropped."""

_LOST = "a record of this worker is lost: its spool could not be read"

MEAN_LOSS = Statistics._fields.index("mean_loss")

INFO_SAMPLES = 1 << 16
"""Samples in one record of `SampleInfo`."""
