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

from absgd_worker.attach.provenance.unweighable_criteria import refusal_of_criterion
from absgd_worker.attach.provenance.weight_arguments import BY_CLASS, denominator, weights_given
from absgd_worker.link.step_reports import MAX_CLASSES


class Elements(NamedTuple):
    """A loss before its reduction."""

    losses: Tensor
    """S; with the criterion's class weights, differentiable."""
    plain: Tensor
    """S, detached: without class weights, which stay outside the exponent."""
    valid: Tensor | None
    """S, bool: false for what `ignore_index` or a weight of 0 leaves out; None where nothing is."""
    reduction: str
    denominator: Tensor | float
    """What the criterion's own mean divides the sum by."""
    about: str
    """For people: "cross_entropy mean"."""
    has_class_weights: bool = False
    """Whether `losses` are other than `plain`."""
    label: Tensor | None = None
    """int64 S, the class of each; None where there are none, or more than are reported."""
    factors: tuple[Tensor, ...] = ()
    """Each S: the weights of elements, by which `plain` is multiplied."""
    is_one_a_sample: bool = False
    """Whether each element is the loss of one sample, whatever shape the batch of the model has."""

    @property
    def has_samples(self) -> bool:
        """Whether there is an element that counts. Waits for the device."""
        return bool(self.losses.numel()) and (self.valid is None or bool(self.valid.any()))


def reduction_of(func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Of one of `LOSSES`: "mean", "sum", "none" or "batchmean"."""
    return str(_given(func, args, kwargs).get("reduction", "mean"))


def refusal(func: object, criterion: str | None = None) -> str | None:
    """Why the samples of this loss cannot be weighed where it is reduced; None for a loss that is weighed.

    `criterion`: the name of the wrapped criterion that calls it; None where a script does.
    """
    reason = _REFUSED.get(func)  # type: ignore[call-overload]
    if reason is None:
        return None
    name = getattr(func, "__name__", str(func))
    if criterion is not None:
        return refusal_of_criterion(criterion, f"{reason} ({name})")
    return (
        f'{name} cannot be weighed per sample: {reason}. With reduction="none", absgd_worker.weigh(losses) '
        f"weighs what you make of it; capture(leave=[{name!r}]), or absgd-run --leave {name}, leaves it alone"
    )


def elements_of(func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Elements:
    """The elements of one of `LOSSES`, as its call would make them."""
    given = _given(func, args, kwargs)
    reduction = given.get("reduction", "mean")
    losses = func(**{**given, "reduction": "none"})
    weights = weights_given(func, given, losses.shape)
    if weights.of_classes:
        with torch.no_grad():
            plain = func(**{**given, **dict.fromkeys(weights.of_classes), "reduction": "none"})
    else:
        plain = losses.detach()
    name = getattr(func, "__name__", str(func))
    has_any = bool(weights.of_classes)
    about = f"{name} {reduction}{', class weights outside the exponent' if has_any else ''}"
    return Elements(
        losses,
        plain,
        weights.valid,
        reduction,
        denominator(func, given, losses, reduction),
        about,
        has_any,
        _label(func, given, plain),
        weights.factors,
        func is F.ctc_loss,
    )


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
    if func not in BY_CLASS or not isinstance(target, Tensor) or not isinstance(scores, Tensor):
        return None
    is_one_a_sample = plain.ndim == 1 and target.shape == plain.shape and not target.is_floating_point()
    return target if is_one_a_sample and scores.shape[-1] <= MAX_CLASSES else None


@lru_cache(maxsize=64)
def _signature(func: Callable[..., Tensor]) -> inspect.Signature:
    return inspect.signature(func)


_WEIGHABLE = BY_CLASS | {
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
