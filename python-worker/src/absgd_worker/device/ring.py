"""The rows of the newest steps, on a device and in memory of the host.

Shapes: K slots, W numbers of a slot.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from absgd_worker.device.streams import Copier, Event


class Ring:
    """Step t is written to slot t mod K by operations of tensors alone: the number of the step is a tensor,
    too, and a captured graph that has `write` writes the next slot each time it is replayed.

    `written` and `free` count the same steps on the host, where no slot is written again before the copy of
    its last step was read.

    Attributes:
        device: of the rows.
        slots: K.
        width: W, the number of the step included.
        written: how many steps were written, or are to be by operations that are queued.
        free: how many slots can be written.
    """

    def __init__(self, device: torch.device, slots: int, width: int, copier: Copier) -> None:
        self.device, self.slots, self.width = device, slots, width
        self.written, self.free = 0, slots
        self._copier = copier
        self._rows_KW = torch.zeros((slots, width), dtype=torch.float64, device=device)
        self._step = torch.zeros((1,), dtype=torch.int64, device=device)
        self._host_KW = copier.empty_host(slots, width)

    def write(self, parts: Sequence[Tensor]) -> None:
        """Writes the parts of a row, at most W - 1 numbers, after the number of the step. Counts nothing."""
        row = torch.cat([self._step.double(), *parts])
        rows = self._rows_KW[:, : row.shape[0]]
        rows.index_copy_(0, torch.remainder(self._step, self.slots), row.unsqueeze(0))
        self._step.add_(1)

    def begin_copy(self, count: int) -> tuple[Tensor, Event]:
        """Begins to copy the last `count` steps, which lie one behind the other.

        Returns:
            Their rows on the host, [count, W], which are valid once the event is complete.
        """
        first = (self.written - count) % self.slots
        host = self._host_KW[first : first + count]
        return host, self._copier.begin(host, self._rows_KW[first : first + count])
