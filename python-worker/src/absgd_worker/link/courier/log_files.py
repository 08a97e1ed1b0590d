"""The two files of a log that a courier writes for a run without a controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from absgd_worker.console import complain
from absgd_worker.link.courier.log_file import LogFile
from absgd_worker.link.run_lock import holds_lock, release_lock


class LogFiles:
    """Writes as long as the run's lock is that of the process that trains.

    Args:
        lock: that process's lock.

    Raises:
        SessionError: a file is not a log.
    """

    def __init__(self, directory: Path, incarnation: int, lock: dict[str, Any]) -> None:
        self._lock_path = directory / "lock"
        self._lock = lock
        self.streams = (
            LogFile(directory / "steps.log", "steps", incarnation=incarnation),
            LogFile(directory / "samples.log", "samples", incarnation=incarnation),
        )

    def check_lock(self) -> None:
        """Stops writing once another process has taken the run over."""
        if holds_lock(self._lock_path, self._lock) or self.streams[0].is_stopped:
            return
        complain("absgd: another process has taken the run over: it is recorded no further here")
        for stream in self.streams:
            stream.is_stopped = True

    def release_lock(self) -> None:
        """Deletes the lock of a training process that has ended without doing so."""
        release_lock(self._lock_path, self._lock)
