"""Finds the order in which a collate function put its samples into the batch.

The order is known only if values and objects that are in both the samples and the batch allow exactly one.
Shapes: N samples, R rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from absgd_worker.attach.samples.batch_structure import parts_of
from absgd_worker.attach.samples.match_rows import Candidates, Sample, columns_of, match, tables_of

Order = tuple[int, ...]
"""The position of the sample of each row."""


def order_of(samples: Sequence[Any], parts: Sequence[Sample], batch: Any) -> Order | None:
    """The order of the samples in a batch; None if it is not certain.

    Args:
        samples: those that the collate function got, in their order.
        parts: the result of `split_samples`.
        batch: the result of the collate function.
    """
    object_order = _order_of_objects(samples, parts, batch)
    orders = [] if object_order is None else [object_order]
    columns = columns_of(parts)
    tables: list[list[Candidates]] = []
    """For each tensor that comes from the samples, the candidates by each column that explains it."""
    for table in tables_of(batch, len(samples)):
        matches = [candidates for column in columns if (candidates := match(table, column)) is not None]
        matches = [candidates for candidates in matches if _has_enough_samples(candidates, len(samples))]
        tables += [matches] if matches else []
    content = _SampleContent(parts)
    for matches in tables:
        orders += [
            order for candidates in matches if (order := content.unique_order(candidates)) is not None
        ][:1]
    if not orders and tables and all(len(matches) == 1 for matches in tables):
        # No tensor alone allows only one order, but several together may.
        rows = zip(*(matches[0] for matches in tables), strict=True)
        common = [sorted(set(candidates[0]).intersection(*candidates)) for candidates in rows]
        orders += [order] if (order := content.unique_order(common)) is not None else []
    if not orders or any(not content.are_equal(orders[0], other) for other in orders[1:]):
        return None
    order = orders[0]
    is_consistent = all(any(_is_among(order, candidates) for candidates in matches) for matches in tables)
    return order if is_consistent else None


class _SampleContent:
    """Compares samples by their content. Samples with equal content are interchangeable."""

    def __init__(self, parts: Sequence[Sample]) -> None:
        self._parts = parts
        self._contents: dict[int, Any] = {}

    def of(self, sample: int) -> Any:
        """A comparable value for the content of a sample."""
        if sample not in self._contents:
            leaves = self._parts[sample].items()
            self._contents[sample] = tuple((path, _comparable(leaf)) for path, leaf in leaves)
        return self._contents[sample]

    def are_equal(self, first: Order, second: Order) -> bool:
        """Whether two orders have samples with equal content in each row."""
        return len(first) == len(second) and all(
            left == right or self.of(left) == self.of(right)
            for left, right in zip(first, second, strict=True)
        )

    def unique_order(self, candidates: Candidates) -> Order | None:
        """The only order that the candidates allow; None if a row has none, or has samples that differ."""
        order = []
        for row, samples in enumerate(candidates):
            if not samples or any(self.of(other) != self.of(samples[0]) for other in samples[1:]):
                return None
            order.append(row if row in samples else samples[0])
        return tuple(order)


def _comparable(leaf: Any) -> Any:
    if isinstance(leaf, Tensor):
        return leaf.dtype, tuple(leaf.shape), tuple(leaf.detach().reshape(-1).tolist())
    return leaf if isinstance(leaf, (str, bytes, int, float, bool, tuple)) else id(leaf)


def _has_enough_samples(candidates: Candidates, count: int) -> bool:
    """Whether equal rows have at least as many candidates. Otherwise the values match only by chance.

    Not required if the batch has more rows than the `count` samples.
    """
    rows = Counter(tuple(samples) for samples in candidates)
    return len(candidates) > count or all(number <= len(samples) for samples, number in rows.items())


def _is_among(order: Order, candidates: Candidates) -> bool:
    return len(order) == len(candidates) and all(
        sample in samples for sample, samples in zip(order, candidates, strict=True)
    )


def _order_of_objects(samples: Sequence[Any], parts: Sequence[Sample], batch: Any) -> Order | None:
    """The order by object identity, if the batch is or contains a list of samples or of their parts."""
    sample_by_id: dict[int, int | None] = {}
    """None for objects that several samples share."""
    for number, (sample, leaves) in enumerate(zip(samples, parts, strict=True)):
        for object_id in {id(sample), *(id(leaf) for leaf in leaves.values())}:
            sample_by_id[object_id] = None if object_id in sample_by_id else number
    for objects in (batch, *parts_of(batch).values()):
        if isinstance(objects, (list, tuple)) and objects:
            found = [sample_by_id.get(id(item)) for item in objects]
            order = tuple(sample for sample in found if sample is not None)
            # All parts of one sample are also such a list, so that at least two samples are required.
            if len(order) == len(found) and (len(set(order)) > 1 or len(samples) == 1):
                return order
    return None
