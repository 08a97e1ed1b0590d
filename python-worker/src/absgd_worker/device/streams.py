"""Copies from a device to the host that nothing waits for."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Event(Protocol):
    """Shows when a copy is complete, like `torch.cuda.Event`."""

    def query(self) -> bool:
        """Whether it is complete. Does not wait."""
        ...

    def synchronize(self) -> None:
        """Waits until it is complete. Raises RuntimeError if the device has failed."""
        ...


class Copier(Protocol):
    """Begins copies on a stream of its own. Tests have one whose events are complete when they say so."""

    def empty_host(self, rows: int, width: int) -> Tensor:
        """A float64 [rows, width] on the host that copies can be made to without waiting."""
        ...

    def begin(self, host: Tensor, source: Tensor) -> Event:
        """Begins a copy of `source` after everything that was queued on the device before. Does not wait.

        Both are contiguous and of one shape. The caller keeps them, and leaves them as they are, until the
        event is complete.
        """
        ...


class CudaCopier:
    """Copies on a side stream, into pinned memory."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)

    def empty_host(self, rows: int, width: int) -> Tensor:
        return torch.empty((rows, width), dtype=torch.float64, pin_memory=True)

    def begin(self, host: Tensor, source: Tensor) -> Event:
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            host.copy_(source, non_blocking=True)
        event = torch.cuda.Event()
        event.record(self._stream)
        return event


def copier_for(device: torch.device) -> Copier | None:
    """The copier for tensors of a device; None where they can only be read by waiting."""
    return CudaCopier(device) if device.type == "cuda" else None
