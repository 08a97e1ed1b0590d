"""Tracks which element of the unreduced loss each value came from.

An operation that rearranges, selects or joins values is repeated on a tensor of element indices. Shapes: S as
the values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from absgd_worker.attach.provenance.element_map import ElementMap
from absgd_worker.attach.provenance.elementwise_operations import (
    ELEMENTWISE,
    elementwise_map,
    is_zero,
    torch_functions,
)


class Provenance:
    """The element maps of the living tensors of a script."""

    def __init__(self) -> None:
        self._maps: Any = WeakTensorKeyDictionary()
        self.tracked: Mapping[Any, Any] = self._maps.data
        """The living tensors that are tracked; their maps by references to them."""
        self._is_calling = False

    def begin(self, losses: Tensor, element_map: ElementMap) -> None:
        """Tracks `losses` from where they are computed."""
        self._maps[losses] = element_map

    def get(self, losses: Tensor) -> ElementMap | None:
        """The element map of a tensor; None if it comes from no tracked loss, or by unknown operations."""
        return self._maps.get(losses)  # type: ignore[no-any-return]

    def call(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Calls `func`, one of `FOLLOWED`, and tracks its result."""
        if not self._maps or self._is_calling:
            return func(*args, **kwargs)
        # An outer capture sees the same call and must not track it twice.
        self._is_calling = True
        try:
            result = func(*args, **kwargs)
        finally:
            self._is_calling = False
        if func is Tensor.__iter__:
            result = tuple(result)
        # A call that cannot be tracked must not end the script. Its result then has no element map.
        with torch.no_grad(), suppress(RuntimeError, TypeError, ValueError, IndexError):
            self._follow(func, args, kwargs, result)
        return iter(result) if func is Tensor.__iter__ else result

    def _follow(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
    ) -> None:
        if func in _JOINS:
            self._join(func, args, kwargs, result)
        elif func is Tensor.__iter__:
            self._rearrange(Tensor.unbind, args, {}, result)
        elif func in _REARRANGEMENTS or func in _SORTS:
            self._rearrange(func, args, kwargs, result)
        elif func is Tensor.__setitem__:
            self._assign(*args)
        else:
            self._elementwise(func, args, kwargs, result)

    def _rearrange(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
    ) -> None:
        source, *rest = args or (None,)
        element_map = self._maps.get(source) if isinstance(source, Tensor) else None
        if element_map is None:
            return
        if func in _SORTS:
            dim = kwargs.get("dim", rest[_SORTS[func]] if len(rest) > _SORTS[func] else -1)
            sorted_values, order = result
            repeat: Callable[[Tensor], Any] = lambda tensor: tensor.gather(dim, order)  # noqa: E731
            results: Sequence[Any] = [sorted_values]
        else:
            repeat = lambda tensor: func(tensor, *rest, **kwargs)  # noqa: E731
            results = _as_list(result)
        indices = _as_list(repeat(element_map.indices()))
        masks = [None] * len(results) if element_map.kept is None else _as_list(repeat(element_map.kept))
        factors = [_as_list(repeat(factor)) for factor in element_map.factors]
        for number, (part, index, mask) in enumerate(zip(results, indices, masks, strict=True)):
            self._maps[part] = element_map._replace(
                element=index, kept=mask, factors=tuple(parts[number] for parts in factors)
            )

    def _join(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Tensor
    ) -> None:
        parts, *rest = args or (kwargs["tensors"],)
        options = {name: value for name, value in kwargs.items() if name not in ("tensors", "out")}
        maps = [self._maps.get(part) for part in parts if isinstance(part, Tensor)]
        if not maps or any(part is None or part.pending is not maps[0].pending for part in maps):
            return
        kept = None
        if any(part.kept is not None for part in maps):
            masks = [
                torch.ones_like(part.indices(), dtype=torch.bool) if part.kept is None else part.kept
                for part in maps
            ]
            kept = func(masks, *rest, **options)
        index = func([part.indices() for part in maps], *rest, **options)
        factors = []
        for number in range(max(len(part.factors) for part in maps)):
            known = [part.factors[number] for part in maps if number < len(part.factors)]
            dtype = next((factor.dtype for factor in known if factor.is_floating_point()), torch.float32)
            # Parts with fewer factors get factors of 1.
            part_factors = [
                part.factors[number] if number < len(part.factors) else part.indices() * 0 + 1
                for part in maps
            ]
            factors.append(func([factor.to(dtype) for factor in part_factors], *rest, **options))
        is_sum = any(part.is_sum for part in maps)
        self._maps[result] = ElementMap(maps[0].pending, index, kept, is_sum, tuple(factors))

    def _assign(self, losses: Tensor, where: Any, value: Any) -> None:
        element_map = self._maps.get(losses)
        if element_map is not None and is_zero(value):
            kept = element_map.kept
            kept = torch.ones_like(losses, dtype=torch.bool) if kept is None else kept.clone()
            kept[where] = False
            self._maps[losses] = element_map._replace(kept=kept)

    def _elementwise(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
    ) -> None:
        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        followed = [
            (tensor, element_map) for tensor in tensors if (element_map := self._maps.get(tensor)) is not None
        ]
        if not followed or not isinstance(result, Tensor) or result.shape != followed[0][0].shape:
            return
        result_map = elementwise_map(func, args, kwargs, result, followed)
        if result_map is None:
            self._maps.pop(result, None)
        else:
            self._maps[result] = result_map


def _as_list(result: Any) -> list[Any]:
    return [result] if isinstance(result, Tensor) else list(result)


_REARRANGEMENTS = torch_functions(
    "__getitem__ reshape flatten squeeze unsqueeze transpose swapaxes swapdims t permute movedim contiguous "
    "masked_select index_select gather take take_along_dim flip roll narrow select chunk split tensor_split "
    "unbind diagonal unflatten view view_as reshape_as clone"
) | {Tensor.T.__get__, Tensor.mT.__get__}  # type: ignore[attr-defined]
_SORTS: dict[Any, int] = dict.fromkeys(torch_functions("sort"), 0) | dict.fromkeys(torch_functions("topk"), 1)
"""Sorting functions, and the position of the dimension among the arguments after the tensor."""
_JOINS = torch_functions("cat concat concatenate stack hstack vstack")
FOLLOWED = frozenset(
    _REARRANGEMENTS | _SORTS.keys() | _JOINS | ELEMENTWISE | {Tensor.__iter__, Tensor.__setitem__}
)
"""Functions of torch whose results are tracked."""
