"""How elementwise operations change the element map of a followed loss.

Shapes: S as the losses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from absgd_worker.attach.provenance.element_map import ElementMap


def torch_functions(names: str) -> set[Any]:
    """The functions and methods of torch with these names, separated by spaces. Unknown names are skipped."""
    owners = (torch, Tensor, F, torch.special)
    return {getattr(owner, name) for owner in owners for name in names.split() if hasattr(owner, name)}


def elementwise_map(
    func: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    result: Tensor,
    followed: list[tuple[Tensor, ElementMap]],
) -> ElementMap | None:
    """The element map of `result`, which a call of `func`, one of `ELEMENTWISE`, returned.

    `followed`: the arguments that have an element map, at least one. The first has the result's shape.

    None if the elements of several losses do not correspond to each other.
    """
    (losses, element_map), *others = followed
    other_maps = [other_map for other, other_map in others if other is not losses]
    if not all(_correspond(element_map, other_map) for other_map in other_maps):
        return None
    values = [*args, *kwargs.values()]
    uses = sum(value is losses for value in values if isinstance(value, Tensor))
    unfollowed = [
        value
        for value in values
        if isinstance(value, Tensor) and all(value is not tensor for tensor, _ in followed)
    ]
    if func in PRODUCTS:
        # A square is not linear.
        operand = element_map if uses == 1 else element_map._replace(factors=())
        numbers = [value for value in values if isinstance(value, (int, float))]
        return _product_map(operand, other_maps, [*unfollowed, *numbers], result)
    for other_map in other_maps:
        kept = None
        if element_map.kept is not None and other_map.kept is not None:
            kept = element_map.kept | other_map.kept
        is_same = func in _ADDITIONS and _are_same(element_map.factors, other_map.factors)
        factors = element_map.factors if is_same else ()
        element_map = element_map._replace(kept=kept, is_sum=True, factors=factors)
    if func in _FILLS or func in _CHOICES:
        mask = _kept_by_mask(func, values, losses)
        return element_map._replace(factors=()) if mask is None else _with_mask(element_map, mask, result)
    if func in _ADDITIONS and any(tensor.requires_grad for tensor in unfollowed):
        # Elements that were 0 now have the value of another trained term, so that they count.
        element_map = element_map._replace(kept=None)
    is_scaled = func in _SCALINGS or (func in QUOTIENTS and values[0] is losses and uses == 1)
    is_sum_of_followed = func in _ADDITIONS and bool(other_maps) and not unfollowed
    return element_map if is_scaled or is_sum_of_followed else element_map._replace(factors=())


def _correspond(first: ElementMap, second: ElementMap) -> bool:
    """Whether values at the same place come from elements at the same place of losses of one shape."""
    has_order = first.element is None and second.element is None
    return has_order and first.pending.plain.shape == second.pending.plain.shape


def _product_map(
    element_map: ElementMap, others: list[ElementMap], multipliers: list[Any], result: Tensor
) -> ElementMap:
    """`others`: the maps of the other followed factors. `multipliers`: tensors not followed, and numbers."""
    for other in others:
        # A loss times a factor computed from it (a focal loss) is 0 where either is 0.
        kept = element_map.kept
        if other.kept is not None:
            kept = other.kept if kept is None else kept & other.kept
        element_map = element_map._replace(kept=kept, factors=element_map.factors + other.factors)
    for multiplier in multipliers:
        if not isinstance(multiplier, Tensor):
            if multiplier == 0:
                element_map = _with_mask(element_map, torch.zeros_like(result, dtype=torch.bool), result)
        elif not multiplier.requires_grad:
            # A factor with a gradient is part of the loss. Others are copied: the script may change them.
            factor = multiplier.detach().to(result.device).expand(result.shape).clone()
            element_map = _with_mask(element_map, factor != 0, result)
            if multiplier.ndim:
                element_map = element_map._replace(factors=(*element_map.factors, factor))
    return element_map


def _with_mask(element_map: ElementMap, mask: Tensor, result: Tensor) -> ElementMap:
    mask = mask.to(result.device).expand(result.shape)
    return element_map._replace(kept=mask if element_map.kept is None else element_map.kept & mask)


def _kept_by_mask(func: Callable[..., Any], values: list[Any], losses: Tensor) -> Tensor | None:
    """bool, false where the call replaces a loss by 0; None if it fills in another value."""
    if len(values) != 3:
        return None
    if func in _FILLS:
        return ~values[1] if is_zero(values[2]) and isinstance(values[1], Tensor) else None
    condition, if_true, if_false = values if func is torch.where else (values[1], values[0], values[2])
    if if_true is losses and is_zero(if_false):
        return condition  # type: ignore[no-any-return]
    if if_false is losses and is_zero(if_true):
        return ~condition  # type: ignore[no-any-return]
    return None


def is_zero(value: Any) -> bool:
    """Whether a value is the number 0, or a tensor without gradient that is 0 everywhere."""
    if isinstance(value, Tensor):
        return not value.requires_grad and value.numel() > 0 and not bool(value.any())
    return isinstance(value, (int, float)) and value == 0


def _are_same(left: tuple[Tensor, ...], right: tuple[Tensor, ...]) -> bool:
    return len(left) == len(right) and all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


PRODUCTS = torch_functions("mul multiply mul_ multiply_ __mul__ __rmul__ __imul__")
QUOTIENTS = torch_functions("div divide true_divide div_ __truediv__ __itruediv__ __div__")
_ADDITIONS = torch_functions(
    "add sub subtract rsub add_ sub_ __add__ __radd__ __iadd__ __sub__ __rsub__ __isub__"
)
_SCALINGS = torch_functions("neg negative neg_ __neg__ float double half bfloat16 to type type_as")
"""Operations that are linear in the losses and keep their factors."""
_FILLS = torch_functions("masked_fill masked_fill_")
_CHOICES = torch_functions("where")
_OTHERS = torch_functions(
    "pow square sqrt rsqrt exp exp2 expm1 log log1p log2 abs clamp clamp_min clamp_max clip relu threshold "
    "hardtanh softplus sigmoid tanh nan_to_num lerp maximum minimum fmax fmin reciprocal xlogy addcmul "
    "addcdiv dropout pow_ sqrt_ exp_ log_ abs_ clamp_ clamp_min_ clamp_max_ clip_ relu_ nan_to_num_ "
    "__rtruediv__ __pow__ __rpow__ __ipow__ __abs__"
)
IN_PLACE = torch_functions("mul_ multiply_ div_")
"""Products and quotients that change a tensor in place."""
ELEMENTWISE = frozenset(PRODUCTS | QUOTIENTS | _ADDITIONS | _SCALINGS | _FILLS | _CHOICES | _OTHERS)
"""Functions of torch that compute each value of their result from one value of each argument."""
