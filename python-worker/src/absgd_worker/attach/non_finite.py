"""Says on stderr when a loss or a metric becomes NaN or infinite, and when it is finite again: once each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from absgd_worker.attach.ranks import global_rank
from absgd_worker.console import complain, count


class _Pending(NamedTuple):
    """Numbers on a device, under way to the host."""

    names: list[tuple[str, int]]
    """Of each its name and its step."""
    values: Tensor
    event: torch.cuda.Event


class NonFinite:
    """Watches the numbers of a session. Those on a device are read later, so that nothing waits for it."""

    def __init__(self) -> None:
        self._stretches: dict[str, int] = {}
        """Of every number that was not finite at some time: how often it began to be."""
        self._now: dict[str, int] = {}
        """Of every number that is not finite now: at how many steps or evaluations it was not."""
        self._on_device: list[tuple[str, int, Tensor]] = []
        self._pending: _Pending | None = None

    def step(self, step: int, losses: Iterable[tuple[str, float | Tensor]]) -> None:
        """The numbers of one step, by name; tensors have one element."""
        for name, value in losses:
            if isinstance(value, Tensor) and not value.is_cpu:
                self._on_device.append((name, step, value.detach()))
            else:
                self._see(name, float(value), f"from step {step:,} on", "step")
        if self._on_device or self._pending is not None:
            self._read_those_that_are_there()

    def evaluated(self, split: str, metrics: Mapping[str, float], position: int) -> None:
        """The metrics of an evaluation after `position` steps."""
        for name, value in metrics.items():
            self._see(f"{split}.{name}", value, f"after {count(position, 'step')}", "evaluation")

    def close(self) -> None:
        """There is no further step: waits for what is still on a device."""
        self._take(wait=True)
        if self._on_device:
            self._read(
                [(name, step) for name, step, _ in self._on_device],
                torch.stack([value.double().reshape(()) for *_, value in self._on_device]).tolist(),
            )
            self._on_device = []

    def _read_those_that_are_there(self) -> None:
        self._take(wait=False)
        if self._pending is not None or len(self._on_device) < READ_TOGETHER:
            return
        names = [(name, step) for name, step, _ in self._on_device]
        values = torch.stack([value.double().reshape(()) for *_, value in self._on_device])
        self._on_device = []
        if values.is_cuda:
            event = torch.cuda.Event()
            host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
            host.copy_(values, non_blocking=True)
            event.record(torch.cuda.current_stream(values.device))
            self._pending = _Pending(names, host, event)
        else:
            self._read(names, values.tolist())

    def _take(self, *, wait: bool) -> None:
        pending = self._pending
        if pending is None:
            return
        if wait:
            pending.event.synchronize()
        if pending.event.query():
            self._pending = None
            self._read(pending.names, pending.values.tolist())

    def _read(self, names: list[tuple[str, int]], values: list[float]) -> None:
        for (name, step), value in zip(names, values, strict=True):
            self._see(name, value, f"from step {step:,} on", "step")

    def _see(self, name: str, value: float, where: str, unit: str) -> None:
        is_finite = math.isfinite(value)
        if is_finite and name not in self._now:
            return
        if is_finite:
            number = self._now.pop(name)
            were = f"{count(number, unit)} {'was' if number == 1 else 'were'} not"
            self._say(name, f"is finite again {where}: {were}")
        elif name in self._now:
            self._now[name] += 1
        else:
            self._now[name] = 1
            self._stretches[name] = self._stretches.get(name, 0) + 1
            last = "; this is not said again" if self._stretches[name] == SAID_STRETCHES else ""
            self._say(name, f"is {value} {where}{last}")

    def _say(self, name: str, what: str) -> None:
        if self._stretches[name] <= SAID_STRETCHES and global_rank() == 0:
            shown = name if name.isprintable() else ascii(name)
            complain(f"absgd: {shown} {what}")


SAID_STRETCHES = 5
"""A number that comes and goes all the time would fill the terminal."""
READ_TOGETHER = 64
"""Numbers on a device are read so many at a time: one copy for all of them."""
