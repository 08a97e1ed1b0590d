"""Reads batches ahead, in processes of torch's DataLoader.

A batch depends on nothing but its position. So what was read ahead is right for as long as training goes on
in the order of the run; after a return to another position it is dropped.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import wait
from types import FrameType
from typing import Any, cast

import torch
from torch.utils.data import DataLoader

from absgd_worker.task.loading_process import enter, error_of
from absgd_worker.task.reading import Contents, Key, Reader, key_of
from absgd_worker.task.remote_reading import Failed, RemoteReader, unchanged
from absgd_worker.task.sampler import Draw, Draws


class Loader:
    """Loading processes, and the batches that they have read and are reading.

    Args:
        num_workers: processes, at least 1.
        prefetch_factor: batches that each process reads ahead.
        pin_memory: whether a thread copies each batch into pinned memory.
    """

    def __init__(self, reader: Reader, *, num_workers: int, prefetch_factor: int, pin_memory: bool) -> None:
        # The process that has started the loading processes; 0 if they do not run.
        self._owner = 0
        self._draws: Draws | None = None
        # What was given to the processes, and is not taken yet.
        self._ahead: deque[Draw] = deque()
        self._is_waiting = False
        self._torch_handler: Callable[[int, FrameType | None], Any] | None = None
        # Forked processes have the dataset as it is here. Where forking is unsafe, it is pickled.
        context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
        self._is_closing = context.RawValue("b", 0)
        self._processes: list[Any] = []
        self._batches: Any = None
        self._loader = DataLoader(
            cast("Any", RemoteReader(reader)),
            batch_size=None,
            sampler=_Keys(self._draw_ahead),
            num_workers=num_workers,
            prefetch_factor=prefetch_factor,
            pin_memory=pin_memory,
            # They are used again after a return to another position.
            persistent_workers=True,
            collate_fn=unchanged,
            worker_init_fn=partial(enter, self._is_closing),
            multiprocessing_context=context,
            # Without it, the DataLoader takes a random number of training.
            generator=torch.Generator(),
        )

    def start(self) -> None:
        """Starts the processes, which read nothing yet. Does nothing if they run."""
        if self._owner:
            return
        self._owner = os.getpid()
        # At its exit, Python waits for the processes: they must have been told to end by then.
        atexit.register(self.close)
        before = {process.pid for process in multiprocessing.active_children()}
        try:
            self._batches = iter(self._loader)
        finally:
            children = multiprocessing.active_children()
            self._processes = [process for process in children if process.pid not in before]
        self._hold_back_errors()

    def take(self, draws: Draws) -> tuple[Draw, Any, Contents]:
        """The batch at the position of `draws`, which moves behind it.

        Raises:
            Unreadable: like `Reader.read`.
            LoadingError: a process has ended.
            TaskError: the task's code exits the process.
        """
        self.start()
        with self._noticing_ended_processes():
            is_next = self._ahead and self._ahead[0].position == draws.consumed
            if draws is not self._draws or not is_next:
                self._draws = draws
                self._ahead.clear()
                # The processes finish what they read; the DataLoader drops it.
                self._batches = iter(self._loader)
            result = next(self._batches)
        draw = self._ahead.popleft()
        draws.consumed = draw.end
        if isinstance(result, Failed):
            raise result.error() from result.cause()
        return (draw, *result)

    def close(self) -> None:
        """Ends the processes, for good. Does nothing in a process that the owner of the loader has forked."""
        if self._owner != os.getpid():
            return
        self._owner = 0
        atexit.unregister(self.close)
        self._is_closing.value = 1
        if self._batches is not None:
            self._batches._shutdown_workers()
            self._batches = None
        for process in self._processes:
            if process.is_alive():
                process.kill()
            process.join()
        self._processes = []
        if self._torch_handler is not None and signal.getsignal(signal.SIGCHLD) == self._on_child_end:
            signal.signal(signal.SIGCHLD, self._torch_handler)

    def _draw_ahead(self) -> Iterator[Key]:
        draws = self._draws
        if draws is None:
            return
        position = draws.consumed
        while True:
            draw = draws.at(position)
            self._ahead.append(draw)
            yield key_of(draw, draws.seed)
            position = draw.end

    @contextmanager
    def _noticing_ended_processes(self) -> Iterator[None]:
        self._raise_if_ended()
        try:
            self._is_waiting = True
            try:
                yield
            finally:
                self._is_waiting = False
        except (OSError, EOFError):
            # A process takes with it what it has sent and this one has not opened. It may still be ending.
            ending = wait([process.sentinel for process in self._processes], ENDING_SECONDS)
            for process in self._processes:
                if process.sentinel in ending:
                    process.join()
            self._raise_if_ended()
            raise
        except RuntimeError:
            # The DataLoader's own error. It may have interrupted the line that ends the waiting.
            self._is_waiting = False
            self._raise_if_ended()
            raise

    def _raise_if_ended(self) -> None:
        for process in self._processes:
            if process.exitcode is not None:
                raise error_of(process) from None

    def _hold_back_errors(self) -> None:
        """Lets the error of an ended process be raised where a batch is taken, and nowhere else.

        The DataLoader raises it from a signal handler, in any line of training: while a checkpoint is
        written, too.
        """
        handler = signal.getsignal(signal.SIGCHLD)
        if threading.current_thread() is threading.main_thread() and callable(handler):
            self._torch_handler = handler
            signal.signal(signal.SIGCHLD, self._on_child_end)

    def _on_child_end(self, number: int, frame: FrameType | None) -> None:
        assert self._torch_handler is not None
        try:
            self._torch_handler(number, frame)
        except RuntimeError:
            # It may be about a process of a DataLoader of the task's own.
            if self._is_waiting or all(process.exitcode is None for process in self._processes):
                raise


class _Keys:
    """The sampler of the DataLoader: begins anew with each of its iterators."""

    def __init__(self, begin: Callable[[], Iterator[Key]]) -> None:
        self._begin = begin

    def __iter__(self) -> Iterator[Key]:
        return self._begin()


ENDING_SECONDS = 5.0
"""How long to wait for the end of a process whose connection is broken."""
