"""The samples in what a script has made of a model's outputs, read off the graph of autograd.

Only operations that are known to keep each row of their result with the row that it was made of are passed;
behind any other the samples are not certain. Shapes: R rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from absgd_worker.attach.batches import Origin, agree, batches


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
        full = node.name()
        # Functions of a script's own have names without a number.
        name = full.rstrip("0123456789").removesuffix("Backward") if full[-1:].isdigit() else full
        if name.endswith("AccumulateGrad") or _is_whole(name, node):
            # A parameter, or one number for the whole batch.
            return None
        keeps = _BY_DIMENSION.get(name)
        if not (keeps(node) if keeps else name in _ELEMENTWISE):
            raise _Unproved
        if name in _WITH_TARGET:
            found = batches.find(node._saved_target)
            if found is not None:
                return found
        before = joint([self.at(parent) for parent, _ in node.next_functions if parent is not None])
        if name in _WITH_TARGET and isinstance(before, Origin) and is_rearranged(node._saved_target, before):
            raise _Unproved
        if name == "Slice" and isinstance(before, Origin) and _signed(node._saved_dim) == 0:
            rows = range(before.size)[node._saved_start : node._saved_end : node._saved_step]
            if node._saved_self_sym_sizes[0] != before.size:
                raise _Unproved
            return before.at(rows)
        return before


def is_rearranged(target: object, origin: Origin) -> bool:
    """Whether a loss's target, which is of no batch as it stands, may hold numbers of the batch's samples in
    another order."""
    batch = origin.batch
    if not isinstance(target, Tensor) or target.numel() != batch.indices.shape[0] or target.numel() == 1:
        return False
    is_alike = [one.is_floating_point() == target.is_floating_point() for one in batch.columns]
    if target.device.type != "cpu":
        # What would tell is on the device, for which nothing waits.
        return any(is_alike) or batch.has_columns_elsewhere
    given = target.detach().reshape(-1)
    for column, alike in zip(batch.columns, is_alike, strict=True):
        own = column.reshape(-1)
        if not alike or torch.equal(own.to(given.dtype), given):
            continue
        if torch.equal(own.to(given.dtype).sort().values, given.sort().values):
            return True
    return False


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


def _is_whole(name: str, node: Any) -> bool:
    return name in ("Sum", "Mean", "Prod", "Max", "Min") and not _shape(node)


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
DEEPEST = 64
"""Operations between a loss and the output of a model."""
_MARK = "absgd: samples"
