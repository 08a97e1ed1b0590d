"""Whether another process still runs: by a handle of the kernel where there is one, else by its id and
start."""

from __future__ import annotations

import contextlib
import os
import select

from absgd_worker.link.process_identity import here, liveness, process_fields


class OtherProcess:
    """A process of this machine, which may end at any time.

    `start`: its start as `start_of` gave it, so that a later process with the same id is not taken for it.
    """

    def __init__(self, pid: int, start: str) -> None:
        self._pid = pid
        self._start = start
        self._handle = -1
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                self._handle = os.pidfd_open(pid)
        self._is_gone = not _is_same(pid, start)

    def is_gone(self) -> bool:
        """Whether it has ended."""
        if self._is_gone:
            return True
        if self._handle >= 0:
            poll = select.poll()
            poll.register(self._handle, select.POLLIN)
            self._is_gone = bool(poll.poll(0))
        else:
            self._is_gone = not _is_same(self._pid, self._start)
        return self._is_gone


def is_gone(pid: int) -> bool:
    """Whether no process has this id. Keeps nothing open."""
    return not _is_same(pid, "")


def start_of(pid: int) -> str:
    """When the process started, in units of its system; empty where that is slow to read, or it is gone."""
    fields = process_fields(pid)
    return fields[19] if fields else ""


def _is_same(pid: int, start: str) -> bool:
    return liveness({"pid": pid, "processStart": start, **here()}) != "gone"
