"""Says on stderr when a loss or a metric becomes NaN or infinite, and when it is finite again: once each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from absgd_worker.attach.hooks.distributed_ranks import global_rank
from absgd_worker.console import complain, count


class Copy(NamedTuple):
    """Values on their way from a device to the host."""

    values: Tensor
    is_there: Callable[[], bool]
    wait: Callable[[], None]


def copy_to_host(values: Tensor) -> Copy:
    """Begins to copy. On CUDA nothing waits for the device here, nor in `is_there`."""
    if not values.is_cuda:
        return Copy(values.cpu(), lambda: True, lambda: None)
    host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    host.copy_(values, non_blocking=True)
    event = torch.cuda.Event()
    event.record(torch.cuda.current_stream(values.device))
    return Copy(host, event.query, event.synchronize)


class NonFinite:
    """Watches the numbers of a session. Those on a device are read later, so that nothing waits for it."""

    def __init__(self) -> None:
        self._stretches: dict[str, int] = {}
        """Of every number that was not finite at some time: how often it began to be."""
        self._now: dict[str, int] = {}
        """Of every number that is not finite now: at how many steps or evaluations it was not."""
        self._on_device: list[tuple[str, int, Tensor]] = []
        self._copy: tuple[list[tuple[str, int]], Copy] | None = None
        """Under way, with the name and the step of each."""

    def step(self, step: int, losses: Iterable[tuple[str, float | Tensor]]) -> None:
        """The numbers of one step, by name; tensors have one element."""
        for name, value in losses:
            if isinstance(value, Tensor) and not value.is_cpu:
                self._on_device.append((name, step, value.detach()))
            else:
                self._see(name, float(value), f"from step {step:,} on", "step")
        if self._copy is not None and self._copy[1].is_there():
            self._read()
        if self._copy is None and len(self._on_device) >= READ_TOGETHER:
            self._begin_copy()

    def evaluated(self, split: str, metrics: Mapping[str, float], position: int) -> None:
        """The metrics of an evaluation after `position` steps."""
        for name, value in metrics.items():
            self._see(f"{split}.{name}", value, f"after {count(position, 'step')}", "evaluation")

    def close(self) -> None:
        """There is no further step: waits for what is still on a device."""
        if self._copy is not None:
            self._read()
        if self._on_device:
            self._begin_copy()
            self._read()

    def _begin_copy(self) -> None:
        values = torch.stack([value.double().reshape(()) for *_, value in self._on_device])
        self._copy = [(name, step) for name, step, _ in self._on_device], copy_to_host(values)
        self._on_device = []

    def _read(self) -> None:
        assert self._copy is not None
        names, copy = self._copy
        self._copy = None
        copy.wait()
        for (name, step), value in zip(names, copy.values.tolist(), strict=True):
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
