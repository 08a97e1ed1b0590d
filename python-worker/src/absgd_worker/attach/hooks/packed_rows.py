"""Whether a row of a language model's input holds several documents, as the keywords of its call show.

Shapes: B rows, T tokens.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

from torch import Tensor


class PackedRows:
    """Looks at the calls of modules until it has found such a row, or has looked often enough."""

    def __init__(self) -> None:
        self.found = False
        """Whether a row with several documents was seen."""
        self._looks = 0
        self._last: weakref.ref[Tensor] | None = None

    def look(self, keywords: Mapping[str, Any]) -> None:
        """Takes the keyword arguments of a call."""
        if self.found:
            return
        if any(keywords.get(name) is not None for name in BOUNDARIES):
            self.found = True
            return
        positions = keywords.get("position_ids")
        if not isinstance(positions, Tensor) or self._looks >= MOST_LOOKS:
            return
        # The layers of a model are given the same tensor.
        if self._last is not None and self._last() is positions:
            return
        self._last = weakref.ref(positions)
        self._looks += 1
        self.found = begins_anew(positions)


def begins_anew(positions: Tensor) -> bool:
    """Whether positions, integers [B, T], begin anew within a row. Waits for the device.

    Padding does not count: there the position stays the same, or is that of the row's first token once.
    """
    if positions.ndim != 2 or positions.shape[1] < LEAST_TOKENS:
        return False
    first, before, at, after = positions[:, :1], positions[:, :-2], positions[:, 1:-1], positions[:, 2:]
    return bool(((at == first) & (before > first) & (after == first + 1)).any())


BOUNDARIES = ("cu_seq_lens_q", "seq_idx")
"""Keywords of transformers that are given for several documents in a row alone."""
MOST_LOOKS = 8
"""Each look waits for the device."""
LEAST_TOKENS = 3
