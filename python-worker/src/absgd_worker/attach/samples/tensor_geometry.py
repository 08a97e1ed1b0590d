"""The position of a tensor in its storage, and the rows of another tensor that it is a view of."""

from __future__ import annotations

from typing import NamedTuple


class Geometry(NamedTuple):
    """The position of a tensor in its storage. All numbers count elements."""

    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def dims(self) -> list[tuple[int, int]]:
        """The size and stride of each dimension in sorted order, without dimensions of size 1."""
        return sorted(pair for pair in zip(self.shape, self.strides, strict=True) if pair[0] > 1)

    @property
    def is_contiguous(self) -> bool:
        """Whether the elements are stored without gaps and in order."""
        expected = 1
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size > 1 and stride != expected:
                return False
            expected *= size
        return True


def rows_of(view: Geometry, whole: Geometry) -> range | None:
    """The row of `whole` that each row of `view` is a part of; None if a row is no part of one row.

    If whole rows were put together or split ([B, T] as [B·T]), the rows of `whole` in order.
    """
    step = _row_step(whole)
    extent = sum((size - 1) * stride for size, stride in zip(view.shape, view.strides, strict=True))
    start = view.offset - whole.offset
    if step is None or start + extent >= whole.shape[0] * step:
        return None
    first, column = divmod(start, step)
    rows, stride = (view.shape[0], view.strides[0]) if view.shape else (1, 0)
    # Each row of the view is a part of one row of the whole tensor.
    if column + extent - (rows - 1) * stride < step and (rows == 1 or (stride and stride % step == 0)):
        by = max(stride // step, 1)
        return range(first, first + by * rows, by)
    # Whole rows were put together or split: [B, T] as [B·T].
    if view.is_contiguous and whole.is_contiguous and column == 0 and (extent + 1) % step == 0:
        return range(first, first + (extent + 1) // step)
    return None


def _row_step(whole: Geometry) -> int | None:
    """The number of elements from one row to the next; None if rows overlap."""
    inner = sum((size - 1) * stride for size, stride in zip(whole.shape[1:], whole.strides[1:], strict=True))
    step = whole.strides[0] if whole.shape and whole.shape[0] > 1 else inner + 1
    return step if step > inner else None
