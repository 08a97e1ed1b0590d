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

from absgd_worker.attach.capture.compilation import is_left_whole
from absgd_worker.attach.capture.criterion_call import CriterionCall, refuse_statistic
from absgd_worker.attach.capture.element_factors import hidden_from_captures
from absgd_worker.attach.capture.follow_to_reduction import unreduced_of
from absgd_worker.attach.capture.left_unweighed import left, refuse_or_say
from absgd_worker.attach.capture.mixture_divergence import refusal_of_mixture
from absgd_worker.attach.capture.reduced_functional_loss import weigh_reduced
from absgd_worker.attach.hooks.backward_use import BackwardUse
from absgd_worker.attach.hooks.call_context import is_vmapped
from absgd_worker.attach.hooks.not_compiled import eager
from absgd_worker.attach.hooks.transparent_mode import TransparentMode
from absgd_worker.attach.provenance.functional_losses import (
    LOSSES,
    Elements,
    elements_of,
    reduction_of,
    refusal,
)
from absgd_worker.attach.provenance.granularity import Granularity
from absgd_worker.attach.provenance.pending_losses import Pending
from absgd_worker.attach.provenance.provenance import FOLLOWED
from absgd_worker.attach.provenance.reduction_calls import DOTS, REDUCTIONS, ReductionCall, reduction_call_of
from absgd_worker.attach.provenance.row_selection import PICKING, RowSelections
from absgd_worker.attach.provenance.sample_layout import layout_of
from absgd_worker.attach.session.session import Session


class Capture(TransparentMode):
    """Weighs every loss of `torch.nn.functional` that is computed for training while it is active.

    Every place of the code that computes one has a running estimate of its own. A loss without reduction is
    left as it is, and weighed where its elements are reduced by `mean()` or `sum()`: what a criterion makes
    of them in between (focal loss, masks) is part of the loss.

    Args:
        leave: losses that stay as they are, by the names of their functions: "mse_loss".
        criterion: the call of a wrapped criterion that it is for, whose reductions of one number a sample may
            be losses as well; None for a script.
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
        criterion: CriterionCall | None = None,
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
        self._criterion = criterion
        self._picks = RowSelections()

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
        if func not in _SEEN or self._session.is_weighing:
            return func(*args, **(kwargs or {}))
        kwargs = kwargs or {}
        if func in REDUCTIONS:
            call = reduction_call_of(func, args, kwargs)
            return func(*args, **kwargs) if call is None else self._reduce(call)
        if func in LOSSES:
            return self._loss(func, args, kwargs)
        if torch.compiler.is_compiling():
            return func(*args, **kwargs)
        if func in DOTS:
            return self._dot(func, args, kwargs)
        result = unreduced_of(self._session).call(func, args, kwargs, self._follow)
        if func in PICKING:
            self._picks.note(func, args, result)
        return result

    def _loss(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        if func.__name__ in self._leave:
            return left(func(*args, **kwargs))
        criterion = None if self._criterion is None else self._criterion.what
        reason = refusal(func, criterion) or refusal_of_mixture(func, args, kwargs, criterion)
        if reason is None:
            return self._weigh(func, args, kwargs)
        reduction = reduction_of(func, args, kwargs)
        if func is F.ctc_loss and reduction in ("none", "sum"):
            # Only its mean divides by the length of each target.
            return self._weigh(func, args, kwargs)
        if reduction != "none":
            return self._refuse_loss(reason, func, args, kwargs)
        # The script says what a sample is, by wrap or by weigh(losses).
        if self._session.is_training and _is_trained_on(args, kwargs):
            self._session.start_line.note(reason)
        return func(*args, **kwargs)

    def _refuse_loss(
        self, reason: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        if self._session.is_training and _is_trained_on(args, kwargs):
            self._refuse(reason, reason)
            return left(func(*args, **kwargs))
        return func(*args, **kwargs)

    def _refuse(self, key: str, reason: str) -> None:
        """See `refuse_or_say`; notes that a loss of the criterion is left as it is."""
        refuse_or_say(self._session, key, reason)
        if self._criterion is not None:
            self._criterion.is_left = True

    def _weigh(self, func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        session = self._session
        if not session.is_training or is_left_whole(session.wants_losses, args):
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
        if is_vmapped(given[0]):
            reason = "a loss inside of torch.func.vmap sees no batch: weigh(losses) what vmap gives"
            self._refuse("vmap", reason)
            return func(*args, **kwargs)
        elements, result = self._elements(func, args, kwargs, is_off=session.is_off)
        weighed = None if elements is None else self._weigh_elements(elements, result, given)
        if weighed is not None:
            return weighed
        if elements is None:
            return result
        plain = result if session.is_off else func(*args, **kwargs)
        if elements.has_samples:
            return plain
        if self._within is None and elements.reduction != "none":
            session.pass_over(self.name_of_place(plain), plain)
        return left(plain)

    def _weigh_elements(self, elements: Elements, result: Tensor, given: tuple[Any, ...]) -> Tensor | None:
        """What the loss is that a call of `given` is to give; None where it is to stay what it is.

        `result`: of the call, where lambda is off; else the elements.
        """
        session, criterion = self._session, self._criterion
        if not elements.losses.numel():
            self._note_empty()
            return None
        name = self.name_of_place(result)
        if criterion is not None and criterion.mix_samples(elements.losses, name):
            refuse_statistic(session, criterion.what)
            return None
        layout = layout_of(given, session.watch, self._picks.rows(given, session.watch))
        origin = session.watch.passes.of_loss(given)
        granularity: Granularity = "sample" if elements.is_one_a_sample else self._granularity
        if elements.reduction == "none":
            pending = Pending.of(elements, result.grad_fn, name, layout, granularity, origin=origin)
            unreduced_of(session).begin(result, pending, elements.factors)
            return result
        weighed = weigh_reduced(
            session,
            name,
            elements,
            result,
            granularity=granularity,
            layout=layout,
            origin=origin,
            follow=self._follow,
        )
        if weighed is None and criterion is not None:
            criterion.is_empty = True
        return weighed

    def _elements(
        self, func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any], *, is_off: bool
    ) -> tuple[Elements | None, Tensor]:
        """What a loss is made of, and what its call gives: itself while lambda is off, else the elements.
        None for one that is not trained on."""
        if not is_off:
            elements = elements_of(func, args, kwargs)
            is_trained = elements.losses.requires_grad
            return (elements, elements.losses) if is_trained else (None, func(*args, **kwargs))
        result = func(*args, **kwargs)
        if not result.requires_grad:
            return None, result
        try:
            # Of a criterion it is asked whether the elements depend on several samples each.
            with torch.set_grad_enabled(self._criterion is not None):
                return elements_of(func, args, kwargs), result
        except _OF_TORCH as error:
            # What torch can compute by itself must not fail because its elements cannot be had.
            about = f"{func.__name__}: its elements cannot be computed ({error})"
            self._session.start_line.unweighed(func.__name__, about)
            if self._criterion is not None:
                self._criterion.is_left = True
            return None, result

    def _note_empty(self) -> None:
        self._session.note_empty_loss()
        if self._criterion is not None:
            self._criterion.is_empty = True

    def _follow(self, result: Tensor, use: BackwardUse) -> None:
        if self._criterion is None:
            use.follow(result)
        else:
            self._criterion.follow(result, use)

    def _dot(self, func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor:
        """A dot product, which may be of the elements of a loss with a number for each."""
        if not self._session.is_training:
            return func(*args, **kwargs)
        losses = unreduced_of(self._session)
        call = losses.dot(func, args, kwargs, of_any=self._criterion is not None)
        return func(*args, **kwargs) if call is None else self._reduce(call)

    def _reduce(self, call: ReductionCall) -> Tensor:
        """`mean()`, `sum()` or a dot product of the elements of a loss."""
        session = self._session
        if not call.losses.requires_grad or not session.is_training:
            return call.plain()
        if is_left_whole(session.wants_losses, (call.losses,)):
            return call.plain()
        if not call.losses.numel():
            if self._criterion is None and not unreduced_of(session).is_known(call.losses):
                return call.plain()
            return self._reduce_nothing(call)
        # A capture around this one is to see losses that are weighed already.
        session.is_weighing = True
        try:
            return self._reduce_losses(call)
        finally:
            session.is_weighing = False

    @eager
    def _reduce_nothing(self, call: ReductionCall) -> Tensor:
        """Of losses without an element."""
        session = self._session
        self._note_empty()
        with hidden_from_captures(session):
            result = left(call.plain())
        unreduced_of(session).pass_over(session, call.losses, result)
        return result

    @eager
    def _reduce_losses(self, call: ReductionCall) -> Tensor:
        session, losses = self._session, call.losses
        result = unreduced_of(session).reduce(session, call, self._follow)
        if result is not None:
            return result
        # Of a criterion, which may make its losses of any operations.
        is_one_a_sample = losses.shape[0] == losses.numel() and call.dims is None
        if self._criterion is None or not is_one_a_sample or losses.shape[0] not in session.watch.batches:
            return call.plain()
        return self._criterion.propose(call, self.name_of_place(losses))

    def name_of_place(self, loss: Tensor) -> str:
        """The name of the estimate of the loss that is computed now. `loss`: see `Estimates.name_here`."""
        uses = self._session.uses
        if self._within is None:
            return uses.name_here(self._name, loss)
        return uses.term_of(self._name, self._within, self._calls_of_terms)


def _is_trained_on(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    return any(isinstance(one, Tensor) and one.requires_grad for one in (*args, *kwargs.values()))


_OF_TORCH = (RuntimeError, ValueError, TypeError, IndexError)
_SEEN = REDUCTIONS | DOTS | LOSSES | FOLLOWED | PICKING

Session.make_capture = Capture
