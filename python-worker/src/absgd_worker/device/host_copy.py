"""The numbers of a tensor, copied to the host without waiting for a device."""

from __future__ import annotations

import torch
from torch import Tensor


class HostCopy:
    """A copy of a tensor as it is now. On a CUDA device it is made asynchronously; `numbers` waits for it."""

    def __init__(self, tensor: Tensor) -> None:
        source = tensor.detach()
        self._event: torch.cuda.Event | None = None
        if not source.is_cuda:
            self._copy = source.to("cpu", copy=True)
            return
        self._copy = torch.empty(source.shape, dtype=source.dtype, pin_memory=True)
        self._copy.copy_(source, non_blocking=True)
        self._event = torch.cuda.Event()
        self._event.record(torch.cuda.current_stream(source.device))

    def numbers(self) -> list[float]:
        """Its elements, flat."""
        if self._event is not None:
            self._event.synchronize()
            self._event = None
        return self._copy.flatten().tolist()
