"""How samples may be arranged in a loss, according to its input and to the models of the step.

Shapes: [B, T, …], or [T, B, …] if time comes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from torch import Tensor

from absgd_worker.attach.hooks.model_watch import ModelWatch

Shape = tuple[int, ...]


class Layout(NamedTuple):
    """The known facts about the arrangement."""

    batches: Shape = ()
    """The possible batch sizes of the models' inputs in this step; empty if no model was called."""
    flattened: tuple[int, int] | None = None
    """If the loss's input is a tensor whose first dimensions were flattened: the size of the first one, and
    the product of the others. Else None."""
    may_be_time_first: bool = False
    """Whether the model has layers with time before the batch."""
    cell_batch: int | None = None
    """The batch size of the model's recurrent cells; None if it has none."""
    has_sample_rows: bool = False
    """Whether each row of the loss's input is known to belong to one sample: it is a row of the model's
    output, or several of them."""
    selected_rows: Tensor | None = None
    """int64, the row of the model's output that each row of the loss's input was selected from, for example
    by a mask over tokens; None if it was not, or if that is not known."""
    packed_lengths: frozenset[int] = frozenset()
    """The numbers of elements of the packed sequences in the models' inputs. As many losses are losses of
    elements, not of samples."""

    has_packed_rows: bool = False
    """Whether a row of a model's input holds several documents."""

    @classmethod
    def of(cls, watch: ModelWatch) -> Layout:
        """The layout that the models of the step show, without the input of a loss."""
        return cls(
            watch.batches,
            None,
            watch.may_be_time_first,
            watch.cell_batch,
            packed_lengths=frozenset(watch.packed_lengths),
            has_packed_rows=watch.packed_rows.found,
        )


def layout_of(inputs: tuple[Any, ...], watch: ModelWatch, selected_rows: Tensor | None = None) -> Layout:
    """The layout of a loss. `inputs`: its arguments, scores first. `selected_rows`: as in `Layout`."""
    known = Layout.of(watch)
    tensors = [tensor for tensor in inputs[:2] if isinstance(tensor, Tensor) and tensor.ndim]
    shapes = [(tuple(tensor.shape), source) for tensor in tensors for source in _source_shapes(tensor)]
    flattened = next(
        (sizes for shape, source in shapes if (sizes := _flattened(shape, source)) is not None), None
    )
    has_sample_rows = any(
        _keeps_rows(shape, source) and source[0] in known.batches for shape, source in shapes
    )
    return known._replace(flattened=flattened, has_sample_rows=has_sample_rows, selected_rows=selected_rows)


def _source_shapes(tensor: Tensor) -> Iterator[Shape]:
    """The shapes of the tensors that `tensor` is a view or a selection of, if they are known."""
    if tensor._base is not None:
        yield tuple(tensor._base.shape)
    # A reshape that copies has no base, but its graph node keeps the shape of the source.
    saved = getattr(_reshaping_node(tensor), "_saved_self_sym_sizes", None)
    if saved is not None:
        yield tuple(int(size) for size in saved)


def _reshaping_node(tensor: Tensor) -> Any:
    """The node of the last operation that may have changed the shape; None if there is none."""
    node: Any = tensor.grad_fn
    while node is not None and node.name() in _ELEMENTWISE:
        node = node.next_functions[0][0]
    return node


def _flattened(shape: Shape, source: Shape) -> tuple[int, int] | None:
    """The first size of `source`, and the product of the sizes that were flattened together with it; None if
    `shape` does not flatten `source`."""
    if not shape or not source or not source[0] or len(source) <= max(len(shape), 1):
        return None
    rows = source[0]
    for size in source[1:]:
        rows *= size
        if rows == shape[0]:
            return source[0], rows // source[0]
    return None


def _keeps_rows(shape: Shape, source: Shape) -> bool:
    """Whether rows were selected, or put side by side (the choices of one question, say)."""
    if not source:
        return False
    is_selected = shape[1:] == source[1:] and shape[0] <= source[0]
    is_folded = len(shape) > 1 and shape[0] * shape[1] == source[0] and all(size == 1 for size in source[1:])
    return is_selected or is_folded


_ELEMENTWISE = {"LogSoftmaxBackward0", "SoftmaxBackward0", "ToCopyBackward0", "DivBackward0"}
"""Operations that keep the shape of their argument, by the names of their graph nodes."""
