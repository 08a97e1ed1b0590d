"""Where the samples are in the elements of a loss, as far as its input and the models tell.

Shapes: [B, T, …] or, where time comes first, [T, B, …].
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from torch import Tensor

from absgd_worker.attach.hooks.model_watch import ModelWatch

Shape = tuple[int, ...]


class Layout(NamedTuple):
    """What is known."""

    batches: Shape = ()
    """Of what the models of the step were given; empty where no model was called."""
    sizes: tuple[int, int] | None = None
    """First two dimensions of what the loss's input is a view of; None where it flattens none."""
    may_be_time_first: bool = False
    """Whether the model has layers that take time before the batch."""
    cells: int | None = None
    """Batch of the recurrent cells of the model; None where it has none."""
    has_rows: bool = False
    """Whether each row of the loss's input is known to be of one sample: it is one of the rows that the model
    gave, or several of them."""
    picked: Tensor | None = None
    """int64, of each row of the loss's input: which row of the model's output it was picked from, as by a
    mask over tokens; None where that is not so, or not known."""

    words: frozenset[int] = frozenset()
    """How many elements the packed sequences have that the models were given: so many losses are none of one
    sample each."""

    @classmethod
    def of(cls, watch: ModelWatch) -> Layout:
        """What is known of the models alone."""
        return cls(
            watch.batches,
            None,
            watch.may_be_time_first,
            watch.cells,
            words=frozenset(watch.words),
        )


def layout_of(given: tuple[Any, ...], watch: ModelWatch, picked: Tensor | None = None) -> Layout:
    """`given`: the tensors that the loss was computed of, scores first. `picked`: as in `Layout`."""
    known = Layout.of(watch)
    tensors = [one for one in given[:2] if isinstance(one, Tensor) and one.ndim]
    shapes = [(tuple(one.shape), made_of) for one in tensors for made_of in _made_of(one)]
    sizes = next((found for shape, of in shapes if (found := _flattened(shape, of)) is not None), None)
    has_rows = any(_keeps_rows(shape, of) and of[0] in known.batches for shape, of in shapes)
    return known._replace(sizes=sizes, has_rows=has_rows, picked=picked)


def _made_of(given: Tensor) -> Iterator[Shape]:
    """The shapes of what a tensor is a view or a selection of, as far as it tells."""
    if given._base is not None:
        yield tuple(given._base.shape)
    # A reshape that had to copy has no base, but knows what it was made of.
    saved = getattr(_maker(given), "_saved_self_sym_sizes", None)
    if saved is not None:
        yield tuple(int(size) for size in saved)


def _maker(given: Tensor) -> Any:
    """What gave its shape to a tensor."""
    node: Any = given.grad_fn
    while node is not None and node.name() in _ELEMENTWISE:
        node = node.next_functions[0][0]
    return node


def _flattened(shape: Shape, of: Shape) -> tuple[int, int] | None:
    """The first dimension of what was flattened to rows, and all that were put into them beside it."""
    if not shape or not of or not of[0] or len(of) <= max(len(shape), 1):
        return None
    rows = of[0]
    for size in of[1:]:
        rows *= size
        if rows == shape[0]:
            return of[0], rows // of[0]
    return None


def _keeps_rows(shape: Shape, of: Shape) -> bool:
    """Whether rows were chosen, or put side by side, as of the choices of one question."""
    if not of:
        return False
    is_chosen = shape[1:] == of[1:] and shape[0] <= of[0]
    is_folded = len(shape) > 1 and shape[0] * shape[1] == of[0] and all(size == 1 for size in of[1:])
    return is_chosen or is_folded


_ELEMENTWISE = {"LogSoftmaxBackward0", "SoftmaxBackward0", "ToCopyBackward0", "DivBackward0"}
"""They keep the shape of what they are given."""
