"""Which element of a loss each number is, of those that a script makes of it before it reduces them.

Read off the operations, as they are called: what turns, picks or puts together elements does the same to
their numbers. Shapes: S of the numbers that are made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from absgd_worker.attach.provenance.element_map import ElementMap
from absgd_worker.attach.provenance.elementwise_operations import ELEMENTWISE, after, is_zero, named


class Provenance:
    """Of the tensors of a script that are alive."""

    def __init__(self) -> None:
        self._of: Any = WeakTensorKeyDictionary()
        self._is_within = False

    def begin(self, losses: Tensor, trail: ElementMap) -> None:
        """`losses`: as they were computed."""
        self._of[losses] = trail

    def get(self, losses: Tensor) -> ElementMap | None:
        """None for what is made of no loss, or in a way that is not known."""
        return self._of.get(losses)  # type: ignore[no-any-return]

    def call(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Calls one of `FOLLOWED`, and follows it."""
        if not self._of or self._is_within:
            return func(*args, **kwargs)
        # A capture around this one sees the same call, and is not to follow it twice.
        self._is_within = True
        try:
            result = func(*args, **kwargs)
        finally:
            self._is_within = False
        if func is Tensor.__iter__:
            result = tuple(result)
        # A call that cannot be followed must not end a script: what it made is made in an unknown way.
        with torch.no_grad(), suppress(RuntimeError, TypeError, ValueError, IndexError):
            self._follow(func, args, kwargs, result)
        return iter(result) if func is Tensor.__iter__ else result

    def _follow(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
    ) -> None:
        if func in _JOINS:
            self._join(func, args, kwargs, result)
        elif func is Tensor.__iter__:
            self._turn(Tensor.unbind, args, {}, result)
        elif func in _TURNS or func in _SORTS:
            self._turn(func, args, kwargs, result)
        elif func is Tensor.__setitem__:
            self._set(*args)
        else:
            self._each(func, args, kwargs, result)

    def _turn(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
    ) -> None:
        given, *rest = args or (None,)
        trail = self._of.get(given) if isinstance(given, Tensor) else None
        if trail is None:
            return
        if func in _SORTS:
            dim = kwargs.get("dim", rest[_SORTS[func]] if len(rest) > _SORTS[func] else -1)
            values, places = result
            turn: Callable[[Tensor], Any] = lambda one: one.gather(dim, places)  # noqa: E731
            made: Sequence[Any] = [values]
        else:
            turn = lambda one: func(one, *rest, **kwargs)  # noqa: E731
            made = [result] if isinstance(result, Tensor) else result
        indices, kept = turn(trail.indices()), None if trail.kept is None else turn(trail.kept)
        several = lambda one: [one] if isinstance(one, Tensor) else list(one)  # noqa: E731
        masks = [None] * len(made) if kept is None else several(kept)
        turned = [several(turn(factor)) for factor in trail.factors]
        for at, (part, index, mask) in enumerate(zip(made, several(indices), masks, strict=True)):
            factors = tuple(parts[at] for parts in turned)
            self._of[part] = trail._replace(element=index, kept=mask, factors=factors)

    def _join(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Tensor
    ) -> None:
        parts, *rest = args or (kwargs["tensors"],)
        options = {name: value for name, value in kwargs.items() if name not in ("tensors", "out")}
        trails = [self._of.get(part) for part in parts if isinstance(part, Tensor)]
        if not trails or any(trail is None or trail.of is not trails[0].of for trail in trails):
            return
        kept = None
        if any(trail.kept is not None for trail in trails):
            kept = func(
                [
                    trail.kept
                    if trail.kept is not None
                    else torch.ones_like(trail.indices(), dtype=torch.bool)
                    for trail in trails
                ],
                *rest,
                **options,
            )
        index = func([trail.indices() for trail in trails], *rest, **options)
        factors = []
        for at in range(max(len(trail.factors) for trail in trails)):
            known = [trail.factors[at] for trail in trails if at < len(trail.factors)]
            dtype = next((one.dtype for one in known if one.is_floating_point()), torch.float32)
            # Parts that have fewer factors are multiplied by 1.
            own = [
                trail.factors[at] if at < len(trail.factors) else trail.indices() * 0 + 1 for trail in trails
            ]
            factors.append(func([one.to(dtype) for one in own], *rest, **options))
        is_sum = any(trail.is_sum for trail in trails)
        self._of[result] = ElementMap(trails[0].of, index, kept, is_sum, tuple(factors))

    def _set(self, losses: Tensor, where: Any, value: Any) -> None:
        trail = self._of.get(losses)
        if trail is not None and is_zero(value):
            kept = torch.ones_like(losses, dtype=torch.bool) if trail.kept is None else trail.kept.clone()
            kept[where] = False
            self._of[losses] = trail._replace(kept=kept)

    def _each(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
    ) -> None:
        """Every number by itself."""
        tensors = [one for one in (*args, *kwargs.values()) if isinstance(one, Tensor)]
        followed = [(one, trail) for one in tensors if (trail := self._of.get(one)) is not None]
        if not followed or not isinstance(result, Tensor) or result.shape != followed[0][0].shape:
            return
        trail = after(func, args, kwargs, result, followed)
        if trail is None:
            self._of.pop(result, None)
        else:
            self._of[result] = trail


_TURNS = named(
    "__getitem__ reshape flatten squeeze unsqueeze transpose swapaxes swapdims t permute movedim contiguous "
    "masked_select index_select gather take take_along_dim flip roll narrow select chunk split tensor_split "
    "unbind diagonal unflatten view view_as reshape_as clone"
) | {Tensor.T.__get__, Tensor.mT.__get__}  # type: ignore[attr-defined]
_SORTS: dict[Any, int] = dict.fromkeys(named("sort"), 0) | dict.fromkeys(named("topk"), 1)
"""Where the dimension is among their arguments, behind the tensor."""
_JOINS = named("cat concat concatenate stack hstack vstack")
FOLLOWED = frozenset(_TURNS | _SORTS.keys() | _JOINS | ELEMENTWISE | {Tensor.__iter__, Tensor.__setitem__})
"""Functions of torch that make numbers of losses, and leave it known of which."""
