"""Which element of a loss each number is, of those that a script makes of it before it reduces them.

Read off the operations, as they are called: what turns, picks or puts together elements does the same to
their numbers. Shapes: S of the numbers that are made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from absgd_worker.attach.pending import Pending


class Trail(NamedTuple):
    """Of numbers that are made of a loss."""

    of: Pending
    element: Tensor | None = None
    """int64 S: the element that each was; None where they are all, in their order and shape."""
    kept: Tensor | None = None
    """bool S: false where a mask has made it 0; None where none has."""
    is_sum: bool = False
    """Whether another loss of the same samples was added."""

    def indices(self) -> Tensor:
        """`element`, where it is None as well."""
        if self.element is not None:
            return self.element
        plain = self.of.plain
        return torch.arange(plain.numel(), device=plain.device).reshape(plain.shape)


class Trails:
    """Of the tensors of a script that are alive."""

    def __init__(self) -> None:
        self._of: Any = WeakTensorKeyDictionary()

    def begin(self, losses: Tensor, pending: Pending) -> None:
        """`losses`: as they were computed."""
        self._of[losses] = Trail(pending)

    def get(self, losses: Tensor) -> Trail | None:
        """None for what is made of no loss, or in a way that is not known."""
        return self._of.get(losses)  # type: ignore[no-any-return]

    def call(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Calls one of `FOLLOWED`, and follows it."""
        if not self._of:
            return func(*args, **kwargs)
        result = func(*args, **kwargs)
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
        for part, index, mask in zip(made, several(indices), masks, strict=True):
            self._of[part] = trail._replace(element=index, kept=mask)

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
        self._of[result] = Trail(trails[0].of, index, kept, any(trail.is_sum for trail in trails))

    def _set(self, losses: Tensor, where: Any, value: Any) -> None:
        trail = self._of.get(losses)
        if trail is not None and _is_zero(value):
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
        (given, trail), *others = followed
        for other, its in others:
            if other is given:
                continue
            fits = (
                trail.element is None and its.element is None and its.of.plain.shape == trail.of.plain.shape
            )
            if not fits:
                self._of.pop(result, None)
                return
            both = None if trail.kept is None or its.kept is None else trail.kept | its.kept
            trail = trail._replace(kept=both, is_sum=True)
        mask = _mask(func, args, kwargs, given)
        if mask is not None:
            mask = mask.to(given.device).expand(result.shape)
            trail = trail._replace(kept=mask if trail.kept is None else trail.kept & mask)
        self._of[result] = trail


def _mask(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], given: Tensor
) -> Tensor | None:
    """What a call keeps of the losses that it is given: false where it makes 0 of them."""
    if func in _PRODUCTS:
        factors = [one for one in (*args, *kwargs.values()) if isinstance(one, Tensor) and one is not given]
        # A factor that is trained, as of a focal loss, is part of the loss.
        return factors[0] != 0 if factors and factors[0].ndim and not factors[0].requires_grad else None
    values = [*args, *kwargs.values()]
    if func in _FILLS and len(values) == 3 and _is_zero(values[2]):
        return ~values[1] if isinstance(values[1], Tensor) else None
    if func in _CHOICES and len(values) == 3:
        condition, one, other = values if func is torch.where else (values[1], values[0], values[2])
        if one is given and _is_zero(other):
            return condition  # type: ignore[no-any-return]
        if other is given and _is_zero(one):
            return ~condition  # type: ignore[no-any-return]
    return None


def _is_zero(value: Any) -> bool:
    if isinstance(value, Tensor):
        return not value.requires_grad and value.numel() > 0 and not bool(value.any())
    return isinstance(value, (int, float)) and value == 0


def _named(names: str) -> set[Any]:
    """Functions and methods of torch by these names, as far as there are such."""
    homes = (torch, Tensor, F, torch.special)
    return {getattr(home, name) for home in homes for name in names.split() if hasattr(home, name)}


_TURNS = _named(
    "__getitem__ reshape flatten squeeze unsqueeze transpose swapaxes swapdims t permute movedim contiguous "
    "masked_select index_select gather take take_along_dim flip roll narrow select chunk split tensor_split "
    "unbind diagonal unflatten view view_as reshape_as clone"
) | {Tensor.T.__get__, Tensor.mT.__get__}  # type: ignore[attr-defined]
_SORTS: dict[Any, int] = dict.fromkeys(_named("sort"), 0) | dict.fromkeys(_named("topk"), 1)
"""Where the dimension is among their arguments, behind the tensor."""
_JOINS = _named("cat concat concatenate stack hstack vstack")
_PRODUCTS = _named("mul multiply mul_ multiply_ __mul__ __rmul__ __imul__")
_FILLS = _named("masked_fill masked_fill_")
_CHOICES = _named("where")
_OTHERS = _named(
    "add sub subtract rsub div divide true_divide neg negative pow square sqrt rsqrt exp exp2 expm1 log "
    "log1p log2 abs clamp clamp_min clamp_max clip relu threshold hardtanh softplus sigmoid tanh nan_to_num "
    "lerp maximum minimum fmax fmin float double half bfloat16 to type type_as reciprocal xlogy addcmul "
    "addcdiv dropout add_ sub_ div_ neg_ pow_ sqrt_ exp_ log_ abs_ clamp_ clamp_min_ clamp_max_ clip_ relu_ "
    "nan_to_num_ __add__ __radd__ __iadd__ __sub__ __rsub__ __isub__ __truediv__ __rtruediv__ __itruediv__ "
    "__div__ __pow__ __rpow__ __ipow__ __neg__ __abs__"
)
FOLLOWED = frozenset(
    _TURNS
    | _SORTS.keys()
    | _JOINS
    | _PRODUCTS
    | _FILLS
    | _CHOICES
    | _OTHERS
    | {Tensor.__iter__, Tensor.__setitem__}
)
"""Functions of torch that make numbers of losses, and leave it known of which."""
