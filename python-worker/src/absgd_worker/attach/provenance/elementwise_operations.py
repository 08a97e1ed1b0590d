"""What operations on every number by itself make of losses that are followed.

Shapes: S as the losses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from absgd_worker.attach.provenance.element_map import ElementMap


def named(names: str) -> set[Any]:
    """Functions and methods of torch by these names, as far as there are such."""
    homes = (torch, Tensor, F, torch.special)
    return {getattr(home, name) for home in homes for name in names.split() if hasattr(home, name)}


def after(
    func: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    result: Tensor,
    followed: list[tuple[Tensor, ElementMap]],
) -> ElementMap | None:
    """The trail of `result`, which one of `ELEMENTWISE` has made.

    `followed`: those arguments that have a trail, at least one; the first has the result's shape. None where
    the elements of several do not belong to each other.
    """
    (given, trail), *others = followed
    others = [(other, its) for other, its in others if other is not given]
    if not all(_fits(trail, its) for _, its in others):
        return None
    values = [*args, *kwargs.values()]
    uses = sum(value is given for value in values if isinstance(value, Tensor))
    strangers = [
        one for one in values if isinstance(one, Tensor) and all(one is not it for it, _ in followed)
    ]
    if func in PRODUCTS:
        # A square is not linear.
        alone = trail if uses == 1 else trail._replace(factors=())
        numbers = [value for value in values if isinstance(value, (int, float))]
        return _product(alone, [its for _, its in others], [*strangers, *numbers], result)
    for _, its in others:
        both = None if trail.kept is None or its.kept is None else trail.kept | its.kept
        is_same = func in _ADDITIONS and _are_same(trail.factors, its.factors)
        trail = trail._replace(kept=both, is_sum=True, factors=trail.factors if is_same else ())
    if func in _FILLS or func in _CHOICES:
        mask = _mask(func, values, given)
        return trail._replace(factors=()) if mask is None else _masked(trail, mask, result)
    if func in _ADDITIONS and any(one.requires_grad for one in strangers):
        # What is 0 in the losses is another term's number now.
        trail = trail._replace(kept=None)
    is_scaled = func in _SCALINGS or (func in QUOTIENTS and values[0] is given and uses == 1)
    is_sum_alone = func in _ADDITIONS and bool(others) and not strangers
    return trail if is_scaled or is_sum_alone else trail._replace(factors=())


def _fits(trail: ElementMap, its: ElementMap) -> bool:
    return trail.element is None and its.element is None and its.of.plain.shape == trail.of.plain.shape


def _product(trail: ElementMap, others: list[ElementMap], by: list[Any], result: Tensor) -> ElementMap:
    """`others`: of losses that are factors; `by`: tensors that are made of no loss, and numbers."""
    for its in others:
        # A loss times a factor that is made of it, as of a focal loss: 0 where either is.
        kept = trail.kept if its.kept is None else its.kept if trail.kept is None else trail.kept & its.kept
        trail = trail._replace(kept=kept, factors=trail.factors + its.factors)
    for one in by:
        if not isinstance(one, Tensor):
            nothing = torch.zeros_like(result, dtype=torch.bool)
            trail = _masked(trail, nothing, result) if one == 0 else trail
        elif not one.requires_grad:
            # A factor with a gradient is part of the loss. The script may change this one later.
            factor = one.detach().to(result.device).expand(result.shape).clone()
            trail = _masked(trail, factor != 0, result)
            trail = trail._replace(factors=(*trail.factors, factor)) if one.ndim else trail
    return trail


def _masked(trail: ElementMap, mask: Tensor, result: Tensor) -> ElementMap:
    mask = mask.to(result.device).expand(result.shape)
    return trail._replace(kept=mask if trail.kept is None else trail.kept & mask)


def _mask(func: Callable[..., Any], values: list[Any], given: Tensor) -> Tensor | None:
    """What a call keeps of the losses that it is given: false where it puts 0 in their place. None where it
    puts something else there."""
    if len(values) != 3:
        return None
    if func in _FILLS:
        return ~values[1] if is_zero(values[2]) and isinstance(values[1], Tensor) else None
    condition, one, other = values if func is torch.where else (values[1], values[0], values[2])
    if one is given and is_zero(other):
        return condition  # type: ignore[no-any-return]
    if other is given and is_zero(one):
        return ~condition  # type: ignore[no-any-return]
    return None


def is_zero(value: Any) -> bool:
    """Whether it is 0, or all 0, and stays so."""
    if isinstance(value, Tensor):
        return not value.requires_grad and value.numel() > 0 and not bool(value.any())
    return isinstance(value, (int, float)) and value == 0


def _are_same(some: tuple[Tensor, ...], others: tuple[Tensor, ...]) -> bool:
    return len(some) == len(others) and all(torch.equal(a, b) for a, b in zip(some, others, strict=True))


PRODUCTS = named("mul multiply mul_ multiply_ __mul__ __rmul__ __imul__")
QUOTIENTS = named("div divide true_divide div_ __truediv__ __itruediv__ __div__")
_ADDITIONS = named("add sub subtract rsub add_ sub_ __add__ __radd__ __iadd__ __sub__ __rsub__ __isub__")
_SCALINGS = named("neg negative neg_ __neg__ float double half bfloat16 to type type_as")
"""Linear in the losses: factors stay what they are."""
_FILLS = named("masked_fill masked_fill_")
_CHOICES = named("where")
_OTHERS = named(
    "pow square sqrt rsqrt exp exp2 expm1 log log1p log2 abs clamp clamp_min clamp_max clip relu threshold "
    "hardtanh softplus sigmoid tanh nan_to_num lerp maximum minimum fmax fmin reciprocal xlogy addcmul "
    "addcdiv dropout pow_ sqrt_ exp_ log_ abs_ clamp_ clamp_min_ clamp_max_ clip_ relu_ nan_to_num_ "
    "__rtruediv__ __pow__ __rpow__ __ipow__ __abs__"
)
IN_PLACE = named("mul_ multiply_ div_")
"""Of these, those that change a tensor and may not give another."""
ELEMENTWISE = frozenset(PRODUCTS | QUOTIENTS | _ADDITIONS | _SCALINGS | _FILLS | _CHOICES | _OTHERS)
"""Functions of torch that make a number of every number."""
