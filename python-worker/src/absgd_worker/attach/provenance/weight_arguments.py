"""The weight arguments of losses of `torch.nn.functional`: class weights and element weights.

Class weights are divided out of the loss in the exponent. Element weights are treated like factors that the
script multiplies by. Elements with weight 0 do not count.

Shapes: S is the shape of the loss with `reduction="none"`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Weights(NamedTuple):
    """The weight arguments of one call."""

    class_weight_names: tuple[str, ...]
    """The names of the arguments that are class weights."""
    factors: tuple[Tensor, ...]
    """Tensors S, the element weights."""
    valid: Tensor | None
    """bool S, the elements that count; None if all do."""


def weight_arguments(func: object, given: Mapping[str, Any], shape: torch.Size) -> Weights:
    """The weights of a call of `func`. `given`: its arguments by name. `shape`: S."""
    valid = _counted_by_class(func, given, shape)
    positive = given.get("pos_weight")
    if isinstance(positive, Tensor):
        valid = _both(valid, ((positive != 0) | (given["target"] != 1)).expand(shape))
    names = tuple(name for name in ("weight", "pos_weight") if given.get(name) is not None)
    weight = given.get("weight")
    if func not in _WITH_ELEMENT_WEIGHT or not isinstance(weight, Tensor):
        return Weights(names, (), valid)
    others = tuple(name for name in names if name != "weight")
    if weight.requires_grad:
        # A trained weight, such as a factor of a focal loss, is part of the loss.
        return Weights(others, (), valid)
    valid = _both(valid, (weight != 0).expand(shape))
    are_class_weights = weight.ndim < len(shape) or (weight.shape[0] == 1 and shape[0] > 1)
    if are_class_weights:
        return Weights(names, (), valid)
    return Weights(others, (weight.detach().expand(shape),), valid)


def denominator(func: object, given: Mapping[str, Any], losses: Tensor, reduction: str) -> Tensor | float:
    """The number by which the mean of a loss divides its sum."""
    weight, target = given.get("weight"), given.get("target")
    if func in BY_CLASS and isinstance(target, Tensor) and not target.is_floating_point():
        is_counted = target != given["ignore_index"]
        if weight is None:
            return is_counted.sum()
        return weight[target.where(is_counted, 0)].where(is_counted, 0).sum()
    if func in _DIVIDED_BY_WEIGHT and isinstance(weight, Tensor):
        return weight.expand(losses.shape).sum()
    return float(losses.shape[0] if reduction == "batchmean" else losses.numel())


def _counted_by_class(func: object, given: Mapping[str, Any], shape: torch.Size) -> Tensor | None:
    """bool S, false for elements that their target class excludes; None if none are."""
    target, weight = given.get("target"), given.get("weight")
    if not isinstance(target, Tensor):
        return None
    if func in BY_CLASS and not target.is_floating_point():
        counted = target != given["ignore_index"]
        # With label smoothing, every class contributes to the loss.
        if weight is None or given.get("label_smoothing"):
            return counted
        # A class of weight 0 is excluded, like padding.
        return counted & (weight[target.where(counted, 0)] != 0)
    if func in BY_CLASS:
        weighted = target if weight is None else target * weight.view(-1, *[1] * (target.ndim - 2))
        return (weighted != 0).any(1 if target.ndim > 1 else 0) if not given.get("label_smoothing") else None
    if func is F.multi_margin_loss and weight is not None:
        return (weight[target] != 0).expand(shape)
    return None


def _both(valid: Tensor | None, also_valid: Tensor) -> Tensor:
    return also_valid if valid is None else valid & also_valid


BY_CLASS = {F.cross_entropy, F.nll_loss}
_WITH_ELEMENT_WEIGHT = {
    F.binary_cross_entropy,
    F.binary_cross_entropy_with_logits,
    F.huber_loss,
    F.l1_loss,
    F.mse_loss,
}
"""Losses whose `weight` is an element weight."""
_DIVIDED_BY_WEIGHT = {F.mse_loss, F.l1_loss}
"""Losses whose mean divides by the sum of the element weights."""
