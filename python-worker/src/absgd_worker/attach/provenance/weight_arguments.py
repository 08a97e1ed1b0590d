"""The weights that a loss of `torch.nn.functional` is given: of classes, and of elements.

Weights of classes are undone for the exponent. Weights of elements are factors, as those that a script
multiplies by. What either makes 0 does not count.

Shapes: S is what `reduction="none"` gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Weights(NamedTuple):
    """Of one call."""

    of_classes: tuple[str, ...]
    """The names of its arguments that are weights of classes."""
    factors: tuple[Tensor, ...]
    """Each S: the weights of elements."""
    valid: Tensor | None
    """S, bool: which elements count; None where all do."""


def weights_given(func: object, given: Mapping[str, Any], shape: torch.Size) -> Weights:
    """`given`: the arguments of a call of `func` by name. `shape`: S."""
    valid = _counted_classes(func, given, shape)
    positive = given.get("pos_weight")
    if isinstance(positive, Tensor):
        valid = _both(valid, ((positive != 0) | (given["target"] != 1)).expand(shape))
    names = tuple(name for name in ("weight", "pos_weight") if given.get(name) is not None)
    weight = given.get("weight")
    if func not in _OF_ELEMENTS or not isinstance(weight, Tensor):
        return Weights(names, (), valid)
    others = tuple(name for name in names if name != "weight")
    if weight.requires_grad:
        # It is trained, as a factor of a focal loss may be.
        return Weights(others, (), valid)
    valid = _both(valid, (weight != 0).expand(shape))
    is_of_classes = weight.ndim < len(shape) or (weight.shape[0] == 1 and shape[0] > 1)
    if is_of_classes:
        return Weights(names, (), valid)
    return Weights(others, (weight.detach().expand(shape),), valid)


def denominator(func: object, given: Mapping[str, Any], losses: Tensor, reduction: str) -> Tensor | float:
    """What the mean of a loss divides its sum by."""
    weight, target = given.get("weight"), given.get("target")
    if func in BY_CLASS and isinstance(target, Tensor) and not target.is_floating_point():
        is_counted = target != given["ignore_index"]
        if weight is None:
            return is_counted.sum()
        return weight[target.where(is_counted, 0)].where(is_counted, 0).sum()
    if func in _BY_WEIGHT and isinstance(weight, Tensor):
        return weight.expand(losses.shape).sum()
    return float(losses.shape[0] if reduction == "batchmean" else losses.numel())


def _counted_classes(func: object, given: Mapping[str, Any], shape: torch.Size) -> Tensor | None:
    target, weight = given.get("target"), given.get("weight")
    if not isinstance(target, Tensor):
        return None
    if func in BY_CLASS and not target.is_floating_point():
        counted = target != given["ignore_index"]
        # Smoothing has a loss of every class.
        if weight is None or given.get("label_smoothing"):
            return counted
        # A class of weight 0 is one that is left out, as padding is.
        return counted & (weight[target.where(counted, 0)] != 0)
    if func in BY_CLASS:
        weighted = target if weight is None else target * weight.view(-1, *[1] * (target.ndim - 2))
        return (weighted != 0).any(1 if target.ndim > 1 else 0) if not given.get("label_smoothing") else None
    if func is F.multi_margin_loss and weight is not None:
        return (weight[target] != 0).expand(shape)
    return None


def _both(one: Tensor | None, other: Tensor) -> Tensor:
    return other if one is None else one & other


BY_CLASS = {F.cross_entropy, F.nll_loss}
_OF_ELEMENTS = {
    F.binary_cross_entropy,
    F.binary_cross_entropy_with_logits,
    F.huber_loss,
    F.l1_loss,
    F.mse_loss,
}
"""Their `weight` is one of elements."""
_BY_WEIGHT = {F.mse_loss, F.l1_loss}
"""Their mean divides by the sum of the weights of elements."""
