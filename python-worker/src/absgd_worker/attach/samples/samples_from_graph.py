"""The samples in what a script has made of a model's outputs, read off the graph of autograd.

Only operations that are known to keep each row of their result with the row that it was made of are passed;
behind any other the samples are not certain. Shapes: R rows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from absgd_worker.attach.samples.row_preserving_operations import (
    has_no_rows,
    keeps_rows,
    sliced_rows,
    target_of,
)
from absgd_worker.attach.samples.sample_origin import Origin, agree
from absgd_worker.attach.samples.tracked_batches import batches


class Mixed:
    """Of several batches, or of one in several orders."""


MIXED = Mixed()
Found = Origin | Mixed | None
"""None: nothing is known."""


def joint(found: list[Found]) -> Found:
    """What several inputs together tell: those of which nothing is known are left out."""
    known = [one for one in found if one is not None]
    if not known:
        return None
    first = known[0]
    if isinstance(first, Mixed):
        return MIXED
    return first if all(is_same(first, one) for one in known) else MIXED


def is_same(one: Origin, other: Found) -> bool:
    """Whether both are of the same samples in the same order."""
    return isinstance(other, Origin) and agree(one, other)


def mark(output: Tensor, found: Found) -> None:
    """Notes the samples of what a model gave, on its node of the graph, with which the note is gone."""
    node: Any = output.grad_fn
    if node is not None and found is not None:
        node.metadata[_MARK] = found


def has_mark(output: Tensor) -> bool:
    node: Any = output.grad_fn
    return node is not None and _MARK in node.metadata


def made_of(tensor: Tensor) -> Found:
    """The samples of the rows of `tensor`; None where an operation on the way may have changed them."""
    if tensor.grad_fn is None:
        return None
    walk = _Walk()
    try:
        return walk.at(tensor.grad_fn)
    except (_Unproved, RuntimeError, AttributeError, IndexError, TypeError):
        return None


class _Unproved(Exception):
    pass


class _Walk:
    def __init__(self) -> None:
        self._left = DEEPEST
        self._seen: dict[Any, Found] = {}

    def at(self, node: Any) -> Found:
        if node not in self._seen:
            self._left -= 1
            if self._left < 0:
                raise _Unproved
            self._seen[node] = self._look(node)
        return self._seen[node]

    def _look(self, node: Any) -> Found:
        if _MARK in node.metadata:
            found: Found = node.metadata[_MARK]
            return found
        if has_no_rows(node):
            return None
        if not keeps_rows(node):
            raise _Unproved
        target = target_of(node)
        if target is not None and (found := batches.find(target)) is not None:
            return found
        before = joint([self.at(parent) for parent, _ in node.next_functions if parent is not None])
        if not isinstance(before, Origin):
            return before
        if target is not None and may_be_rearranged(target, before):
            raise _Unproved
        rows = sliced_rows(node, before.size)
        return before if rows is None else before.at(rows)


def may_be_rearranged(target: object, origin: Origin) -> bool:
    """Whether a loss's target, which is of no batch as it stands, may hold numbers of the batch's samples in
    another order."""
    batch = origin.batch
    if not isinstance(target, Tensor) or target.numel() != batch.indices.shape[0] or target.numel() == 1:
        return False
    alike = [one for one in batch.columns if one.is_floating_point() == target.is_floating_point()]
    if target.device.type != "cpu":
        # What would tell is on the device, for which nothing waits.
        return bool(alike) or batch.has_columns_elsewhere
    given = target.detach().reshape(-1).sort().values
    # Equal ones too: samples of one label may have changed places.
    return any(torch.equal(one.reshape(-1).to(given.dtype).sort().values, given) for one in alike)


DEEPEST = 64
"""Operations between a loss and the output of a model."""
_MARK = "absgd: samples"
