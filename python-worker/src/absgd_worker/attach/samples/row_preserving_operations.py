"""Operations of autograd's graph that keep each row of their result with the row that it was made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def kind_of(node: Any) -> str:
    """The name of a node's operation, without its version. Functions of a script's own keep their ending."""
    full: str = node.name()
    return full.rstrip("0123456789").removesuffix("Backward") if full[-1:].isdigit() else full


def has_no_rows(node: Any) -> bool:
    """Whether it gives a parameter, or one number for the whole batch."""
    kind = kind_of(node)
    return kind.endswith("AccumulateGrad") or (kind in _WHOLE and not _shape(node))


def keeps_rows(node: Any) -> bool:
    """False where that is not known."""
    kind = kind_of(node)
    keeps = _BY_DIMENSION.get(kind)
    return keeps(node) if keeps else kind in _ELEMENTWISE


def target_of(node: Any) -> Tensor | None:
    """The labels that a loss of torch is given, or by which scores are picked in their rows; None for other
    operations."""
    kind = kind_of(node)
    if kind in _WITH_TARGET:
        return node._saved_target  # type: ignore[no-any-return]
    if kind == "Gather":
        return node._saved_index  # type: ignore[no-any-return]
    return node._saved_indices[-1] if kind == "Index" else None


def sliced_rows(node: Any, count: int) -> range | None:
    """Which of `count` rows it keeps; None where all. IndexError where it is given another number of rows."""
    if kind_of(node) != "Slice" or _signed(node._saved_dim) != 0:
        return None
    if node._saved_self_sym_sizes[0] != count:
        raise IndexError(count)
    return range(count)[node._saved_start : node._saved_end : node._saved_step]


def _signed(dim: int) -> int:
    # Autograd keeps dimensions that count from the end as numbers without a sign.
    return dim - 2**64 if dim >= 2**63 else dim


def _shape(node: Any) -> tuple[int, ...]:
    return tuple(node._input_metadata[0].shape)


def _dims(node: Any, *names: str) -> list[int]:
    """Dimensions of its input that an operation works over, from 0 on."""
    found: list[int] = []
    for name in names:
        given = getattr(node, name)
        found += [_signed(one) for one in (given if isinstance(given, tuple) else (given,))]
    sizes = getattr(node, "_saved_self_sym_sizes", None)
    if sizes is not None:
        count = len(sizes)
    else:
        is_fewer = getattr(node, "_saved_keepdim", True) is False
        count = len(_shape(node)) + (len(found) if is_fewer else 0)
    return [one % count for one in found]


def _not_over_rows(*names: str) -> Callable[[Any], bool]:
    return lambda node: 0 not in _dims(node, *names)


def _keeps_rows_in_view(node: Any) -> bool:
    of, made = node._saved_self_sym_sizes, _shape(node)
    if not of or not made:
        return False
    return of[0] == made[0] or made[0] % of[0] == 0 or of[0] % made[0] == 0


def _adds_none_before(node: Any) -> bool:
    of, made = node._saved_self_sym_sizes, _shape(node)
    return len(of) == len(made) and bool(made) and of[0] == made[0]


def _picks_in_rows(node: Any) -> bool:
    """Of `scores[range(R), labels]`: one of each row, in their order."""
    first = node._saved_indices[0]
    rows = node._saved_self_sym_sizes[0]
    if not isinstance(first, Tensor) or first.device.type != "cpu" or first.dtype == torch.bool:
        return False
    return torch.equal(first.reshape(-1), torch.arange(rows))


def _named(names: str) -> frozenset[str]:
    return frozenset(names.split())


_BY_DIMENSION: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(
        _named(
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
    "Expand": _adds_none_before,
    "Index": _picks_in_rows,
}
"""Operations, by the names of their nodes, that keep rows where they do not work over them."""
_WITH_TARGET = _named(
    "NllLoss NllLoss2D BinaryCrossEntropy BinaryCrossEntropyWithLogits MseLoss SmoothL1Loss HuberLoss KlDiv "
    "SoftMarginLoss MultiMarginLoss MultilabelMarginLoss"
)
"""Losses whose nodes hold their target."""
_ELEMENTWISE = _WITH_TARGET | _named(
    "Add Sub Rsub Mul Div Neg Pow Sqrt Rsqrt Exp Exp2 Expm1 Log Log1p Log2 Abs Sign Clamp ClampMin ClampMax "
    "Relu Threshold Hardtanh LeakyRelu Elu Gelu Silu Softplus Sigmoid LogSigmoid Tanh NanToNum Maximum "
    "Minimum Fmax Fmin Where MaskedFill Lerp Xlogy Addcmul Addcdiv Reciprocal Square ToCopy Copy Clone Alias "
    "Detach Squeeze NativeDropout"
)
_WHOLE = _named("Sum Mean Prod Max Min")
