"""Encodes and decodes messages. Only this file and `record_codec.py` import the generated code.

Decoding checks the lengths and ranges that the protocol requires, so that no other code has to.
"""

from __future__ import annotations

from collections.abc import Mapping

from absgd_worker.errors import ProtocolError
from absgd_worker.gen import (
    command_pb2,
    common_pb2,
    envelope_pb2,
    plan_pb2,
    session_pb2,
)
from absgd_worker.link.wire import messages as m
from absgd_worker.link.wire.frame_size import text_that_fits
from absgd_worker.link.wire.plan_columns import read_column
from absgd_worker.version import PROTOCOL_MAJOR, PROTOCOL_MINOR
from absgd_worker.weights.presets import Rule


def decode_from_controller(frame: bytes) -> m.FromController:
    """Decodes a message of the controller.

    Raises:
        ProtocolError: the frame does not decode, is no message for a worker, or a value is out of its range.
    """
    envelope = envelope_pb2.ToPeer()
    try:
        envelope.ParseFromString(frame)
    except Exception as error:  # Versions of protobuf raise different classes.
        raise ProtocolError(f"a frame of {len(frame)} bytes does not decode: {error}") from None
    kind = envelope.WhichOneof("body")
    if kind == "welcome":
        return _welcome(envelope.welcome)
    if kind == "reject":
        return m.Reject(envelope.reject.code, envelope.reject.hint)
    if kind == "plan":
        return _plan(envelope.plan)
    if kind == "command":
        return _command(envelope.command)
    if kind == "telemetry_ack":
        ack = envelope.telemetry_ack
        return m.TelemetryAck(ack.incarnation, _acked(ack.acked))
    if kind == "released":
        return m.Released()
    raise ProtocolError(f"a worker does not understand {kind or 'a message of a later protocol'}")


def encode_to_controller(message: m.ToController, lease_epoch: int) -> bytes:
    """Encodes one frame of the control socket."""
    envelope = envelope_pb2.ToController()
    if isinstance(message, m.Hello):
        envelope.hello.CopyFrom(write_hello(message))
    elif isinstance(message, m.Progress):
        progress = envelope.progress
        progress.lease_epoch, progress.phase = lease_epoch, message.phase  # type: ignore[assignment]
        progress.position.CopyFrom(write_position(message.position))
        progress.waits, progress.waited_seconds = message.waits, message.waited_seconds
    elif isinstance(message, m.PlanAck):
        ack = envelope.plan_ack
        ack.lease_epoch, ack.plan_seq = lease_epoch, message.plan_seq
        ack.attempt, ack.effective_from = message.attempt, message.effective_from
    elif isinstance(message, m.CommandResult):
        result = envelope.command_result
        result.lease_epoch, result.id, result.ok = lease_epoch, message.id, message.ok
        result.step, result.follows = message.step, message.follows
        result.message = text_that_fits(message.message)
    else:
        envelope.bye.CopyFrom(write_bye(message, lease_epoch))
    return envelope.SerializeToString()


def _welcome(message: session_pb2.Welcome) -> m.Welcome:
    if message.attempt < 1 or message.lease_epoch < 1:
        raise ProtocolError(
            f"Welcome: attempt {message.attempt} and lease {message.lease_epoch} must be from 1"
        )
    if not 0 < message.orphan_limit_seconds < float("inf"):
        raise ProtocolError(
            f"Welcome: the orphan limit must be positive, not {message.orphan_limit_seconds} s"
        )
    return m.Welcome(
        run=message.run,
        attempt=message.attempt,
        lease_epoch=message.lease_epoch,
        params_json=message.params_json,
        acked=_acked(message.acked),
        sample_every=message.samples.every,
        sample_quota_bytes=message.sample_quota_bytes,
        orphan_limit_seconds=message.orphan_limit_seconds,
        keep_checkpoints=message.keep_checkpoints,
        restore_path=message.restore_path,
        restore_sha256=message.restore_sha256,
        run_steps=message.run_steps,
        weighting=_weighting(message.weighting) if message.HasField("weighting") else Rule(),
    )


def _weighting(message: session_pb2.Weighting) -> Rule:
    preset = _PRESETS.get(message.preset)
    if preset is None:
        raise ProtocolError(f"Welcome: this worker knows no preset {message.preset} of the rule of weights")
    if preset != "reference":
        return Rule(preset)
    try:
        return Rule(preset, message.alpha, message.floor)
    except ValueError as error:
        raise ProtocolError(f"Welcome: {error}") from None


def _plan(message: plan_pb2.Plan) -> m.Plan:
    first, count = message.first_step, message.count
    if not 1 <= count <= MAX_ROWS:
        raise ProtocolError(f"Plan {message.plan_seq}: count must be 1 to {MAX_ROWS}, not {count}")
    events = []
    for event in message.events:
        if not first <= event.after_step < first + count:
            raise ProtocolError(
                f"Plan {message.plan_seq}: an event after step {event.after_step} is outside its rows"
            )
        if event.kind in _EVENT_KINDS:
            events.append((event.after_step, m.EventKind(event.kind)))
    return m.Plan(
        lease_epoch=message.lease_epoch,
        plan_seq=message.plan_seq,
        attempt=message.attempt,
        first_step=first,
        count=count,
        columns={column.name: read_column(column.name, column.values, count) for column in message.columns},
        events=events,
        run_steps=message.run_steps,
    )


def _command(message: command_pb2.Command) -> m.Command:
    if not message.id:
        raise ProtocolError("Command: it has no id")
    kind = message.action.WhichOneof("kind")
    action: m.Action
    if kind in _PLAIN_ACTIONS:
        action = _PLAIN_ACTIONS[kind]
    elif kind == "checkpoint":
        action = m.Checkpoint(message.action.checkpoint.automatic)
    elif kind == "step_on":
        action = m.StepOn(message.action.step_on.steps)
    elif kind == "restore":
        restore = message.action.restore
        action = m.Restore(restore.path, restore.sha256, restore.attempt)
    elif kind == "stop":
        action = m.Stop(message.action.stop.checkpoint)
    else:
        raise ProtocolError(f"Command {message.id!r}: a worker does not understand what is to be done")
    return m.Command(message.lease_epoch, message.id, action)


def write_hello(message: m.Hello) -> session_pb2.Hello:
    return session_pb2.Hello(
        protocol_major=PROTOCOL_MAJOR,
        protocol_minor=PROTOCOL_MINOR,
        role=session_pb2.ROLE_WORKER,
        run=message.run,
        peer=message.peer,
        incarnation=message.incarnation,
        pid=message.pid,
        steps_per_epoch=message.steps_per_epoch,
        dataset_size=message.dataset_size,
        num_classes=message.num_classes,
        position=write_position(message.position),
        planned_through=message.planned_through,
        versions=[session_pb2.Version(name=name, version=text) for name, text in message.versions.items()],
        device=message.device,
        initial=write_values(message.initial),
        batch_size=message.batch_size,
        courier_pid=message.courier_pid,
        forgotten=session_pb2.Acked(**message.forgotten._asdict()) if any(message.forgotten) else None,
    )


def write_bye(message: m.Bye, lease_epoch: int) -> session_pb2.Bye:
    return session_pb2.Bye(
        lease_epoch=lease_epoch,
        reason=message.reason,  # type: ignore[arg-type]
        position=write_position(message.position),
        message=text_that_fits(message.message),
        traceback=text_that_fits(message.traceback),
        sent=session_pb2.Acked(steps=message.sent.steps, samples=message.sent.samples),
    )


def write_values(values: Mapping[str, float]) -> list[common_pb2.Value]:
    return [common_pb2.Value(name=name, value=value) for name, value in values.items()]


def write_position(position: m.Position) -> common_pb2.Position:
    return common_pb2.Position(attempt=position.attempt, step=position.step)


def _acked(acked: session_pb2.Acked) -> m.Acked:
    return m.Acked(acked.steps, acked.samples)


MAX_ROWS = 262_144

_PLAIN_ACTIONS: dict[str, m.Action] = {"pause": m.Pause(), "resume": m.Resume(), "evaluate": m.Evaluate()}

_PRESETS: dict[int, str] = {
    session_pb2.WEIGHTING_PRESET_DEFAULT: "default",
    session_pb2.WEIGHTING_PRESET_PAPER: "paper",
    session_pb2.WEIGHTING_PRESET_REFERENCE: "reference",
}

_EVENT_KINDS = {int(kind) for kind in m.EventKind}
