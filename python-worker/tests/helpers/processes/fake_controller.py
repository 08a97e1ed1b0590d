"""A controller small enough to be read at a glance: real sockets, no decisions of its own."""

from __future__ import annotations

import tempfile
import time
from array import array
from pathlib import Path
from typing import Any

import zmq

from absgd_worker.gen import command_pb2, envelope_pb2, plan_pb2, record_pb2, session_pb2

PATIENCE = 60.0


class FakeController:
    """Binds the two sockets, keeps what comes in, and sends what a test tells it to.

    `acknowledge` answers every Progress with all telemetry taken so far, as with a fast disk.
    """

    def __init__(self, sockets: Path, *, welcome: dict | None = None, acknowledge: bool = True) -> None:
        self.sockets = sockets
        self.welcome = welcome or {}
        self.acknowledge = acknowledge
        self.messages: list = []
        self.records: list[record_pb2.Record] = []
        self.lease = 0
        self.plan_seq = 0
        self.incarnation = 0
        self.acked = {"steps": 0, "samples": 0}
        self._peer = b""
        self._context = zmq.Context()
        self._control = self._context.socket(zmq.ROUTER)
        self._control.bind(endpoints(sockets)[0])
        self._telemetry = self._context.socket(zmq.PULL)
        self._telemetry.bind(endpoints(sockets)[1])

    def close(self) -> None:
        self._control.close(linger=0)
        self._telemetry.close(linger=0)
        self._context.term()

    def poll(self, timeout: float = 0.05) -> None:
        """Takes in what has come, at once or within `timeout` seconds."""
        poller = zmq.Poller()
        poller.register(self._control, zmq.POLLIN)
        poller.register(self._telemetry, zmq.POLLIN)
        for socket, _ in poller.poll(int(timeout * 1000)):
            if socket is self._telemetry:
                self._take(record_pb2.Record.FromString(socket.recv()))
            else:
                self._peer, frame = socket.recv_multipart()
                envelope = envelope_pb2.ToController.FromString(frame)
                self._on_message(getattr(envelope, envelope.WhichOneof("body")))

    def until(self, condition, what: str):
        """Polls until `condition()` holds, and returns its value."""
        deadline = time.monotonic() + PATIENCE
        while not (value := condition()):
            assert time.monotonic() < deadline, f"waited {PATIENCE:g} s for {what}"
            self.poll()
        return value

    def send(self, **body) -> None:
        self._control.send_multipart([self._peer, envelope_pb2.ToPeer(**body).SerializeToString()])

    def plan(self, first: int, count: int, *, run_steps=0, attempt=1, events=(), **columns) -> int:
        """Sends rows; `lambda_` stands for lambda. Events are (step, "evaluate" | "checkpoint")."""
        self.plan_seq += 1
        kinds = {
            "evaluate": plan_pb2.PlanEvent.KIND_EVALUATE,
            "checkpoint": plan_pb2.PlanEvent.KIND_CHECKPOINT,
        }
        plan = plan_pb2.Plan(
            lease_epoch=self.lease,
            plan_seq=self.plan_seq,
            attempt=attempt,
            first_step=first,
            count=count,
            run_steps=run_steps,
            events=[plan_pb2.PlanEvent(after_step=step, kind=kinds[kind]) for step, kind in events],
            columns=[
                plan_pb2.PlanColumn(
                    name=name.rstrip("_"),
                    values=array("d", [value] if isinstance(value, (int, float)) else value).tobytes(),
                )
                for name, value in columns.items()
            ],
        )
        self.send(plan=plan)
        return self.plan_seq

    def command(self, id: str, **action) -> None:
        """`pause={}`, `step_on={"steps": 3}`, `stop={"checkpoint": True}`."""
        self.send(
            command=command_pb2.Command(lease_epoch=self.lease, id=id, action=command_pb2.Action(**action))
        )

    def ask(self, id: str, **action):
        """A command, and its answer."""
        self.command(id, **action)
        return self.until(lambda: self.answer(id), f"the answer to {id}")

    def answer(self, id: str):
        return next((result for result in self.of(command_pb2.CommandResult) if result.id == id), None)

    def of(self, kind) -> list:
        return [message for message in self.messages if isinstance(message, kind)]

    def bodies(self, name: str) -> list:
        return [getattr(record, name) for record in self.records if record.WhichOneof("body") == name]

    def steps(self) -> list[tuple[int, int]]:
        """(attempt, step) of every step reported."""
        return [
            (batch.attempt, batch.first_step + index)
            for batch in self.bodies("step_batch")
            for index in range(batch.count)
        ]

    def last_progress(self) -> Any:
        progress = self.of(session_pb2.Progress)
        return progress[-1] if progress else None

    def await_phase(self, name: str):
        phase = session_pb2.Phase.Value(f"PHASE_{name}")
        self.until(lambda: getattr(self.last_progress(), "phase", None) == phase, f"phase {name}")
        return self.last_progress()

    def await_welcomed(self):
        self.until(lambda: self.lease, "Hello")
        return self.of(session_pb2.Hello)[-1]

    def release(self):
        """Waits for Bye and for what it announces, acknowledges all, and lets the worker go."""
        bye = self.until(lambda: self.of(session_pb2.Bye), "Bye")[-1]
        self.until(lambda: self.acked == {"steps": bye.sent.steps, "samples": bye.sent.samples}, "telemetry")
        self.acknowledge_now()
        self.send(released=envelope_pb2.Released())
        return bye

    def acknowledge_now(self) -> None:
        self.send(
            telemetry_ack=envelope_pb2.TelemetryAck(
                incarnation=self.incarnation, acked=session_pb2.Acked(**self.acked)
            )
        )

    def _on_message(self, message) -> None:
        self.messages.append(message)
        if isinstance(message, session_pb2.Hello):
            self._admit(message)
        elif message.lease_epoch != self.lease:
            self.send(reject=session_pb2.Reject(code=session_pb2.REJECT_CODE_NO_LEASE, hint="say Hello"))
        elif isinstance(message, session_pb2.Progress) and self.acknowledge:
            self.acknowledge_now()

    def _admit(self, hello: session_pb2.Hello) -> None:
        self.incarnation = hello.incarnation
        self.lease += 1
        settings: dict[str, Any] = {
            "run": hello.run,
            "attempt": hello.position.attempt or 1,
            "lease_epoch": self.lease,
            "params_json": "{}",
            "acked": session_pb2.Acked(**self.acked),
            "samples": session_pb2.SampleRecording(every=1),
            "sample_quota_bytes": 1 << 40,
            "orphan_limit_seconds": 600.0,
            **self.welcome,
        }
        self.send(welcome=session_pb2.Welcome(**settings))

    def _take(self, record: record_pb2.Record) -> None:
        stream = stream_of(record)
        # Another sequence than the next is a duplicate, or is sent again after a gap.
        if record.incarnation == self.incarnation and record.seq == self.acked[stream] + 1:
            self.acked[stream] = record.seq
            self.records.append(record)


def endpoints(sockets: Path) -> tuple[str, str]:
    return f"ipc://{sockets}/control", f"ipc://{sockets}/telemetry"


def stream_of(record: record_pb2.Record) -> str:
    return "samples" if (record.WhichOneof("body") or "").startswith("sample_") else "steps"


def short_directory() -> tempfile.TemporaryDirectory:
    """A place for sockets, whose paths must stay below 108 bytes."""
    return tempfile.TemporaryDirectory(prefix="absgd-")
