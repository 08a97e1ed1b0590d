"""Writes the log of a run without a controller: the two files, the run's lock, and a thread."""

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


class LogWriter:
    """Writes what is appended to `outgoing`, ten times a second, from `start` to `close`.

    Args:
        on_record: called with every record of steps that the directory has already.

    Raises:
        SessionError: a process that lives, or may live, writes this run, or a file is not a log.
    """

    def __init__(
        self, directory: Path, outgoing: deque[FromTraining], on_record: Callable[[bytes], None]
    ) -> None:
        self.incarnation = int.from_bytes(os.urandom(8), "big")
        self._outgoing = outgoing
        self._pid = os.getpid()
        self._write_lock = Lock()
        self._closing = Event()
        self._is_broken = False
        self._run_lock = RunLock(directory, is_take_over_asked())
        try:
            files = (
                LogFile(directory / "steps.log", "steps", on_record),
                LogFile(directory / "samples.log", "samples"),
            )
        except BaseException:
            self._run_lock.release()
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
        """Writes everything that was appended to `outgoing` before; never raises."""
        with self._write_lock:
            items = [self._outgoing.popleft() for _ in range(len(self._outgoing))]
            if self._is_broken:
                return
            if not self._run_lock.is_own:
                self._is_broken = True
                complain("absgd: another process has taken the run over: it is recorded no further here")
                return
            try:
                self._telemetry.take(items)
            except Exception as error:
                # Training continues, whatever the error is.
                self._is_broken = True
                complain(f"absgd: the run is recorded no further: {error!r}")

    def close(self) -> None:
        """Writes the rest, closes the files and releases the lock. Does nothing in a forked process."""
        self._closing.set()
        self.join()

    def join(self) -> None:
        """Waits until `close` is complete."""
        if os.getpid() == self._pid:
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.wait(INTERVAL_SECONDS):
            self.write()
        self.write()
        # This thread closes the files: the one that calls `close` may be interrupted while it waits.
        self._telemetry.close()
        self._run_lock.release()


def finish_closing() -> None:
    """Waits for the writers of this process whose `close` was interrupted."""
    for writer in list(_started):
        if writer.is_closing:
            writer.join()


_started: WeakSet[LogWriter] = WeakSet()

INTERVAL_SECONDS = 0.1
"""How long reports are collected before they are written."""

MOST_BYTES = 10 << 30
"""Samples are not recorded once the log has this size."""
