"""Weighs the losses of a loop where they are computed: a mode of torch that sees its functions called.

Only reductions change. While λ is off the call is made as it stands; what is weighed is computed beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from absgd_worker.attach.errors import NotWeighable
from absgd_worker.attach.functionals import Elements, elements_of, is_weighable, refusal
from absgd_worker.attach.granularity import Granularity, Grouping, group_elements
from absgd_worker.attach.identity import NOBODY, Identity
from absgd_worker.attach.session import Session

_Call = TypeVar("_Call", bound=Callable[..., Any])


def _eager(call: _Call) -> _Call:
    """Of code that torch.compile is not to trace: it keeps a state in Python.

    As torch has it for its optimizers: `torch.compiler.disable` would load a second of compiler at import.
    """
    return getattr(torch, "_disable_dynamo", torch.compiler.disable)(call)  # type: ignore[no-any-return]


class Capture(TorchFunctionMode):
    """Weighs every loss of `torch.nn.functional` that is computed for training while it is active.

    A loss without reduction is left as it is, and weighed where its elements are reduced by `mean()` or
    `sum()`:
    what a criterion makes of them in between (focal loss, masks) is part of the loss. `reductions`: weigh
    any such
    reduction of one number a sample, for a criterion that is known to be a loss.
    """

    def __init__(
        self,
        session: Session,
        *,
        name: str = "loss",
        granularity: Granularity = "auto",
        reductions: bool = False,
    ) -> None:
        super().__init__()
        self._session = session
        self._name = name
        self._granularity: Granularity = granularity
        self._reductions = reductions
        # What a loss without reduction gave, to be weighed where it is reduced.
        self._pending: Elements | None = None

    def is_of(self, session: Session) -> bool:
        """Whether it weighs for this one."""
        return self._session is session

    def take_valid(self, losses: Tensor) -> Tensor | None:
        """Which elements count of a loss that left this mode without a reduction."""
        pending, self._pending = self._pending, None
        return pending.valid if pending is not None and pending.losses.shape == losses.shape else None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in _REDUCTIONS:
            return self._reduce(func, args, kwargs)
        if is_weighable(func):
            return self._weigh(func, args, kwargs)
        reason = refusal(func)
        if reason is not None and self._session.is_training:
            if not self._session.is_off:
                raise NotWeighable(reason)
            self._session.tell(reason)
        return func(*args, **kwargs)

    def _weigh(self, func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        session = self._session
        if session.is_weighing or not session.is_training:
            return func(*args, **kwargs)
        # A capture around this one is to see a call that is weighed already.
        session.is_weighing = True
        try:
            return self._weigh_call(func, args, kwargs)
        finally:
            session.is_weighing = False

    @_eager
    def _weigh_call(
        self, func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Tensor:
        session = self._session
        if session.is_off:
            result = func(*args, **kwargs)
            if not result.requires_grad:
                return result
            with torch.no_grad():
                elements = elements_of(func, args, kwargs)
            if elements.reduction == "none":
                self._pending = elements
            else:
                self._factors(elements, _batch_of(args, session))
            return result
        elements = elements_of(func, args, kwargs)
        if not elements.losses.requires_grad:
            return func(*args, **kwargs)
        if elements.reduction == "none":
            self._pending = elements
            return elements.losses
        factors = self._factors(elements, _batch_of(args, session))
        total = (elements.losses * factors).sum()
        if elements.reduction != "sum":
            total = total / elements.denominator
        return total.to(elements.losses.dtype)

    def _reduce(self, func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """`mean()` or `sum()` over everything, of the elements of a loss."""
        losses = args[0] if args else kwargs.get("input")
        session = self._session
        whole = len(args) <= 1 and not (kwargs.keys() - {"input"})
        if not whole or not isinstance(losses, Tensor) or not losses.requires_grad or not losses.ndim:
            return func(*args, **kwargs)
        pending = self._pending
        is_loss = pending is not None and pending.losses.shape == losses.shape
        if not (is_loss or self._is_one_a_sample(losses)) or not session.is_training:
            return func(*args, **kwargs)
        self._pending = None
        about = "per-sample losses" if pending is None else pending.about.replace(" none", "", 1)
        kind = "mean" if func in _MEANS else "sum"
        valid = pending.valid if is_loss and pending is not None else None
        label = pending.label if is_loss and pending is not None else None
        elements = Elements(
            losses, losses.detach(), valid, kind, losses.numel(), f"{about}, then {kind}", label
        )
        factors = self._factors(elements, session.watch.batch)
        return func(*args, **kwargs) if session.is_off else func(losses * factors.to(losses.dtype))

    def _is_one_a_sample(self, losses: Tensor) -> bool:
        return self._reductions and losses.ndim == 1 and losses.shape[0] == self._session.watch.batch

    @_eager
    def _factors(self, elements: Elements, batch: int | None) -> Tensor:
        """What every element is multiplied by: of mean 1 over the samples, where Σw is 1."""
        plain = elements.plain
        grouping = group_elements(plain, elements.valid, self._granularity, batch=batch)
        self._session.tell(elements.about, grouping.unit)
        # A loss over tokens has labels of tokens.
        label = elements.label if grouping.group_N is None else None
        return weights_of_elements(self._session, self._name, grouping, plain, Identity(labels=label))


def weights_of_elements(
    session: Session, name: str, grouping: Grouping, plain: Tensor, identity: Identity = NOBODY
) -> Tensor:
    """Weighs the samples of a loss and gives every element of `plain` its sample's factor.

    A sample without a valid element has weight 0, and does not count.
    """
    losses_G, counts_G = grouping.losses_G, grouping.counts_G
    tracked = session.indices
    if identity.indices is None and tracked is not None and tracked.shape[0] == losses_G.shape[0]:
        identity = identity._replace(indices=tracked, ids=session.ids)
    if counts_G is None:
        weights_G = session.weigh(name, losses_G, identity)
        factors_G = weights_G * losses_G.shape[0]
    else:
        kept = counts_G > 0
        held_G = losses_G[kept]
        if held_G.shape[0] == 0:
            return torch.ones_like(plain)
        weights = session.weigh(name, held_G, identity.of(kept))
        factors_G = torch.zeros_like(losses_G, dtype=weights.dtype)
        factors_G[kept] = weights * held_G.shape[0]
    factors_N = factors_G if grouping.group_N is None else factors_G[grouping.group_N]
    return factors_N.reshape(plain.shape)


def _batch_of(args: tuple[Any, ...], session: Session) -> int | None:
    """Of a loss over [B·T, C], the B that its input was a view of, else what the model was given."""
    for given in args[:2]:
        base = getattr(given, "_base", None)
        if base is None or base.ndim < 2:
            continue
        if base.ndim > given.ndim and base.shape[0] * base.shape[1] == given.shape[0]:
            return int(base.shape[0])
    return session.watch.batch


_MEANS = {torch.mean, Tensor.mean}
_REDUCTIONS = _MEANS | {torch.sum, Tensor.sum}
