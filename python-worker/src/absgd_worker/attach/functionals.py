"""The losses of `torch.nn.functional` that are weighed per sample, and how each of them reduces.

Shapes: S is what `reduction="none"` gives, [B], [B, d…] or [B·T]; a criterion without a batch gives [].
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn._reduction
import torch.nn.functional as F
from torch import Tensor

from absgd_worker.rings import MAX_CLASSES


class Elements(NamedTuple):
    """A loss before its reduction."""

    losses: Tensor
    """S; with the criterion's class weights, differentiable."""
    plain: Tensor
    """S, detached: without class weights, which stay outside the exponent."""
    valid: Tensor | None
    """S, bool: false for what `ignore_index` leaves out; None where nothing is."""
    reduction: str
    denominator: Tensor | float
    """What the criterion's own mean divides the sum by."""
    about: str
    """For people: "cross_entropy mean"."""
    has_class_weights: bool = False
    """Whether `losses` are other than `plain`."""
    label: Tensor | None = None
    """int64 S, the class of each; None where there are none, or more than are reported."""


def reduction_of(func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Of one of `LOSSES`: "mean", "sum", "none" or "batchmean"."""
    return str(_given(func, args, kwargs).get("reduction", "mean"))


def refusal(func: object) -> str | None:
    """Why the samples of this loss cannot be weighed where it is reduced; None for what is no such loss."""
    reason = _REFUSED.get(func)  # type: ignore[call-overload]
    if reason is None:
        return None
    name = getattr(func, "__name__", str(func))
    return (
        f'{name} cannot be weighed per sample: {reason}. With reduction="none", absgd_worker.weigh(losses) '
        f"weighs what you make of it; capture(leave=[{name!r}]), or absgd-run --leave {name}, leaves it alone"
    )


def elements_of(func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Elements:
    """The elements of one of `LOSSES`, as its call would make them."""
    given = _given(func, args, kwargs)
    reduction = given.get("reduction", "mean")
    weights = {name: given[name] for name in _CLASS_WEIGHTS if given.get(name) is not None}
    losses = func(**{**given, "reduction": "none"})
    if weights:
        with torch.no_grad():
            plain = func(**{**given, **dict.fromkeys(weights), "reduction": "none"})
    else:
        plain = losses.detach()
    valid, denominator = _reduces(func, given, losses, reduction)
    name = getattr(func, "__name__", str(func))
    suffix = ", class weights outside the exponent" if weights else ""
    about = f"{name} {reduction}{suffix}"
    label = _label(func, given, plain)
    return Elements(losses, plain, valid, reduction, denominator, about, bool(weights), label)


def _given(func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    bound = _signature(func).bind(*args, **kwargs)
    bound.apply_defaults()
    given = dict(bound.arguments)
    average, reduce = given.pop("size_average", None), given.pop("reduce", None)
    if average is not None or reduce is not None:
        given["reduction"] = torch.nn._reduction.legacy_get_string(average, reduce, emit_warning=False)
    return given


def _label(func: object, given: Mapping[str, Any], plain: Tensor) -> Tensor | None:
    target, scores = given.get("target"), given.get("input")
    if func not in _BY_CLASS or not isinstance(target, Tensor) or not isinstance(scores, Tensor):
        return None
    is_one_a_sample = plain.ndim == 1 and target.shape == plain.shape and not target.is_floating_point()
    return target if is_one_a_sample and scores.shape[-1] <= MAX_CLASSES else None


def _reduces(
    func: object, given: Mapping[str, Any], losses: Tensor, reduction: str
) -> tuple[Tensor | None, Tensor | float]:
    target = given.get("target")
    if func in _BY_CLASS and isinstance(target, Tensor) and not target.is_floating_point():
        valid = target != given["ignore_index"]
        weight = given.get("weight")
        if weight is None:
            return valid, valid.sum()
        weights = weight[target.where(valid, 0)].where(valid, 0)
        # A class of weight 0 is one that is left out, as padding is.
        return weights != 0, weights.sum()
    weight = given.get("weight")
    if func in _BY_WEIGHT and isinstance(weight, Tensor):
        return None, weight.expand(losses.shape).sum()
    if reduction == "batchmean":
        return None, float(losses.shape[0])
    return None, float(losses.numel())


@lru_cache(maxsize=64)
def _signature(func: Callable[..., Tensor]) -> inspect.Signature:
    return inspect.signature(func)


_BY_CLASS = {F.cross_entropy, F.nll_loss}
_BY_WEIGHT = {F.mse_loss, F.l1_loss}
"""Their mean divides by the sum of the weights of elements."""
_CLASS_WEIGHTS = ("weight", "pos_weight")
_WEIGHABLE = _BY_CLASS | {
    F.binary_cross_entropy,
    F.binary_cross_entropy_with_logits,
    F.gaussian_nll_loss,
    F.huber_loss,
    F.kl_div,
    F.l1_loss,
    F.mse_loss,
    F.multi_margin_loss,
    F.multilabel_margin_loss,
    F.multilabel_soft_margin_loss,
    F.poisson_nll_loss,
    F.smooth_l1_loss,
    F.soft_margin_loss,
}
_PAIRS = "its terms belong to pairs of samples"
_REFUSED = {
    F.ctc_loss: "it divides by the length of each target itself",
    F.cosine_embedding_loss: _PAIRS,
    F.hinge_embedding_loss: _PAIRS,
    F.margin_ranking_loss: _PAIRS,
    F.triplet_margin_loss: _PAIRS,
    F.triplet_margin_with_distance_loss: _PAIRS,
}
LOSSES = _WEIGHABLE | _REFUSED.keys()
"""All functions that are weighed or refused."""
