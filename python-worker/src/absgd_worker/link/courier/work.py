"""What a courier does from its order to its end, in a process of its own or in a thread."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absgd_worker.link.courier.channel import Channel
from absgd_worker.link.courier.down_queue import DownQueue
from absgd_worker.link.courier.log_files import LogFiles
from absgd_worker.link.courier.report_reader import ReportReader
from absgd_worker.link.courier.reports import Reports
from absgd_worker.link.courier.samples import open_samples
from absgd_worker.link.courier.spool import Spool
from absgd_worker.link.courier.telemetry import Telemetry
from absgd_worker.link.files_of_courier import add_courier, remove_files
from absgd_worker.link.ring.layout import State, Word, unpack_position
from absgd_worker.link.ring.memory import SharedMemory
from absgd_worker.link.ring.names import NamesReader
from absgd_worker.link.ring.orders import ServeController, WriteLog
from absgd_worker.link.ring.plain import decode
from absgd_worker.link.ring.rings import words_of
from absgd_worker.link.wire.messages import Bye, Position, Reason


def work(
    memory: SharedMemory, is_training_gone: Callable[[], bool], lock: dict[str, Any] | None = None
) -> None:
    """Serves until training is over and everything is delivered or on disk.

    `lock`: of the run, by a process that recovers what another one has left; by default that of the process
    that trains.
    """
    words = words_of(memory)
    words[Word.HEARD] = words[Word.HEARTBEAT] = time.monotonic_ns()
    words[Word.STATE] = State.RUNNING
    names = NamesReader(memory)
    while (text := names.get(0)) is None:
        words[Word.HEARTBEAT] = time.monotonic_ns()
        if words[Word.CLOSED] or is_training_gone():
            memory.unlink()
            words[Word.STATE] = State.DONE
            return
        time.sleep(TICK_MS / 1000)
    order: Any = decode(text)
    if memory.path is not None:
        add_courier(Path(order.spool), order.prefix)
    reader = ReportReader(memory, names, Path(order.spool), order.prefix)
    try:
        if isinstance(order, ServeController):
            _serve_controller(memory, order, reader, is_training_gone)
        else:
            _write_log(memory, order, reader, is_training_gone, lock or dict(order.lock))
    finally:
        reader.close()
    remove_files(memory, Path(order.spool), order.prefix)
    if isinstance(order, WriteLog):
        # A run without a controller has no spool.
        with contextlib.suppress(OSError):
            Path(order.spool).rmdir()
    words[Word.STATE] = State.DONE


def _serve_controller(
    memory: SharedMemory,
    order: ServeController,
    reader: ReportReader,
    is_training_gone: Callable[[], bool],
) -> None:
    words, down = words_of(memory), DownQueue(memory)
    directory, incarnation = Path(order.spool), order.hello.incarnation
    spools = Spool(directory, incarnation, "steps"), Spool(directory, incarnation, "samples")
    telemetry = Telemetry(
        spools, origin=order.origin, incarnation=incarnation, samples=open_samples(order.samples)
    )
    reports = Reports(words, reader, telemetry)
    channel = Channel(order.endpoints, telemetry, order.hello, words, down)
    turn_due = 0.0
    gone_at: float | None = None
    try:
        while True:
            is_ready = channel.wait(SHORT_TICK_MS if _is_awaited(words) else TICK_MS)
            now = time.monotonic()
            words[Word.HEARTBEAT] = time.monotonic_ns()
            if is_ready:
                channel.receive()
            down.write()
            is_closing, is_gone = words[Word.CLOSED] > 0, is_training_gone()
            if not (is_ready or is_closing or is_gone or now >= turn_due or reports.are_due):
                continue
            turn_due = now + TURN_SECONDS
            channel.post(reports.turn(channel.describe_samples))
            channel.describe_samples()
            if is_gone and not reports.has_bye and gone_at is None:
                channel.post(telemetry.take_farewell(_farewell(words), words[Word.UP_SEQ] + 1))
            channel.send()
            if is_gone or is_closing:
                gone_at = gone_at or now
                patience = GIVEN_UP_SECONDS if is_closing else LOST_SECONDS
                is_heard = now - words[Word.HEARD] / 1e9 < SILENCE_SECONDS and channel.has_lease
                if channel.is_released or now - gone_at > (patience if is_heard else 0.0):
                    break
        telemetry.sync()
    finally:
        telemetry.close()
        channel.close()


def _write_log(
    memory: SharedMemory,
    order: WriteLog,
    reader: ReportReader,
    is_training_gone: Callable[[], bool],
    lock: dict[str, Any],
) -> None:
    words = words_of(memory)
    files = LogFiles(Path(order.directory), order.incarnation, lock)
    telemetry = Telemetry(
        files.streams, origin=order.origin, incarnation=order.incarnation, limit=order.limit
    )
    reports = Reports(words, reader, telemetry)
    turn_due = 0.0
    try:
        while True:
            now = time.monotonic()
            words[Word.HEARTBEAT] = time.monotonic_ns()
            is_closing, is_gone = words[Word.CLOSED] > 0, is_training_gone()
            if is_closing or is_gone or now >= turn_due or reports.are_due:
                turn_due = now + TURN_SECONDS
                files.check_lock()
                reports.turn(files.check_lock)
                if is_gone and not reports.has_bye:
                    telemetry.take_farewell(_farewell(words), words[Word.UP_SEQ] + 1)
                if is_closing or is_gone:
                    break
            time.sleep(TICK_MS / 1000)
        telemetry.sync()
    finally:
        telemetry.close()
        if is_training_gone() and lock == order.lock:
            files.release_lock()


def _is_awaited(words: memoryview) -> bool:
    """Whether training waits for the courier or for the controller."""
    return words[Word.PHASE] in AWAITING or words[Word.FLUSH] != words[Word.FLUSHED]


def _farewell(words: memoryview) -> Bye:
    """The last word for a training process that has said none."""
    position = Position(*unpack_position(words[Word.POSITION]))
    return Bye(
        Reason.LOST,
        position,
        "the process that trained has ended without a word: it was killed or has crashed",
    )


TURN_SECONDS = 0.1
"""How long reports are collected before they are written and sent."""

TICK_MS, SHORT_TICK_MS = 10, 2
"""How often the courier looks at the shared memory; the shorter one while training waits for it."""

AWAITING = frozenset((1, 3, 4, 6, 7))
"""The phases STARTING, PAUSED, WAITING, CHECKPOINTING and ENDING, in which training waits for the courier or
for the controller."""

LOST_SECONDS = 10.0
"""How long the courier of a training process that has ended waits for the controller to confirm that it has
all."""

GIVEN_UP_SECONDS = 1.0
"""The same where training has waited already."""

SILENCE_SECONDS = 5.0
"""A controller that runs answers every Progress, which is sent once a second."""
