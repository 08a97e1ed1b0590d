"""Brings the reports of steps from a device to the host, in their order, without waiting for the device."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from absgd_worker.device.ring import Ring
from absgd_worker.device.rows import Layout, entries_of, is_on_device, on_host, parts_of, without_device
from absgd_worker.device.streams import Copier, Event, copier_for
from absgd_worker.link.step_entry import StepEntry


class Written(NamedTuple):
    """What `DeviceReports.write` wrote, and where."""

    ring: Ring
    layout: Layout


class DeviceReports:
    """Takes the entry of each step, and gives it back with all of its numbers on the host.

    The numbers on a device are written to a ring there. A stream of its own copies the steps since the last
    copy, at most every `INTERVAL` seconds, and their entries are given back once the event of the copy is
    complete. Entries on the CPU pass straight through.

    When the ring is full, the caller is as many steps ahead of the device as the ring has slots, and `submit`
    waits for the oldest copy. The device has enough to do meanwhile, so that this delays no training; a
    larger ring would not help, and a captured graph cannot change to another one.

    Args:
        copier: makes the copier of a device; None where reports can only be read by waiting.
        slots: K, the steps of the ring. Fewer, at least `LEAST_SLOTS`, if rows are long.
        clock: in seconds.

    Attributes:
        waits: how often the ring was full.
    """

    def __init__(
        self,
        copier: Callable[[torch.device], Copier | None] = copier_for,
        *,
        slots: int = 256,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.waits = 0
        self._copier_for = copier
        self._copiers: dict[torch.device, Copier | None] = {}
        self._slots = slots
        self._clock = clock
        self._ring: Ring | None = None
        self._began = -INTERVAL
        # All entries that are not ready, in order; those of the newest `_fresh` rows are in no copy yet.
        self._queue: deque[tuple[StepEntry, Written | None]] = deque()
        self._fresh: tuple[Ring, int] | None = None
        self._copies: deque[_Copy] = deque()
        self._ready: list[StepEntry] = []

    def passes(self, entry: StepEntry) -> bool:
        """Whether the entry needs nothing from here: it is on the host, and no entry is before it."""
        return not self._queue and not self._ready and _is_on_host(entry)

    def submit(self, entry: StepEntry) -> None:
        """Takes the entry of a step; its tensors may change or be freed afterwards.

        Waits only if the ring is full, or for a device that has no streams of this kind.
        """
        if _is_on_host(entry):
            self._put(entry, None)
            return
        layout, parts = parts_of(entry)
        ring = self._ring_for(parts, layout) if parts else None
        if ring is None:
            self._put(on_host(entry), None)
            return
        self.submit_written(entry, Written(ring, layout), lambda: ring.write(parts))

    def write(self, entry: StepEntry) -> Written:
        """Writes the numbers of an entry by operations of tensors alone, to be captured in a graph.

        Call it once outside of the capture first, by `submit`, so that the ring is there.

        Raises:
            ValueError: the device has no ring, or one whose slots are too small.
        """
        layout, parts = parts_of(entry)
        if self._ring is None or not parts or layout.width >= self._ring.width:
            raise ValueError(
                "there is no ring for this step: submit one like it before the graph is captured"
            )
        self._ring.write(parts)
        return Written(self._ring, layout)

    def submit_written(self, entry: StepEntry, written: Written, run: Callable[[], object]) -> None:
        """Takes the entry of a step whose numbers `run` writes: the replay of a graph that has `write`."""
        ring = written.ring
        if self._fresh is not None and self._fresh[0] is not ring:
            self._begin_copy()
        while not ring.free:
            self._begin_copy()
            self.waits += 1
            self._finish_oldest()
        run()
        ring.written += 1
        ring.free -= 1
        self._fresh = ring, 1 if self._fresh is None else self._fresh[1] + 1
        self._put(without_device(entry), written)
        if ring.written % ring.slots == 0 or self._clock() - self._began >= INTERVAL:
            self._begin_copy()

    def collect(self) -> list[StepEntry]:
        """The entries that are on the host since the last call, in order. Does not wait."""
        while self._copies and self._copies[0].event.query():
            self._finish_oldest()
        ready, self._ready = self._ready, []
        return ready

    def drain(self) -> list[StepEntry]:
        """All entries that `collect` has not given back, in order. Waits for the device.

        Raises:
            RuntimeError: the device has failed. The entries are lost.
        """
        self._begin_copy()
        try:
            while self._copies:
                self._finish_oldest()
        except RuntimeError:
            self._queue.clear()
            self._copies.clear()
            raise
        return self.collect()

    def _put(self, entry: StepEntry, written: Written | None) -> None:
        if written is None and not self._queue:
            self._ready.append(entry)
        else:
            self._queue.append((entry, written))

    def _ring_for(self, parts: list[Tensor], layout: Layout) -> Ring | None:
        device = parts[0].device
        if device not in self._copiers:
            self._copiers[device] = self._copier_for(device)
        copier, ring = self._copiers[device], self._ring
        if copier is None:
            return None
        if ring is None or ring.device != device or ring.width <= layout.width:
            # Room to spare, so that batches that grow slowly do not make a ring each.
            width = 1 << layout.width.bit_length()
            slots = min(self._slots, max(LEAST_SLOTS, RING_BYTES // (8 * width)))
            ring = self._ring = Ring(device, slots, width, copier)
        return ring

    def _begin_copy(self) -> None:
        if self._fresh is None:
            return
        ring, count = self._fresh
        self._fresh = None
        first = ring.written - count
        rows, event = ring.begin_copy(count)
        self._copies.append(_Copy(ring, first, rows, event))
        self._began = self._clock()

    def _finish_oldest(self) -> None:
        """Waits for the oldest copy, and moves its entries to the ready ones."""
        ring, first, rows, event = self._copies[0]
        event.synchronize()
        self._copies.popleft()
        count = rows.shape[0]
        if rows[:, 0].tolist() != list(range(first, first + count)):
            raise RuntimeError("the ring of reports was overwritten: only one thread may submit steps")
        row = 0
        while row < count or (self._queue and self._queue[0][1] is None):
            entry, written = self._queue.popleft()
            if written is None:
                self._ready.append(entry)
                continue
            entries = [entry]
            while row + len(entries) < count and self._queue[0][1] == written:
                entries.append(self._queue.popleft()[0])
            self._ready += entries_of(entries, written.layout, rows[row : row + len(entries), 1:])
            row += len(entries)
        ring.free += count


class _Copy(NamedTuple):
    """A copy that may not be complete."""

    ring: Ring
    first: int
    """The number of its first step in the ring."""
    rows: Tensor
    event: Event


def _is_on_host(entry: StepEntry) -> bool:
    # This runs at every step.
    return (
        entry.losses_B.is_cpu
        and not isinstance(entry.statistics, Tensor)
        and not (entry.metrics and any(map(is_on_device, entry.metrics.values())))
        and not (entry.others and any(is_on_device(row) for _, row in entry.others))
        and (entry.labels_B is None or entry.labels_B.is_cpu)
    )


INTERVAL = 0.01
"""Seconds between the beginnings of two copies: a copy takes some 20 µs of the training thread."""
LEAST_SLOTS = 8
RING_BYTES = 1 << 24
"""About the largest ring."""
