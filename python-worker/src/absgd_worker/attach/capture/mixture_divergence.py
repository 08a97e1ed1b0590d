"""Divergences of predictions from a mixture that they are part of, as of a Jensen-Shannon divergence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from absgd_worker.attach.provenance.unweighable_criteria import refusal_of_criterion

_Edge = tuple[Any, int]
"""A node of torch's graph, and which of its results."""


def refusal_of_mixture(
    func: object, args: tuple[Any, ...], kwargs: Mapping[str, Any], criterion: str | None = None
) -> str | None:
    """Why this call of `kl_div` has no loss of one sample; None for any other call.

    One side is trained and is part of the sum that the other side is made of. A teacher's predictions are not
    trained, and those of two passes over a batch are no part of each other.

    `criterion`: the name of the wrapped criterion that calls it; None where a script does.
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


def _is_part_of(one: Tensor, mixture: Tensor) -> bool:
    sources = set(_sources(one))
    left: list[tuple[_Edge, bool]] = [((mixture.grad_fn, mixture.output_nr), False)]
    for _ in range(MOST_NODES):
        if not left:
            return False
        edge, is_added = left.pop(0)
        if is_added and edge in sources:
            return True
        node = edge[0]
        operation = _operation(node)
        if operation in _SUMS or operation in _EACH:
            is_added = is_added or operation in _SUMS
            left.extend(((child, number), is_added) for child, number in node.next_functions if child)
    return False


def _sources(one: Tensor) -> list[_Edge]:
    """What a tensor was made of, number by number: probabilities, and the scores that they are of."""
    found: list[_Edge] = [(one.grad_fn, one.output_nr)]
    while _operation(found[-1][0]) in _EACH and len(found) < MOST_NODES:
        parents = [(child, number) for child, number in found[-1][0].next_functions if child]
        if len(parents) != 1:
            break
        found += parents
    return found


def _operation(node: Any) -> str:
    name: str = node.name()
    return name.rpartition("::")[2].partition("Backward")[0].lower()


_EACH = {
    *("softmax", "logsoftmax", "log", "exp", "log2", "log1p", "clamp", "clampmin", "clampmax", "mul", "div"),
    *("tocopy", "clone", "view", "unsqueeze", "squeeze", "expand", "alias", "nantonum", "maximum", "minimum"),
    *("sub", "rsub", "neg"),
}
"""Operations on every number by itself, or on the scores of each sample."""
_SUMS = {"add", "sum", "mean", "stack", "logsumexp", "lerp", "logaddexp"}
MOST_NODES = 64
_REASON = (
    "it compares predictions with a mixture that they are part of, as a Jensen-Shannon divergence does over "
    "several views of a sample"
)
