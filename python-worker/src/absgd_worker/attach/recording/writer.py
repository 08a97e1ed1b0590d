"""The log of a run that no controller drives, while it is written: its files, its lock, its thread."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread
from weakref import WeakSet

from absgd_worker.attach.recording.log_file import LogFile
from absgd_worker.attach.recording.run_lock import RunLock, is_take_over_asked
from absgd_worker.attach.source.no_dataset import NoDataset
from absgd_worker.console import complain
from absgd_worker.link.telemetry import Telemetry
from absgd_worker.link.thread_exchange import FromTraining


class Recording:
    """Writes what is put into `ring`, ten times a second, from `start` to `close`.

    `each` is given every record of steps that the directory holds already.

    Raises:
        SessionError: a process that lives, or cannot be judged from here, writes there, or this is no log.
    """

    def __init__(self, directory: Path, ring: deque[FromTraining], each: Callable[[bytes], None]) -> None:
        self.incarnation = int.from_bytes(os.urandom(8), "big")
        self._ring = ring
        self._pid = os.getpid()
        self._lock = Lock()
        self._closing = Event()
        self._is_broken = False
        self._presence = RunLock(directory, is_take_over_asked())
        try:
            files = (
                LogFile(directory / "steps.log", "steps", each),
                LogFile(directory / "samples.log", "samples"),
            )
        except BaseException:
            self._presence.leave()
            raise
        self._telemetry = Telemetry(
            NoDataset(),
            origin="script",
            incarnation=self.incarnation,
            directory=directory,
            limit=MOST_BYTES,
            files=files,
        )
        self._thread = Thread(target=self._run, name="absgd-journal", daemon=True)

    @property
    def is_closing(self) -> bool:
        return self._closing.is_set()

    def start(self) -> None:
        self._thread.start()
        _started.add(self)

    def write(self) -> None:
        """Returns once everything that was put into the ring before is in the log; never raises."""
        with self._lock:
            items = [self._ring.popleft() for _ in range(len(self._ring))]
            if self._is_broken:
                return
            if not self._presence.is_held:
                self._is_broken = True
                complain("absgd: another process has taken the run over: it is recorded no further here")
                return
            try:
                self._telemetry.take(items)
            except Exception as error:
                # Training goes on, whatever it is.
                self._is_broken = True
                complain(f"absgd: the run is recorded no further: {error!r}")

    def close(self) -> None:
        """Writes the rest, and lets go. A process that was forked from the script's has nothing to write."""
        self._closing.set()
        self.join()

    def join(self) -> None:
        """Waits for what `close` began."""
        if os.getpid() == self._pid:
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.wait(INTERVAL_SECONDS):
            self.write()
        self.write()
        # Not by who closes: that thread may be interrupted while it waits.
        self._telemetry.close()
        self._presence.leave()


def finish_closing() -> None:
    """Waits for those of this process whose `close` was interrupted."""
    for one in list(_started):
        if one.is_closing:
            one.join()


_started: WeakSet[Recording] = WeakSet()

INTERVAL_SECONDS = 0.1
"""How long reports gather before they are written."""

MOST_BYTES = 10 << 30
"""Samples are not recorded above it."""
