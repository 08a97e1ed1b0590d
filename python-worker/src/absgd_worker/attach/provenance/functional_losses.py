"""The losses of `torch.nn.functional` that are weighed per sample, and how each of them reduces its elements.

Shapes: S is the shape of the loss with `reduction="none"`: [B], [B, d…] or [B·T]; [] without a batch.
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
from absgd_worker.attach.provenance.weight_arguments import BY_CLASS, denominator, weight_arguments
from absgd_worker.link.step_entry import MAX_CLASSES


class Elements(NamedTuple):
    """A loss before its reduction."""

    losses: Tensor
    """S, differentiable, with the criterion's class weights."""
    plain: Tensor
    """S, detached, without class weights: these stay outside the exponent."""
    valid: Tensor | None
    """bool S, false for elements that `ignore_index` or a weight of 0 excludes; None if all count."""
    reduction: str
    denominator: Tensor | float
    """The number by which the criterion's own mean divides the sum."""
    about: str
    """For people: "cross_entropy mean"."""
    has_class_weights: bool = False
    """Whether class weights make `losses` differ from `plain`."""
    label: Tensor | None = None
    """int64 S, the class of each element; None if there are none, or more than `MAX_CLASSES`."""
    factors: tuple[Tensor, ...] = ()
    """Tensors S, the element weights, by which `plain` is multiplied."""
    is_one_per_sample: bool = False
    """Whether each element is the loss of one sample, whatever the shape of the model's batch."""

    @property
    def has_samples(self) -> bool:
        """Whether any element counts. Waits for the device."""
        return bool(self.losses.numel()) and (self.valid is None or bool(self.valid.any()))


def reduction_of(func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """The reduction of a call of one of `LOSSES`: "mean", "sum", "none" or "batchmean"."""
    return str(_arguments(func, args, kwargs).get("reduction", "mean"))


def refusal(func: object, criterion: str | None = None) -> str | None:
    """Why this loss cannot be weighed per sample where it is reduced; None for a loss that can.

    `criterion`: the name of the wrapped criterion that makes the call; None for a script.
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
    """The elements of a call of one of `LOSSES`, before its reduction."""
    given = _arguments(func, args, kwargs)
    reduction = given.get("reduction", "mean")
    losses = func(**{**given, "reduction": "none"})
    weights = weight_arguments(func, given, losses.shape)
    has_class_weights = bool(weights.class_weight_names)
    if has_class_weights:
        with torch.no_grad():
            plain = func(**{**given, **dict.fromkeys(weights.class_weight_names), "reduction": "none"})
    else:
        plain = losses.detach()
    name = getattr(func, "__name__", str(func))
    about = f"{name} {reduction}{', class weights outside the exponent' if has_class_weights else ''}"
    return Elements(
        losses,
        plain,
        weights.valid,
        reduction,
        denominator(func, given, losses, reduction),
        about,
        has_class_weights,
        _labels(func, given, plain),
        weights.factors,
        func is F.ctc_loss,
    )


def _arguments(
    func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """All arguments of a call by name, with defaults. The old `size_average` and `reduce` become
    `reduction`."""
    names, defaults = _parameters(func)
    given = {**defaults, **dict(zip(names, args, strict=False)), **kwargs}
    if len(given) != len(names) or len(args) > len(names) or not kwargs.keys().isdisjoint(names[: len(args)]):
        # These are not the arguments of the loss: this raises TypeError.
        inspect.signature(func).bind(*args, **kwargs)
    average, reduce = given.pop("size_average", None), given.pop("reduce", None)
    if average is not None or reduce is not None:
        given["reduction"] = torch.nn._reduction.legacy_get_string(average, reduce, emit_warning=False)
    return given


def _labels(func: object, given: Mapping[str, Any], plain: Tensor) -> Tensor | None:
    target, scores = given.get("target"), given.get("input")
    if func not in BY_CLASS or not isinstance(target, Tensor) or not isinstance(scores, Tensor):
        return None
    is_one_per_sample = plain.ndim == 1 and target.shape == plain.shape and not target.is_floating_point()
    return target if is_one_per_sample and scores.shape[-1] <= MAX_CLASSES else None


@lru_cache(maxsize=64)
def _parameters(func: Callable[..., Tensor]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The names of a function's parameters in their order, and their defaults."""
    parameters = inspect.signature(func).parameters.values()
    defaults = {
        parameter.name: parameter.default
        for parameter in parameters
        if parameter.default is not inspect.Parameter.empty
    }
    return tuple(parameter.name for parameter in parameters), defaults


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
"""The functions that are weighed, and those that are refused."""
