"""Graph operations that compute each row of their result from the same row of their arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def kind_of(node: Any) -> str:
    """The name of a node's operation without its version number. Names of a script's own functions stay
    complete."""
    full: str = node.name()
    return full.rstrip("0123456789").removesuffix("Backward") if full[-1:].isdigit() else full


def has_no_rows(node: Any) -> bool:
    """Whether a node yields a parameter, or one value for the whole batch."""
    kind = kind_of(node)
    return kind.endswith("AccumulateGrad") or (kind in _FULL_REDUCTIONS and not _shape(node))


def keeps_rows(node: Any) -> bool:
    """Whether a node keeps the rows of its arguments; False if that is not known."""
    kind = kind_of(node)
    keeps = _BY_DIMENSION.get(kind)
    return keeps(node) if keeps else kind in _ELEMENTWISE


def target_of(node: Any) -> Tensor | None:
    """The target of a loss of torch, or the labels that select one score in each row; None for other
    nodes."""
    kind = kind_of(node)
    if kind in _WITH_TARGET:
        return node._saved_target  # type: ignore[no-any-return]
    if kind == "Gather":
        return node._saved_index  # type: ignore[no-any-return]
    return node._saved_indices[-1] if kind == "Index" else None


def sliced_rows(node: Any, count: int) -> range | None:
    """The rows that a slice keeps of `count` rows; None if the node is no slice of rows.

    Raises:
        IndexError: the node's argument has another number of rows.
    """
    if kind_of(node) != "Slice" or _signed(node._saved_dim) != 0:
        return None
    if node._saved_self_sym_sizes[0] != count:
        raise IndexError(count)
    return range(count)[node._saved_start : node._saved_end : node._saved_step]


def _signed(dim: int) -> int:
    # Autograd saves negative dimensions as unsigned 64-bit numbers.
    return dim - 2**64 if dim >= 2**63 else dim


def _shape(node: Any) -> tuple[int, ...]:
    return tuple(node._input_metadata[0].shape)


def _dims(node: Any, *names: str) -> list[int]:
    """The dimensions that an operation works over, from 0. `names`: the node's attributes that hold them."""
    dims: list[int] = []
    for name in names:
        saved = getattr(node, name)
        dims += [_signed(dim) for dim in (saved if isinstance(saved, tuple) else (saved,))]
    sizes = getattr(node, "_saved_self_sym_sizes", None)
    if sizes is not None:
        count = len(sizes)
    else:
        removes_dims = getattr(node, "_saved_keepdim", True) is False
        count = len(_shape(node)) + (len(dims) if removes_dims else 0)
    return [dim % count for dim in dims]


def _not_over_rows(*names: str) -> Callable[[Any], bool]:
    return lambda node: 0 not in _dims(node, *names)


def _keeps_rows_in_view(node: Any) -> bool:
    source, result = node._saved_self_sym_sizes, _shape(node)
    if not source or not result:
        return False
    return source[0] == result[0] or result[0] % source[0] == 0 or source[0] % result[0] == 0


def _keeps_rows_in_expand(node: Any) -> bool:
    source, result = node._saved_self_sym_sizes, _shape(node)
    return len(source) == len(result) and bool(result) and source[0] == result[0]


def _selects_one_per_row(node: Any) -> bool:
    """Whether an index operation is `scores[range(R), labels]`, which selects one score of each row."""
    first = node._saved_indices[0]
    rows = node._saved_self_sym_sizes[0]
    if not isinstance(first, Tensor) or first.device.type != "cpu" or first.dtype == torch.bool:
        return False
    return torch.equal(first.reshape(-1), torch.arange(rows))


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


_BY_DIMENSION: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(
        _names(
            "Sum Mean Prod Amax Amin Max Min Logsumexp LinalgVectorNorm Norm Var Std Cumsum LogSoftmax "
            "Softmax Sort Topk Gather Select Split SplitWithSizes Cat Stack IndexSelect Unsqueeze"
        ),
        _not_over_rows("_saved_dim"),
    ),
    "Slice": lambda node: True,
    "Transpose": _not_over_rows("_saved_dim0", "_saved_dim1"),
    "Permute": lambda node: node._saved_dims[0] == 0,
    "View": _keeps_rows_in_view,
    "UnsafeView": _keeps_rows_in_view,
    "ReshapeAlias": _keeps_rows_in_view,
    "Expand": _keeps_rows_in_expand,
    "Index": _selects_one_per_row,
}
"""For operations by the names of their nodes: whether a node keeps rows, because it works over other
dimensions."""
_WITH_TARGET = _names(
    "NllLoss NllLoss2D BinaryCrossEntropy BinaryCrossEntropyWithLogits MseLoss SmoothL1Loss HuberLoss KlDiv "
    "SoftMarginLoss MultiMarginLoss MultilabelMarginLoss"
)
"""Losses whose nodes keep their target."""
_ELEMENTWISE = _WITH_TARGET | _names(
    "Add Sub Rsub Mul Div Neg Pow Sqrt Rsqrt Exp Exp2 Expm1 Log Log1p Log2 Abs Sign Clamp ClampMin ClampMax "
    "Relu Threshold Hardtanh LeakyRelu Elu Gelu Silu Softplus Sigmoid LogSigmoid Tanh NanToNum Maximum "
    "Minimum Fmax Fmin Where MaskedFill Lerp Xlogy Addcmul Addcdiv Reciprocal Square ToCopy Copy Clone Alias "
    "Detach Squeeze NativeDropout"
)
_FULL_REDUCTIONS = _names("Sum Mean Prod Max Min")
