"""Where the samples are in the elements of a loss, as far as its input and the model tell.

Shapes: [B, T, …] or, where time comes first, [T, B, …].
"""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor

from absgd_worker.attach.watch import ModelWatch


class Layout(NamedTuple):
    """What is known."""

    batch: int | None = None
    """Of the model's input; None where no model was called."""
    sizes: tuple[int, int] | None = None
    """First two dimensions of what the loss's input is a view of; None where it is none."""
    may_be_time_first: bool = False
    """Whether the model has layers that take time before the batch."""


def layout_of(given: tuple[Any, ...], watch: ModelWatch) -> Layout:
    """`given`: the tensors that the loss was computed of, scores first."""
    tensors = [one for one in given[:2] if isinstance(one, Tensor)]
    sizes = next((found for one in tensors if (found := _sizes(one)) is not None), None)
    return Layout(watch.batch, sizes, watch.may_be_time_first)


def _sizes(given: Tensor) -> tuple[int, int] | None:
    """Of a tensor that flattens the first two dimensions of another."""
    base = given._base
    if base is not None and _flattens(given, tuple(base.shape)):
        return int(base.shape[0]), int(base.shape[1])
    # A reshape that had to copy has no base, but knows what it was made of; so does one before a softmax.
    node: Any = given.grad_fn
    while node is not None and node.name() in _ELEMENTWISE:
        node = node.next_functions[0][0]
    saved = getattr(node, "_saved_self_sym_sizes", None)
    if saved is not None and _flattens(given, tuple(saved)):
        return int(saved[0]), int(saved[1])
    return None


def _flattens(given: Tensor, shape: tuple[int, ...]) -> bool:
    return len(shape) > max(given.ndim, 1) and given.ndim > 0 and shape[0] * shape[1] == given.shape[0]


_ELEMENTWISE = {"LogSoftmaxBackward0", "SoftmaxBackward0", "ToCopyBackward0", "DivBackward0"}
"""They keep the shape of what they are given."""
