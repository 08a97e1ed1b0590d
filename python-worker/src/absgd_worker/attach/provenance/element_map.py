"""Which element of a loss each number is, of those that are made of it.

Shapes: S of the numbers that are made.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from absgd_worker.attach.provenance.pending_losses import Pending


class ElementMap(NamedTuple):
    """Of numbers that are made of a loss."""

    of: Pending
    element: Tensor | None = None
    """int64 S: the element that each was; None where they are all, in their order and shape."""
    kept: Tensor | None = None
    """bool S: false where a mask has made it 0; None where none has."""
    is_sum: bool = False
    """Whether another loss of the same samples was added."""
    factors: tuple[Tensor, ...] = ()
    """Each S: numbers without gradient that the script has multiplied the losses by."""

    def indices(self) -> Tensor:
        """`element`, where it is None as well."""
        if self.element is not None:
            return self.element
        plain = self.of.plain
        return torch.arange(plain.numel(), device=plain.device).reshape(plain.shape)
