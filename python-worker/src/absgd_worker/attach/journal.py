"""Records a run that no controller drives, as a run log of its own."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from threading import Event, Thread

from absgd_worker.attach.introduction import script_hello
from absgd_worker.attach.last_word import last_word
from absgd_worker.attach.log_file import LogFile
from absgd_worker.attach.run_directory import Presence
from absgd_worker.attach.source import Script, Source, StopTraining
from absgd_worker.attach.unknown import Unknown
from absgd_worker.exchange import FromTraining
from absgd_worker.messages import Position
from absgd_worker.reports import Evaluation, Joined, Rewind
from absgd_worker.rings import StepEntry
from absgd_worker.telemetry import Telemetry
from absgd_worker.weights import Rule


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

    def begin(self, script: Script) -> None:
        self._source.begin(script)

    @property
    def attempt(self) -> int:
        return self._source.attempt

    @property
    def rule(self) -> Rule | None:
        return self._source.rule

    def between(self, step: int) -> StopTraining | None:
        return self._source.between(step)

    def evaluated(self, split: str, metrics: Mapping[str, float]) -> None:
        step = self._position.step - 1
        self._ring.append(Evaluation(self._position.attempt, step, split, metrics, 0, b"", 0.0))

    def report(self, entry: StepEntry) -> None:
        if self._thread is None:
            self._begin(entry.attempt, entry.step)
        self._position = Position(entry.attempt, entry.step + 1)
        self._ring.append(entry)

    def close(self, error: BaseException | None) -> None:
        self._source.close(error)
        if self._thread is None:
            return
        self._ring.append(last_word(error, self._position))
        self._closing.set()
        self._thread.join()
        if self._presence is not None:
            self._presence.leave()

    def _begin(self, attempt: int, step: int) -> None:
        incarnation = int.from_bytes(os.urandom(8), "big")
        if attempt > 1:
            self._ring.append(Rewind(attempt, step))
        self._ring.append(
            Joined(
                script_hello(self.directory.name, incarnation=incarnation, position=Position(attempt, step)),
                attempt,
            )
        )
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


INTERVAL_SECONDS = 0.1
"""How long reports gather before they are written."""

MOST_BYTES = 10 << 30
"""Samples are not recorded above it."""
