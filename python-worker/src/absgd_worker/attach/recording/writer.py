"""Has a courier write the log of a run without a controller."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from weakref import WeakSet

from absgd_worker.device.ordered import OrderedReports
from absgd_worker.link.courier.log_file import LogFile
from absgd_worker.link.courier_process import early_courier
from absgd_worker.link.exchange import FromTraining
from absgd_worker.link.open_courier import new_incarnation, write_log
from absgd_worker.link.recover_rings import await_couriers, recover_rings
from absgd_worker.link.run_lock import RunLock, is_take_over_asked
from absgd_worker.link.wire.messages import Position


class LogWriter:
    """Locks a run for this process, and has its log written until `close`.

    Args:
        on_record: called with every record of steps that the directory has already.

    Raises:
        SessionError: a process that lives, or may live, writes this run, or a file is not a log.
    """

    def __init__(self, directory: Path, on_record: Callable[[bytes], None]) -> None:
        self.incarnation = new_incarnation()
        self._pid = os.getpid()
        self._is_closing = False
        # Two couriers must not write one log: that of a process that was killed finishes first.
        await_couriers(directory, COURIER_SECONDS)
        self._run_lock = RunLock(directory, is_take_over_asked())
        try:
            # What processes that were killed have left in memory comes first.
            recover_rings(directory, self._run_lock.identity)
            # The courier opens the files anew. Here they are read and checked.
            for stream, on_each in (("steps", on_record), ("samples", lambda _payload: None)):
                LogFile(directory / f"{stream}.log", stream, on_each).close()
        except BaseException:
            self._run_lock.release()
            raise
        self._courier = early_courier()
        self._link = write_log(
            self._courier,
            directory,
            incarnation=self.incarnation,
            lock=self._run_lock.identity,
            limit=MOST_BYTES,
        )
        self._reports = OrderedReports(self._link.outgoing)
        _open.add(self)

    @property
    def is_closing(self) -> bool:
        return self._is_closing

    def append(self, item: FromTraining) -> None:
        """Records an item. It is safe from the end of this process when this returns, unless it is still on a
        device."""
        self._reports.append(item)

    def set_position(self, position: Position) -> None:
        """Says where training is: a courier whose training process is killed records it."""
        self._link.status.position = position

    def write(self) -> None:
        """Waits until everything that was appended before is in the log."""
        if os.getpid() != self._pid:
            return
        self._reports.hand_over()
        deadline = time.monotonic() + WRITE_SECONDS
        while not self._link.wait_until_spooled() and time.monotonic() < deadline:
            pass

    def close(self) -> None:
        """Has the rest written, and releases the lock. Does nothing in a forked process."""
        if os.getpid() != self._pid:
            return
        self._is_closing = True
        # A courier that is not done keeps the lock: it still writes, and releases it when it has done so.
        if self._courier.close():
            self._run_lock.release()
        _open.discard(self)


def finish_closing() -> None:
    """Closes the writers of this process whose `close` was interrupted."""
    for writer in list(_open):
        if writer.is_closing:
            writer.close()


_open: WeakSet[LogWriter] = WeakSet()

COURIER_SECONDS = 12.0
"""How long the courier of an earlier process may take until it is killed."""

WRITE_SECONDS = 30.0
"""How long a script waits for its log, when it saves its state."""

MOST_BYTES = 10 << 30
"""Samples are not recorded once the log has this size."""
