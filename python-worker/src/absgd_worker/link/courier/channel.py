"""The sockets of a worker, in its courier. Only this file imports zmq.

The courier spools and sends what training has reported, tells its progress once a second, and passes the
controller's messages on to training.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import replace

import zmq

from absgd_worker.console import complain
from absgd_worker.errors import ProtocolError
from absgd_worker.link.courier.down_queue import DownQueue
from absgd_worker.link.courier.progress_line import ProgressLine
from absgd_worker.link.courier.telemetry import Telemetry
from absgd_worker.link.ring.layout import Word, unpack_position
from absgd_worker.link.wire.codec import decode_from_controller, encode_to_controller
from absgd_worker.link.wire.messages import (
    Abort,
    Bye,
    CommandResult,
    FromController,
    Hello,
    Phase,
    PlanAck,
    Position,
    Progress,
    Reject,
    RejectCode,
    Released,
    TelemetryAck,
    ToController,
    Welcome,
)


class Channel:
    """The connection with the controller. Sends Hello at the start, and again when the lease is lost.

    Args:
        endpoints: of the control socket and of the telemetry socket, `ipc://…`.
        hello: without the current position and plan, which are in `words`.
        words: of the memory that is shared with training.
        down: the way to training.
    """

    def __init__(
        self,
        endpoints: tuple[str, str],
        telemetry: Telemetry,
        hello: Hello,
        words: memoryview,
        down: DownQueue,
    ) -> None:
        self._telemetry = telemetry
        self._hello = hello
        self._words = words
        self._down = down
        self._progress_line = ProgressLine(words, telemetry)
        self._lease: int | None = None
        self._hello_due = 0.0
        self._progress_due = 0.0
        self._last_progress: Progress | None = None
        self._outbox: deque[ToController] = deque()
        self._acked_plan = 0
        self._describes_samples = False
        self._bye: Bye | None = None
        self.is_released = False
        """Whether the controller has everything, the Bye included."""
        self._context = zmq.Context()
        self._control = self._connect(zmq.DEALER, endpoints[0])
        self._push = self._connect(zmq.PUSH, endpoints[1])

    @property
    def has_lease(self) -> bool:
        return self._lease is not None

    def wait(self, milliseconds: int) -> bool:
        """Waits for a message, or for room to send. Returns whether there is something to do."""
        poller = zmq.Poller()
        poller.register(self._control, zmq.POLLIN)
        if self._lease is not None and self._telemetry.has_unsent:
            poller.register(self._push, zmq.POLLOUT)
        return bool(poller.poll(milliseconds))

    def receive(self) -> None:
        """Takes all messages that have come."""
        while True:
            try:
                frame = self._control.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._words[Word.HEARD] = time.monotonic_ns()
            try:
                self._on_message(decode_from_controller(frame))
            except ProtocolError as error:
                complain(f"absgd worker: a message of the controller was dropped: {error}")

    def describe_samples(self) -> None:
        """Records what the samples are, once training has accepted the first Welcome; before anything it
        reports."""
        if self._describes_samples and self._words[Word.ADMITTED]:
            self._describes_samples = False
            self._telemetry.describe_samples()

    def post(self, messages: list[CommandResult | PlanAck | Bye]) -> None:
        """Queues what training has to say to the controller."""
        for message in messages:
            if isinstance(message, PlanAck):
                # A large plan reaches training in pieces, the first of which says where it takes effect.
                if message.plan_seq == self._acked_plan:
                    continue
                self._acked_plan = message.plan_seq
            elif isinstance(message, Bye):
                self._bye = message
            self._outbox.append(message)

    def send(self) -> None:
        """Sends what the sockets accept."""
        now = time.monotonic()
        if self._lease is None:
            self._send_hello(now)
        else:
            self._send_progress(now)
            self._send_queued()
        self._progress_line.update(now)

    def close(self) -> None:
        """Closes the sockets; what they have accepted is sent within a second."""
        self._control.close()
        self._push.close()
        self._context.term()

    def _connect(self, kind: int, endpoint: str) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        # Queue messages only for a controller that is connected: the others stay in the outbox and the spool.
        socket.set(zmq.IMMEDIATE, 1)
        socket.set(zmq.SNDHWM, 64)
        socket.set(zmq.LINGER, 1000)
        socket.set(zmq.RECONNECT_IVL, 100)
        socket.set(zmq.RECONNECT_IVL_MAX, 1000)
        socket.set(zmq.MAXMSGSIZE, 64 << 20)
        socket.connect(endpoint)
        return socket

    def _on_message(self, message: FromController) -> None:
        if isinstance(message, Welcome):
            self._on_welcome(message)
        elif isinstance(message, Reject):
            self._on_reject(message)
        elif isinstance(message, TelemetryAck):
            if message.incarnation == self._telemetry.incarnation:
                self._telemetry.acknowledge(message.acked)
        elif isinstance(message, Released):
            self.is_released = True
            self._down.send(message)
        elif message.lease_epoch == self._lease:
            self._down.send(message)

    def _on_welcome(self, welcome: Welcome) -> None:
        if self._lease is not None and welcome.lease_epoch <= self._lease:
            return
        self._describes_samples = welcome.attempt == 1 and not self._telemetry.sent.samples
        self._lease = welcome.lease_epoch
        # Messages of the former lease are void: the controller repeats the commands without a result.
        self._outbox.clear()
        self._acked_plan = 0
        self._telemetry.welcome(welcome.acked, welcome.lease_epoch, welcome.sample_quota_bytes)
        self._down.send(welcome)
        self._last_progress = None
        if self._bye is not None:
            self._outbox.append(self._bye)

    def _on_reject(self, reject: Reject) -> None:
        if reject.code == RejectCode.NO_LEASE and not self.is_released:
            self._lease = None
            self._send_hello(time.monotonic())
            return
        if reject.code != RejectCode.NO_LEASE:
            self._down.send(Abort(f"the controller refuses this worker: {reject.hint}"))

    def _send_hello(self, now: float) -> None:
        if now < self._hello_due:
            return
        words = self._words
        hello = replace(
            self._hello,
            position=Position(*unpack_position(words[Word.POSITION])),
            planned_through=max(words[Word.PLANNED_THROUGH], unpack_position(words[Word.POSITION])[1]),
            forgotten=self._telemetry.forgotten,
            courier_pid=words[Word.COURIER_PID],
        )
        if self._try_to_send(hello):
            self._hello_due = now + HELLO_SECONDS

    def _send_progress(self, now: float) -> None:
        words = self._words
        progress = Progress(
            Position(*unpack_position(words[Word.POSITION])),
            Phase(words[Word.PHASE]),
            words[Word.WAITS],
            words[Word.WAITED] / 1e9,
        )
        if (
            now < self._progress_due
            and self._last_progress is not None
            and progress.phase == self._last_progress.phase
        ):
            return
        self._progress_due = now + PROGRESS_SECONDS
        self._last_progress = progress
        self._try_to_send(progress)

    def _send_queued(self) -> None:
        while self._outbox and self._try_to_send(self._outbox[0]):
            self._outbox.popleft()
        # A long backlog is sent in parts, so that messages of the control socket are not delayed.
        for _ in range(FRAMES_PER_TURN):
            frame = self._telemetry.next_frame()
            if frame is None:
                return
            try:
                self._push.send(frame, zmq.NOBLOCK)
            except zmq.Again:
                return
            self._telemetry.advance()

    def _try_to_send(self, message: ToController) -> bool:
        try:
            self._control.send(encode_to_controller(message, self._lease or 0), zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True


FRAMES_PER_TURN = 256
"""Frames of telemetry that are sent before the control socket is read again."""

HELLO_SECONDS = 2.0
PROGRESS_SECONDS = 1.0
