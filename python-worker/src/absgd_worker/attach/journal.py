"""Records a run that no controller drives, as a run log of its own."""

from __future__ import annotations

import os
import platform
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import torch

from absgd_worker.attach.log_file import LogFile
from absgd_worker.attach.run_directory import Presence
from absgd_worker.attach.source import Source, StopTraining
from absgd_worker.exchange import FromTraining
from absgd_worker.failure import describe_failure
from absgd_worker.messages import Bye, Hello, Position, Reason
from absgd_worker.reports import Joined, Rewind
from absgd_worker.rings import StepEntry
from absgd_worker.telemetry import Telemetry
from absgd_worker.version import VERSION


@dataclass(frozen=True)
class Unknown:
    """Of a data set that nobody has described."""

    size: int = 0
    labels: object = None
    true_labels: object = None
    ids: Sequence[str] | None = None
    num_classes: int | None = None


class Journal:
    """A source that passes on the controls of another one, and writes down what is reported.

    A thread of its own turns reports into records, ten times a second; training hands them over and goes on.
    """

    def __init__(self, source: Source, directory: Path) -> None:
        self.directory = directory
        self._source = source
        self._ring: deque[FromTraining] = deque()
        self._closing = Event()
        self._thread: Thread | None = None
        self._presence: Presence | None = None
        self._position = Position(1, 0)

    def next(self, step: int) -> Mapping[str, float]:
        return self._source.next(step)

    def report(self, entry: StepEntry) -> None:
        if self._thread is None:
            self._begin(entry.attempt, entry.step)
        self._position = Position(entry.attempt, entry.step + 1)
        self._ring.append(entry)

    def close(self, error: BaseException | None) -> None:
        self._source.close(error)
        if self._thread is None:
            return
        self._ring.append(self._last_word(error))
        self._closing.set()
        self._thread.join()
        if self._presence is not None:
            self._presence.leave()

    def _begin(self, attempt: int, step: int) -> None:
        incarnation = int.from_bytes(os.urandom(8), "big")
        if attempt > 1:
            self._ring.append(Rewind(attempt, step))
        self._ring.append(Joined(self._hello(incarnation, Position(attempt, step)), attempt))
        telemetry = Telemetry(
            Unknown(),
            origin="script",
            incarnation=incarnation,
            directory=self.directory,
            limit=MOST_BYTES,
            files=(
                LogFile(self.directory / "steps.log", "steps"),
                LogFile(self.directory / "samples.log", "samples"),
            ),
        )
        self._presence = Presence(self.directory)
        self._thread = Thread(target=self._write, args=(telemetry,), name="absgd-journal", daemon=True)
        self._thread.start()

    def _write(self, telemetry: Telemetry) -> None:
        while True:
            over = self._closing.wait(INTERVAL_SECONDS)
            telemetry.take([self._ring.popleft() for _ in range(len(self._ring))])
            if over and not self._ring:
                telemetry.close()
                return

    def _last_word(self, error: BaseException | None) -> Bye:
        if error is None:
            return Bye(Reason.COMPLETED, self._position)
        if isinstance(error, (StopTraining, KeyboardInterrupt)):
            return Bye(Reason.STOPPED, self._position, str(error) or "interrupted")
        failure = describe_failure(error)
        return Bye(
            Reason.FAILED,
            self._position,
            failure.message.replace("the task", "the script", 1),
            failure.traceback,
        )

    def _hello(self, incarnation: int, position: Position) -> Hello:
        return Hello(
            run=self.directory.name,
            peer="script",
            incarnation=incarnation,
            pid=os.getpid(),
            steps_per_epoch=0,
            dataset_size=0,
            num_classes=0,
            position=position,
            planned_through=0,
            versions={
                "python": platform.python_version(),
                "torch": torch.__version__,
                "absgd_worker": VERSION,
            },
            device="",
            initial={},
            batch_size=0,
        )


INTERVAL_SECONDS = 0.1
"""How long reports gather before they are written."""

MOST_BYTES = 10 << 30
"""Samples are not recorded above it."""
