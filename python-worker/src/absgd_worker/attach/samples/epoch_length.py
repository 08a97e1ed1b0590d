"""How many batches an epoch has, as the tracked loader that began to iterate last tells."""

from __future__ import annotations

import weakref
from typing import Any


class EpochLength:
    """The first loss of a training follows the beginning of its own loader."""

    def __init__(self) -> None:
        self._loader: weakref.ref[Any] | None = None

    def begun(self, loader: Any) -> None:
        """A tracked loader begins to iterate. A weak reference to it is kept."""
        self._loader = weakref.ref(loader)

    @property
    def batches(self) -> int:
        """The number of its batches; 0 if no loader is tracked any more, or it has no length."""
        loader = None if self._loader is None else self._loader()
        try:
            return 0 if loader is None else len(loader)
        except TypeError:
            # A stream has no length.
            return 0


epoch_length = EpochLength()
"""The loaders of this process."""
