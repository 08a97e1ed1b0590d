"""Weighs the losses of a loop where they are computed: a mode of torch that sees its functions called.

Only reductions change. While λ is off the call is made as it stands; what is weighed is computed beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import CodeType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach.caller import is_vmapped
from absgd_worker.attach.compilation import eager, is_left_whole
from absgd_worker.attach.errors import NotWeighable
from absgd_worker.attach.factors import factors_of_elements, say_or_raise
from absgd_worker.attach.functionals import LOSSES, Elements, elements_of, reduction_of, refusal
from absgd_worker.attach.granularity import Granularity, GranularityError, group_elements
from absgd_worker.attach.graph_terms import mark_known
from absgd_worker.attach.identity import Identity
from absgd_worker.attach.layout import Layout, layout_of
from absgd_worker.attach.mixtures import refusal_of_mixture
from absgd_worker.attach.origin import Origin
from absgd_worker.attach.pending import Pending
from absgd_worker.attach.picks import PICKING, Picks
from absgd_worker.attach.session import Session
from absgd_worker.attach.sums import SUMS, Sum, sum_of
from absgd_worker.attach.trails import FOLLOWED
from absgd_worker.attach.transparency import TransparentMode
from absgd_worker.attach.unreduced import Unreduced


class Capture(TransparentMode):
    """Weighs every loss of `torch.nn.functional` that is computed for training while it is active.

    Every place of the code that computes one has a running estimate of its own. A loss without reduction is
    left as it is, and weighed where its elements are reduced by `mean()` or `sum()`: what a criterion makes
    of them in between (focal loss, masks) is part of the loss.

    Args:
        leave: losses that stay as they are, by the names of their functions: "mse_loss".
        reductions: weigh any such reduction of one number a sample: for a criterion that is known to be a
            loss.
        within: for a criterion whose name the script gives: code of ours that calls it. The estimate is that
            of the name then, and not that of the place.
    """

    def __init__(
        self,
        session: Session,
        *,
        name: str = "loss",
        granularity: Granularity = "auto",
        leave: Collection[str] = (),
        reductions: bool = False,
        within: CodeType | None = None,
    ) -> None:
        names = {func.__name__ for func in LOSSES}
        if unknown := set(leave) - names:
            raise ValueError(
                f"leave names {', '.join(sorted(unknown))}, must be of {', '.join(sorted(names))}"
            )
        super().__init__()
        self._session = session
        self._name = name
        self._within = within
        self._calls_of_terms: dict[str, int] = {}
        self._granularity: Granularity = granularity
        self._leave = frozenset(leave)
        self._reductions = reductions
        self.unreduced = Unreduced(granularity)
        self._picks = Picks()

    def weigh_for(self, session: Session) -> None:
        """From the next loss on."""
        self._session = session

    def is_of(self, session: Session) -> bool:
        """Whether it weighs for this one."""
        return self._session is session

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        # Of all that torch does: this is asked at every operation.
        if func not in _SEEN:
            return func(*args, **(kwargs or {}))
        kwargs = kwargs or {}
        if func in SUMS:
            return self._reduce(func, args, kwargs)
        if func in LOSSES:
            return self._loss(func, args, kwargs)
        if torch.compiler.is_compiling():
            return func(*args, **kwargs)
        result = self.unreduced.call(func, args, kwargs)
        if func in PICKING:
            self._picks.note(func, args, result)
        return result

    def _loss(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        reason = refusal(func)
        if func.__name__ in self._leave:
            return _left(func(*args, **kwargs))
        reason = reason or refusal_of_mixture(func, args, kwargs)
        if reason is not None and reduction_of(func, args, kwargs) != "none":
            return self._refuse_loss(reason, func, args, kwargs)
        if reason is not None and func is not F.ctc_loss:
            # What a script makes of pairs is for the script to weigh.
            return func(*args, **kwargs)
        return self._weigh(func, args, kwargs)

    def _refuse_loss(
        self, reason: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        if self._session.is_training and _is_trained_on(args, kwargs):
            if not self._session.is_off:
                raise NotWeighable(reason)
            self._session.start_line.unweighed(reason, reason)
            return _left(func(*args, **kwargs))
        return func(*args, **kwargs)

    def _weigh(self, func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        session = self._session
        if session.is_weighing or not session.is_training or is_left_whole(session.source, args):
            return func(*args, **kwargs)
        # A capture around this one is to see a call that is weighed already.
        session.is_weighing = True
        try:
            return self._weigh_call(func, args, kwargs)
        finally:
            session.is_weighing = False

    @eager
    def _weigh_call(
        self, func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Tensor:
        session = self._session
        given = args or (kwargs.get("input"), kwargs.get("target"))
        # A penalty on a parameter has no samples; what needs no gradient is not trained on.
        if isinstance(given[0], nn.Parameter) or not _is_trained_on(args, kwargs):
            return func(*args, **kwargs)
        is_off = session.is_off
        if is_vmapped(given[0]):
            reason = "a loss inside of torch.func.vmap sees no batch: weigh(losses) what vmap gives"
            if not is_off:
                raise NotWeighable(reason)
            session.start_line.unweighed("vmap", reason)
            return func(*args, **kwargs)
        if is_off:
            result = func(*args, **kwargs)
            if not result.requires_grad:
                return result
            with torch.no_grad():
                elements = elements_of(func, args, kwargs)
        else:
            elements = elements_of(func, args, kwargs)
            result = elements.losses
            if not result.requires_grad:
                return func(*args, **kwargs)
        name = self.name_of_place()
        layout = layout_of(given, session.watch, self._picks.rows(given, session.watch))
        origin = session.watch.passes.of_loss(given)
        if elements.reduction == "none":
            self.unreduced.begin(result, Pending.of(elements, result.grad_fn, name, layout, origin))
            return result
        factors = self._factors(name, elements, layout, origin)
        if not is_off and factors is not None:
            total = (elements.losses * factors).sum()
            if elements.reduction != "sum":
                total = total / elements.denominator
            result = total.to(elements.losses.dtype)
        session.follow(result)
        return result

    def _reduce(self, func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """`mean()` or `sum()` of the elements of a loss."""
        call = sum_of(func, args, kwargs)
        if call is None or not call.losses.requires_grad or not call.losses.numel():
            return func(*args, **kwargs)
        session = self._session
        if session.is_weighing or not session.is_training or is_left_whole(session.source, args):
            return func(*args, **kwargs)
        return self._reduce_losses(call)

    @eager
    def _reduce_losses(self, call: Sum) -> Tensor:
        session, losses = self._session, call.losses
        result = self.unreduced.reduce(session, call)
        if result is not None:
            return result
        # Of a criterion, which may make its losses of any operations.
        is_one_a_sample = self._reductions and losses.shape[0] == losses.numel()
        if not is_one_a_sample or losses.shape[0] not in session.watch.batches:
            return call.plain()
        plain = losses.detach()
        grouping = group_elements(plain, None, "sample", Layout())
        about = f"per-sample losses, then {call.kind}"
        origin = session.watch.passes.of_losses(losses)
        factors = factors_of_elements(session, self.name_of_place(), about, grouping, plain, origin=origin)
        result = call.plain() if session.is_off else call.weighed(factors)
        session.follow(result)
        return result

    def name_of_place(self) -> str:
        """Of the estimate of the loss that is computed now."""
        uses = self._session.uses
        if self._within is None:
            return uses.name_here(self._name)
        return uses.term_of(self._name, self._within, self._calls_of_terms)

    def _factors(self, name: str, elements: Elements, layout: Layout, origin: Origin | None) -> Tensor | None:
        """What every element is multiplied by: of mean 1 over the samples, where Σw is 1. None while λ is
        off, and which samples there are cannot be told."""
        try:
            grouping = group_elements(elements.plain, elements.valid, self._granularity, layout)
        except GranularityError as error:
            say_or_raise(self._session, name, elements.about, error)
            return None
        if elements.reduction == "batchmean":
            # The mean is over samples alone, whose elements are summed.
            grouping = grouping.summed()
        identity = Identity(labels=elements.label)
        return factors_of_elements(
            self._session, name, elements.about, grouping, elements.plain, identity=identity, origin=origin
        )


def _left(result: Any) -> Any:
    """A loss that is left as it is, which has been said."""
    if isinstance(result, Tensor):
        mark_known(result)
    return result


def _is_trained_on(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    return any(isinstance(one, Tensor) and one.requires_grad for one in (*args, *kwargs.values()))


_SEEN = SUMS | LOSSES | FOLLOWED | PICKING
