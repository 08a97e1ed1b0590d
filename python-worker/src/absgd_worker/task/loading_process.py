"""A loading process: what it does with signals, how it ends, and how its end is described."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from multiprocessing.process import BaseProcess
from typing import Any

from absgd_worker.errors import LoadingError


def enter(is_closing: Any, _worker_id: int) -> None:
    """Prepares this process for loading; `worker_init_fn` of the DataLoader.

    Args:
        is_closing: a number in shared memory; its `value` is not 0 once the training process wants it to end.
    """
    # A Ctrl-C, and a SIGTERM to all processes of a group, are for the training process: it needs batches
    # until it has written its checkpoint. Handlers are functions, which programs that are started here do not
    # inherit.
    signal.signal(signal.SIGINT, _ignore)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0) if is_closing.value else None)
    _end_with_parent()


def error_of(process: BaseProcess) -> LoadingError:
    """Why training cannot go on without a process that has ended."""
    code = process.exitcode
    assert code is not None
    name = f"a loading process (pid {process.pid})"
    if code >= 0:
        return LoadingError(
            f"{name} ended with exit code {code}: the data set and collate must not end their process"
        )
    how = f"{name} was killed by {_signal_name(-code)}"
    remedy = _REMEDIES.get(-code, "")
    return LoadingError(f"{how}: {remedy}, then resume the run" if remedy else how)


def _end_with_parent() -> None:
    """Lets the system end this process when the training process is killed.

    Where there is no such call, the DataLoader ends it some seconds later.
    """
    if sys.platform != "linux":
        return
    parent = multiprocessing.parent_process()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent.pid:
        # It was killed before the call.
        os._exit(1)


def _ignore(*_: object) -> None:
    pass


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


_PR_SET_PDEATHSIG = 1

_REMEDIES: dict[int, str] = {
    signal.SIGKILL: (
        "the system does this when memory runs out; use fewer num_workers or a smaller prefetch_factor"
    ),
    signal.SIGBUS: "shared memory (/dev/shm) may be full; make it larger, or use a smaller prefetch_factor",
}
