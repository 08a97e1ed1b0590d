"""The worker's sockets, and the background thread that owns them. Only this file imports zmq.

The thread spools and sends what the training thread appended to `ThreadExchange.outgoing`, reports progress
once a second, and delivers the controller's messages to the training thread. It never blocks training.
"""

from __future__ import annotations

import contextlib
import os
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from threading import Thread

import zmq

from absgd_worker.console import complain
from absgd_worker.errors import ProtocolError
from absgd_worker.link.progress_line import ProgressLine
from absgd_worker.link.telemetry import Telemetry
from absgd_worker.link.thread_exchange import Abort, ThreadExchange
from absgd_worker.link.wire.codec import decode_from_controller, encode_to_controller
from absgd_worker.link.wire.messages import (
    Bye,
    Command,
    CommandResult,
    FromController,
    Hello,
    Plan,
    PlanAck,
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
        introduce: returns the Hello with the current position.
        object_to: returns why this worker cannot accept a Welcome; None if it can.
    """

    def __init__(
        self,
        endpoints: tuple[str, str],
        exchange: ThreadExchange,
        telemetry: Telemetry,
        *,
        introduce: Callable[[], Hello],
        object_to: Callable[[Welcome], str | None],
    ) -> None:
        self._exchange = exchange
        self._telemetry = telemetry
        self._introduce = introduce
        self._object_to = object_to
        self._progress_line = ProgressLine(exchange, telemetry)
        self._lease: int | None = None
        self._hello_due = 0.0
        self._progress_due = 0.0
        self._last_progress: Progress | None = None
        self._outbox: deque[ToController] = deque()
        # The result of every command by its id; None until it is known.
        self._results: dict[str, CommandResult | None] = {}
        self._bye: Bye | None = None
        self._closing = False

        self._wake_out, self._wake_in = os.pipe()
        os.set_blocking(self._wake_out, False)
        os.set_blocking(self._wake_in, False)
        exchange.flush = self._wake
        self._context = zmq.Context()
        self._control = self._connect(zmq.DEALER, endpoints[0])
        self._push = self._connect(zmq.PUSH, endpoints[1])
        self._thread = Thread(target=self._run, name="absgd-channel", daemon=True)

    def start(self) -> None:
        """Starts the thread, which sends Hello."""
        self._thread.start()

    def close(self) -> None:
        """Spools what is left, sends what the sockets accept within a second, and ends the thread."""
        self._closing = True
        self._wake()
        self._thread.join()

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

    def _wake(self) -> None:
        # If the pipe is full, the thread is awake already; if it is closed, the thread has ended.
        with contextlib.suppress(OSError):
            os.write(self._wake_in, b"\0")

    def _run(self) -> None:
        try:
            while not self._closing:
                self._wait()
                self._turn()
            self._turn()
        except BaseException:
            complain(traceback.format_exc())
            self._exchange.deliver(
                Abort("the channel to the controller broke: see the traceback above", is_internal=True)
            )
        finally:
            self._telemetry.close()
            self._control.close()
            self._push.close()
            self._context.term()

    def _wait(self) -> None:
        poller = zmq.Poller()
        poller.register(self._control, zmq.POLLIN)
        poller.register(self._wake_out, zmq.POLLIN)
        if self._lease is not None and self._telemetry.has_unsent:
            poller.register(self._push, zmq.POLLOUT)
        ready = dict(poller.poll(INTERVAL_MS))
        if self._wake_out in ready:
            os.read(self._wake_out, 4096)

    def _turn(self) -> None:
        self._receive()
        now = time.monotonic()
        self._take_outgoing()
        if self._lease is None:
            self._send_hello(now)
        else:
            self._send_progress(now)
            self._send()
        self._progress_line.update(now)

    def _receive(self) -> None:
        while True:
            try:
                frame = self._control.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._exchange.heard = time.monotonic()
            try:
                self._on_message(decode_from_controller(frame))
            except ProtocolError as error:
                complain(f"absgd worker: a message of the controller was dropped: {error}")

    def _on_message(self, message: FromController) -> None:
        if isinstance(message, Welcome):
            self._on_welcome(message)
        elif isinstance(message, Reject):
            self._on_reject(message)
        elif isinstance(message, TelemetryAck):
            if message.incarnation == self._telemetry.incarnation:
                self._telemetry.acknowledge(message.acked)
        elif isinstance(message, Released):
            self._exchange.release()
        elif message.lease_epoch == self._lease:
            if isinstance(message, Plan):
                self._on_plan(message)
            else:
                self._on_command(message)

    def _on_welcome(self, welcome: Welcome) -> None:
        refusal = self._object_to(welcome)
        if refusal is not None:
            self._exchange.deliver(Abort(refusal))
            return
        if self._lease is not None and welcome.lease_epoch <= self._lease:
            return
        self._lease = welcome.lease_epoch
        # Messages of the former lease are void: the controller repeats the commands without a result.
        self._outbox.clear()
        self._telemetry.welcome(welcome.acked, welcome.lease_epoch, welcome.sample_quota_bytes)
        self._exchange.sample_every = welcome.sample_every
        if self._exchange.welcome is None:
            self._exchange.plan.begin_attempt(welcome.attempt, self._exchange.status.step)
            self._exchange.plan.set_length(welcome.run_steps)
            if welcome.attempt == 1:
                self._telemetry.describe_samples()
        self._exchange.admit(welcome)
        self._last_progress = None
        if self._bye is not None:
            self._outbox.append(self._bye)

    def _on_reject(self, reject: Reject) -> None:
        if reject.code == RejectCode.NO_LEASE and not self._exchange.released:
            self._lease = None
            self._send_hello(time.monotonic())
            return
        if reject.code != RejectCode.NO_LEASE:
            self._exchange.deliver(Abort(f"the controller refuses this worker: {reject.hint}"))

    def _on_plan(self, plan: Plan) -> None:
        effective_from = self._exchange.plan.add(plan)
        if effective_from is not None:
            self._outbox.append(PlanAck(plan.plan_seq, plan.attempt, effective_from))

    def _on_command(self, command: Command) -> None:
        if command.id not in self._results:
            self._results[command.id] = None
            self._exchange.deliver(command)
            return
        result = self._results[command.id]
        if result is not None:
            self._outbox.append(result)

    def _take_outgoing(self) -> None:
        outgoing = self._exchange.outgoing
        items = [outgoing.popleft() for _ in range(len(outgoing))]
        for message in self._telemetry.take(items):
            if isinstance(message, CommandResult):
                self._results[message.id] = message
            else:
                self._bye = message
            self._outbox.append(message)
        with self._exchange.condition:
            self._exchange.turns += 1
            self._exchange.checkpoint_recorded = self._telemetry.checkpoint_recorded
            self._exchange.condition.notify_all()

    def _send_hello(self, now: float) -> None:
        hello = replace(self._introduce(), forgotten=self._telemetry.forgotten)
        if now >= self._hello_due and self._try_to_send(hello):
            self._hello_due = now + HELLO_SECONDS

    def _send_progress(self, now: float) -> None:
        progress = self._exchange.status.progress()
        if (
            now < self._progress_due
            and self._last_progress is not None
            and progress.phase == self._last_progress.phase
        ):
            return
        self._progress_due = now + PROGRESS_SECONDS
        self._last_progress = progress
        self._try_to_send(progress)

    def _send(self) -> None:
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


INTERVAL_MS: int = 100
"""How long telemetry is collected before it is sent. Each turn of the thread slows training a little."""

FRAMES_PER_TURN = 256
"""Frames of telemetry that are sent before the control socket is read again."""

HELLO_SECONDS = 2.0
PROGRESS_SECONDS = 1.0
