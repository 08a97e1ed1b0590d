"""Which of the samples that a collate function was given each row of its batch is.

Proved from numbers and objects that are both in the samples and in the batch; what does not prove one order
is None. Shapes: N samples, R rows, P numbers that are compared of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from absgd_worker.attach.samples.batch_structure import parts_of
from absgd_worker.attach.samples.match_rows import Choices, Sample, columns_of, match, tables_of

Order = tuple[int, ...]


def order_of(samples: Sequence[Any], parts: Sequence[Sample], batch: Any) -> Order | None:
    """`parts`: what `taken_apart` gave; `samples`: in the order in which they were given."""
    chosen = _by_objects(samples, parts, batch)
    proofs = [] if chosen is None else [chosen]
    columns = columns_of(parts)
    explained: list[list[Choices]] = []
    for table in tables_of(batch, len(samples)):
        found = [one for column in columns if (one := match(table, column)) is not None]
        found = [one for one in found if _is_enough(one, len(samples))]
        explained += [found] if found else []
    equal = _Equal(parts)
    for found in explained:
        proofs += [order for one in found if (order := equal.resolved(one)) is not None][:1]
    if not proofs and explained and all(len(found) == 1 for found in explained):
        # What several columns together leave.
        each = zip(*(one[0] for one in explained), strict=True)
        together = [sorted(set(rows[0]).intersection(*rows)) for rows in each]
        proofs += [order] if (order := equal.resolved(together)) is not None else []
    if not proofs or any(not equal.are_same(proofs[0], other) for other in proofs[1:]):
        return None
    order = proofs[0]
    fits = all(any(_fits(order, choices) for choices in found) for found in explained)
    return order if fits else None


class _Equal:
    """Samples of the same content: which of them a row is makes no difference."""

    def __init__(self, parts: Sequence[Sample]) -> None:
        self._parts = parts
        self._prints: dict[int, Any] = {}

    def print_of(self, sample: int) -> Any:
        if sample not in self._prints:
            self._prints[sample] = tuple((path, _print(leaf)) for path, leaf in self._parts[sample].items())
        return self._prints[sample]

    def are_same(self, one: Order, other: Order) -> bool:
        return len(one) == len(other) and all(
            left == right or self.print_of(left) == self.print_of(right)
            for left, right in zip(one, other, strict=True)
        )

    def resolved(self, choices: Choices) -> Order | None:
        """None where a row may be of several samples that differ, or of none."""
        order = []
        for row, samples in enumerate(choices):
            if not samples or any(self.print_of(one) != self.print_of(samples[0]) for one in samples[1:]):
                return None
            order.append(row if row in samples else samples[0])
        return tuple(order)


def _print(leaf: Any) -> Any:
    if isinstance(leaf, Tensor):
        return leaf.dtype, tuple(leaf.shape), tuple(leaf.detach().reshape(-1).tolist())
    return leaf if isinstance(leaf, (str, bytes, int, float, bool, tuple)) else id(leaf)


def _is_enough(choices: Choices, count: int) -> bool:
    """Whether samples are as many as rows of their numbers; those of another column may be so by chance."""
    rows = Counter(tuple(samples) for samples in choices)
    return len(choices) > count or all(number <= len(samples) for samples, number in rows.items())


def _fits(order: Order, choices: Choices) -> bool:
    return len(order) == len(choices) and all(
        sample in samples for sample, samples in zip(order, choices, strict=True)
    )


def _by_objects(samples: Sequence[Any], parts: Sequence[Sample], batch: Any) -> Order | None:
    """Of a batch that is, or holds, a list of what the samples hold: of all of them, or of some."""
    places: dict[int, int | None] = {}
    for place, (sample, leaves) in enumerate(zip(samples, parts, strict=True)):
        for one in {id(sample), *(id(leaf) for leaf in leaves.values())}:
            places[one] = None if one in places else place
    for listed in (batch, *parts_of(batch).values()):
        if isinstance(listed, (list, tuple)) and listed:
            found = [places.get(id(one)) for one in listed]
            order = tuple(one for one in found if one is not None)
            # One sample is a list of what it holds, too.
            if len(order) == len(found) and (len(set(order)) > 1 or len(samples) == 1):
                return order
    return None
