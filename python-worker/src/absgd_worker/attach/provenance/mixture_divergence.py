"""Finds KL divergences between predictions and a mixture of them, as in a Jensen-Shannon divergence.

Such a divergence has no loss of one sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from absgd_worker.attach.provenance.unweighable_criteria import refusal_of_criterion

_Edge = tuple[Any, int]
"""A node of the autograd graph, and the number of one of its outputs."""


def refusal_of_mixture(
    func: object, args: tuple[Any, ...], kwargs: Mapping[str, Any], criterion: str | None = None
) -> str | None:
    """Why this call of `kl_div` has no loss of one sample; None for any other call.

    It has none if one argument is trained and is a term of the sum from which the other argument is computed.
    Distillation passes: a teacher's predictions are not trained. So do two forward passes over one batch:
    neither is a term of the other.

    `criterion`: the name of the wrapped criterion that makes the call; None for a script.
    """
    if func is not F.kl_div:
        return None
    scores, target = (
        args[place] if len(args) > place else kwargs.get(name)
        for place, name in enumerate(("input", "target"))
    )
    if not isinstance(scores, Tensor) or not isinstance(target, Tensor):
        return None
    if scores.grad_fn is None or target.grad_fn is None:
        return None
    if not (_is_part_of(target, scores) or _is_part_of(scores, target)):
        return None
    if criterion is not None:
        return refusal_of_criterion(criterion, f"{_REASON} (kl_div)")
    return (
        f"kl_div cannot be weighed per sample: {_REASON}. absgd_worker.weigh(losses) weighs what you make of "
        'it; capture(leave=["kl_div"]), or absgd-run --leave kl_div, leaves it alone'
    )


def _is_part_of(predictions: Tensor, mixture: Tensor) -> bool:
    """Whether `predictions` are a term of a sum in the graph of `mixture`."""
    sources = set(_elementwise_sources(predictions))
    queue: list[tuple[_Edge, bool]] = [((mixture.grad_fn, mixture.output_nr), False)]
    for _ in range(MOST_NODES):
        if not queue:
            return False
        edge, is_below_sum = queue.pop(0)
        if is_below_sum and edge in sources:
            return True
        node = edge[0]
        operation = _operation(node)
        if operation in _SUMS or operation in _ELEMENTWISE:
            is_below_sum = is_below_sum or operation in _SUMS
            queue.extend(((child, number), is_below_sum) for child, number in node.next_functions if child)
    return False


def _elementwise_sources(predictions: Tensor) -> list[_Edge]:
    """The tensors that `predictions` were computed from elementwise: probabilities, and their scores."""
    edges: list[_Edge] = [(predictions.grad_fn, predictions.output_nr)]
    while _operation(edges[-1][0]) in _ELEMENTWISE and len(edges) < MOST_NODES:
        parents = [(child, number) for child, number in edges[-1][0].next_functions if child]
        if len(parents) != 1:
            break
        edges += parents
    return edges


def _operation(node: Any) -> str:
    name: str = node.name()
    return name.rpartition("::")[2].partition("Backward")[0].lower()


_ELEMENTWISE = {
    *("softmax", "logsoftmax", "log", "exp", "log2", "log1p", "clamp", "clampmin", "clampmax", "mul", "div"),
    *("tocopy", "clone", "view", "unsqueeze", "squeeze", "expand", "alias", "nantonum", "maximum", "minimum"),
    *("sub", "rsub", "neg"),
}
"""Operations on each element, or on the scores of each sample, by the names of their graph nodes."""
_SUMS = {"add", "sum", "mean", "stack", "logsumexp", "lerp", "logaddexp"}
"""Operations that add up several terms, by the names of their graph nodes."""
MOST_NODES = 64
_REASON = (
    "it compares predictions with a mixture that they are part of, as a Jensen-Shannon divergence does over "
    "several views of a sample"
)
