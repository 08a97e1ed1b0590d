"""Which element of an unreduced loss each value of a tensor came from.

Shapes: S as the tensor.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from absgd_worker.attach.provenance.pending_losses import PendingLoss


class ElementMap(NamedTuple):
    """Maps the values of a tensor to the elements of the loss that they were computed from."""

    pending: PendingLoss
    """The loss."""
    element: Tensor | None = None
    """int64 S, the flat index of the element of each value; None if shape and order are those of the loss."""
    kept: Tensor | None = None
    """bool S, false where a mask set the value to 0; None if no mask did."""
    is_sum: bool = False
    """Whether another loss of the same samples was added."""
    factors: tuple[Tensor, ...] = ()
    """Tensors S without gradient that the script multiplied the losses by."""

    def indices(self) -> Tensor:
        """`element`, computed if it is None."""
        if self.element is not None:
            return self.element
        plain = self.pending.plain
        return torch.arange(plain.numel(), device=plain.device).reshape(plain.shape)
