"""Finds the samples of a tensor that was computed from a model's outputs, by its autograd graph.

The search passes only operations that are known to compute each row of their result from the same row of
their arguments. Shapes: R rows.
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
from absgd_worker.attach.samples.sample_origin import Origin, are_same_samples
from absgd_worker.attach.samples.tracked_batches import batches


class Mixed:
    """Samples of several batches, or of one batch in several orders."""


MIXED = Mixed()
KnownSamples = Origin | Mixed | None
"""The samples of the rows of a tensor; None if they are unknown."""


def combine(samples: list[KnownSamples]) -> KnownSamples:
    """The samples of the result of an operation on several tensors. Unknown ones are ignored."""
    known = [own for own in samples if own is not None]
    if not known:
        return None
    first = known[0]
    if isinstance(first, Mixed):
        return MIXED
    return first if all(is_same(first, own) for own in known) else MIXED


def is_same(origin: Origin, samples: KnownSamples) -> bool:
    """Whether both are the same samples in the same order."""
    return isinstance(samples, Origin) and are_same_samples(origin, samples)


def mark(output: Tensor, samples: KnownSamples) -> None:
    """Records the samples of a model's output on its graph node, so that they are released with the graph."""
    node: Any = output.grad_fn
    if node is not None and samples is not None:
        node.metadata[_MARK] = samples


def has_mark(output: Tensor) -> bool:
    """Whether `mark` was called for a tensor."""
    node: Any = output.grad_fn
    return node is not None and _MARK in node.metadata


def samples_from_graph(tensor: Tensor) -> KnownSamples:
    """The samples of the rows of `tensor`; None if an operation in its graph may have rearranged them."""
    if tensor.grad_fn is None:
        return None
    try:
        return _Search().samples_at(tensor.grad_fn)
    except (_Uncertain, RuntimeError, AttributeError, IndexError, TypeError):
        return None


class _Uncertain(Exception):
    """An operation may have rearranged rows, or the graph is too deep."""


class _Search:
    """A search through the graph of one tensor."""

    def __init__(self) -> None:
        self._nodes_left = MOST_NODES
        self._results: dict[Any, KnownSamples] = {}

    def samples_at(self, node: Any) -> KnownSamples:
        if node not in self._results:
            self._nodes_left -= 1
            if self._nodes_left < 0:
                raise _Uncertain
            self._results[node] = self._search(node)
        return self._results[node]

    def _search(self, node: Any) -> KnownSamples:
        if _MARK in node.metadata:
            samples: KnownSamples = node.metadata[_MARK]
            return samples
        if has_no_rows(node):
            return None
        if not keeps_rows(node):
            raise _Uncertain
        target = target_of(node)
        if target is not None and (samples := batches.find(target)) is not None:
            return samples
        parents = [parent for parent, _ in node.next_functions if parent is not None]
        input_samples = combine([self.samples_at(parent) for parent in parents])
        if not isinstance(input_samples, Origin):
            return input_samples
        if target is not None and may_be_rearranged(target, input_samples):
            raise _Uncertain
        rows = sliced_rows(node, input_samples.size)
        return input_samples if rows is None else input_samples.select(rows)


def may_be_rearranged(target: object, origin: Origin) -> bool:
    """Whether the target of a loss, which is no tensor of the batch, may hold values of the batch's samples
    in another order."""
    batch = origin.batch
    if not isinstance(target, Tensor) or target.numel() != batch.indices.shape[0] or target.numel() == 1:
        return False
    columns = [column for column in batch.columns if column.is_floating_point() == target.is_floating_point()]
    if target.device.type != "cpu":
        # Comparing values would wait for the device.
        return bool(columns) or batch.has_columns_elsewhere
    values = target.detach().reshape(-1).sort().values
    # An equal order is no proof either: samples with the same label may have changed places.
    return any(torch.equal(column.reshape(-1).to(values.dtype).sort().values, values) for column in columns)


MOST_NODES = 64
"""The most operations between a loss and the output of a model."""
_MARK = "absgd: samples"
