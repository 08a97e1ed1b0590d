"""Encodes and reads records: what a frame of telemetry, of the spool and of the log holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from absgd_worker.gen import record_pb2, report_pb2, stream_pb2
from absgd_worker.link.wire import messages as m
from absgd_worker.link.wire import records as r
from absgd_worker.link.wire.codec import write_bye, write_hello, write_position, write_values
from absgd_worker.link.wire.covered import NOTHING_COVERED, Covered
from absgd_worker.link.wire.frame_size import text_that_fits


def encode_record(
    body: r.Body,
    *,
    origin: str,
    incarnation: int,
    seq: int,
    time_ms: int,
    lease_epoch: int = 0,
    covered: Covered = NOTHING_COVERED,
) -> bytes:
    """Encodes one frame of telemetry, of the spool and of the log. Only a Bye contains the lease."""
    record = record_pb2.Record(origin=origin, incarnation=incarnation, seq=seq, time_ms=time_ms)
    if covered.number:
        record.covered.number, record.covered.parts = covered.number, covered.parts
    part = getattr(record, r.FIELDS[type(body)])
    if isinstance(body, r.StepBatch):
        _fill_step_batch(part, body)
    elif isinstance(body, r.SampleBatch):
        _fill_sample_batch(part, body)
    elif isinstance(body, r.Evaluation):
        _fill_evaluation(part, body)
    elif isinstance(body, (r.CheckpointWritten, r.Note)):
        known = {**vars(body), "position": write_position(body.position)}
        if isinstance(body, r.Note):
            known["text"] = text_that_fits(body.text)
        part.MergeFrom(type(part)(**known))
    elif isinstance(body, r.Joined):
        part.MergeFrom(record_pb2.WorkerJoined(hello=write_hello(body.hello), attempt=body.attempt))
    elif isinstance(body, r.SampleInfo):
        fields: dict[str, Any] = {**vars(body), "ids": [text_that_fits(one) for one in body.ids]}
        part.MergeFrom(report_pb2.SampleInfo(**fields))
    elif isinstance(body, (r.EditRequested, r.EditMade, r.EditSettled)):
        _fill_edit(part, body)
    elif isinstance(body, m.Bye):
        part.CopyFrom(write_bye(body, lease_epoch))
    else:
        part.MergeFrom(type(part)(**vars(body)))
    return record.SerializeToString()


def _fill_edit(part: Any, body: r.EditRequested | r.EditMade | r.EditSettled) -> None:
    if isinstance(body, r.EditSettled):
        result = part.result
        result.id, result.ok, result.step, result.message = body.id, True, body.step, body.message
        return
    change = body.change
    if isinstance(body, r.EditRequested):
        request = part.request
        request.id, request.by, request.why = body.id, body.by, text_that_fits(body.why)
        edit = request.action.set.edits.add(control=change.control, at_step=change.at.step)
        part.position.CopyFrom(write_position(body.position))
    else:
        edit = part
        part.request, part.by, part.control = body.id, body.by, change.control
        part.before, part.after = body.before, body.after
        part.position.CopyFrom(write_position(change.at))
    if change.schedule:
        edit.schedule = change.schedule
    else:
        edit.factor = change.factor


def stream_of(body: r.Body) -> str:
    """The stream of its record, "steps" or "samples": an option of the field of Record in record.proto."""
    return _STREAMS[r.FIELDS[type(body)]]


def covered_of(payload: bytes, incarnation: int) -> Covered | None:
    """What a frame covers; None if another process has written it, or it does not decode."""
    record = record_pb2.Record()
    try:
        record.ParseFromString(payload)
    except Exception:  # Versions of protobuf raise different classes.
        return None
    if record.incarnation != incarnation:
        return None
    return Covered(record.covered.number, record.covered.parts)


def attempt_begun(payload: bytes) -> int:
    """The attempt that begins with this record; 0 if none does, or the record does not decode."""
    record = record_pb2.Record()
    try:
        record.ParseFromString(payload)
    except Exception:  # Versions of protobuf raise different classes.
        return 0
    return max(record.worker_joined.attempt, record.rewind.attempt)


class Mark(NamedTuple):
    """What readers of the samples need of a record of steps."""

    dataset_size: int = 0
    """Of a worker that joined; 0 if unknown."""
    rewind: tuple[int, int] | None = None
    """The attempt that begins, and the step that it begins with."""


def read_mark(payload: bytes) -> Mark:
    """Reads a record of the stream of steps; an empty mark if it does not decode."""
    record = record_pb2.Record()
    try:
        record.ParseFromString(payload)
    except Exception:  # Versions of protobuf raise different classes.
        return Mark()
    rewind = (record.rewind.attempt, record.rewind.to_step) if record.HasField("rewind") else None
    return Mark(record.worker_joined.hello.dataset_size, rewind)


class SamplesRead(NamedTuple):
    """The samples of a step in a log, as little-endian bytes."""

    attempt: int
    step: int
    weighing: str
    """Empty for "loss"."""
    weights: bytes
    indices: bytes


def read_step_samples(payload: bytes) -> Iterator[SamplesRead]:
    """The samples of the steps in a record; none if it has none or does not decode."""
    record = record_pb2.Record()
    try:
        record.ParseFromString(payload)
    except Exception:  # Versions of protobuf raise different classes.
        return
    for step in record.sample_batch.steps:
        yield SamplesRead(record.sample_batch.attempt, step.step, step.weighing, step.weights, step.indices)


def _fill_step_batch(batch: report_pb2.StepBatch, body: r.StepBatch) -> None:
    batch.attempt, batch.first_step, batch.count = body.attempt, body.first_step, body.count
    batch.controls.extend(_columns(body.controls))
    for weighing in body.weighings:
        batch.weighings.add(name=weighing.name, **weighing.columns)
    batch.metrics.extend(_columns(body.metrics))
    batch.step_seconds = body.step_seconds
    batch.waits = body.waits
    batch.without_main = body.without_main


def _fill_sample_batch(batch: report_pb2.SampleBatch, body: r.SampleBatch) -> None:
    batch.attempt = body.attempt
    for step in body.steps:
        batch.steps.add(**vars(step))


def _fill_evaluation(evaluation: report_pb2.Evaluation, body: r.Evaluation) -> None:
    evaluation.attempt, evaluation.step, evaluation.split = body.attempt, body.step, body.split
    evaluation.metrics.extend(write_values(body.metrics))
    evaluation.num_classes, evaluation.confusion = body.num_classes, body.confusion
    evaluation.seconds = body.seconds


def _columns(columns: Mapping[str, bytes]) -> list[report_pb2.StepColumn]:
    return [report_pb2.StepColumn(name=name, values=values) for name, values in columns.items()]


_STREAM: Any = stream_pb2.stream
_STREAMS = {
    field.name: {1: "steps", 2: "samples"}[field.GetOptions().Extensions[_STREAM]]
    for field in record_pb2.Record.DESCRIPTOR.oneofs_by_name["body"].fields
}
