"""Collate functions that are watched for the order in which they put the samples of a batch.

Nothing is called that was not called, and no random number is drawn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import torch
from torch.utils.data import get_worker_info
from torch.utils.data._utils.collate import default_collate, default_convert

from absgd_worker.attach.samples.collated_order import Order, order_of
from absgd_worker.attach.samples.match_rows import taken_apart


def keeps_order(collate: Any) -> bool:
    """Whether a collate function is known to: those of torch, and of Hugging Face's transformers."""
    if collate is default_collate or collate is default_convert:
        return True
    kind = collate if hasattr(collate, "__qualname__") else type(collate)
    inner = getattr(collate, "data_collator", None)
    if inner is not None and kind.__name__ == "RemoveColumnsCollator":
        return keeps_order(inner)
    return str(getattr(kind, "__module__", "")).startswith("transformers.data.data_collator")


class WatchedCollate:
    """A collate function, in every respect the one that it was, that notes the order it gave last.

    Worker processes tell, by memory that is shared, only that a batch was not certain to keep its order.
    """

    def __init__(self, plain: Callable[[Any], Any], *, has_workers: bool) -> None:
        self.plain = plain
        self._own = threading.local()
        self._has_reordered: Any = None
        if has_workers:
            with suppress(RuntimeError, OSError):
                self._has_reordered = torch.zeros(1, dtype=torch.uint8).share_memory_()

    def __call__(self, samples: Any) -> Any:
        parts: Any = None
        given = list(samples) if isinstance(samples, list) else []
        if given:
            # What cannot be compared is not certain; it must not end a script.
            with suppress(Exception):
                parts = taken_apart(given)
        batch = self.plain(samples)
        order: Order | None = None
        if parts is not None:
            with suppress(Exception), torch.no_grad():
                order = order_of(given, parts, batch)
        if get_worker_info() is None:
            self._own.order = order
        elif self._has_reordered is not None and (parts is None or order != tuple(range(len(parts)))):
            self._has_reordered[0] = 1
        return batch

    def order(self, count: int, *, by_workers: bool) -> Order | None:
        """Of the batch that this thread got last, of `count` samples: which of them each row is; None where
        that is not certain."""
        if by_workers:
            is_kept = self._has_reordered is not None and not int(self._has_reordered[0])
            return tuple(range(count)) if is_kept else None
        return getattr(self._own, "order", None)

    def __getattr__(self, name: str) -> Any:
        if name in ("plain", "_own", "_has_reordered"):
            raise AttributeError(name)
        return getattr(self.plain, name)

    def __getstate__(self) -> dict[str, Any]:
        return {"plain": self.plain, "_has_reordered": self._has_reordered}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state, _own=threading.local())
