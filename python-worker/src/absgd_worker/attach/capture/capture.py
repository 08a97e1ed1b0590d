"""The mode of torch that sees the losses of a training loop where they are computed, and weighs them.

Only reductions change. While λ is off, the script's own call is made unchanged, and the figures of the
weighing are computed beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import CodeType
from typing import Any

import torch
from torch import Tensor, nn

from absgd_worker.attach.capture.capture_context import CaptureContext
from absgd_worker.attach.capture.counted_losses import call_counted
from absgd_worker.attach.capture.criterion_call import CriterionCall
from absgd_worker.attach.capture.follow_to_reduction import unreduced_losses_of
from absgd_worker.attach.capture.functional_call import call_functional_loss
from absgd_worker.attach.capture.reductions import call_dot_product, call_reduction
from absgd_worker.attach.capture.waking_losses import (
    begin_to_wake_captures,
    can_wake_captures,
    end_to_wake_captures,
)
from absgd_worker.attach.hooks.intercepted_function import intercepted_by
from absgd_worker.attach.hooks.transparent_mode import TransparentMode, settle
from absgd_worker.attach.provenance.functional_losses import LOSSES
from absgd_worker.attach.provenance.granularity import Granularity
from absgd_worker.attach.provenance.provenance import FOLLOWED
from absgd_worker.attach.provenance.reduction_calls import DOT_PRODUCTS, REDUCTIONS
from absgd_worker.attach.session.session import Session


class Capture(TransparentMode):
    """Weighs every loss of `torch.nn.functional` that is computed for training while it is active.

    Each place in the code that computes a loss has its own running estimate. A loss without reduction is
    left as it is, and weighed where `mean()` or `sum()` reduces its elements. What the script does with the
    elements in between (focal loss, masks) is part of the loss.

    Args:
        name: the name of the first estimate.
        granularity: see `absgd_worker.wrap`.
        leave: losses that are not weighed, by the names of their functions: "mse_loss".
        criterion: the call of a wrapped criterion; then reductions of one value per sample may be losses too.
            None for a script.
        caller: for a criterion whose estimate name the script gives, the worker's code that calls the
            criterion. The estimate then has that name, instead of one for each place in the code.

    Raises:
        ValueError: `leave` names a function that is no loss.
    """

    def __init__(
        self,
        session: Session,
        *,
        name: str = "loss",
        granularity: Granularity = "auto",
        leave: Collection[str] = (),
        criterion: CriterionCall | None = None,
        caller: CodeType | None = None,
    ) -> None:
        names = {func.__name__ for func in LOSSES}
        if unknown := set(leave) - names:
            raise ValueError(
                f"leave names {', '.join(sorted(unknown))}, must be of {', '.join(sorted(names))}"
            )
        super().__init__()
        self.context = CaptureContext(
            session, name=name, granularity=granularity, leave=leave, criterion=criterion, caller=caller
        )
        self._losses = unreduced_losses_of(session)
        self._is_handling = False
        """Whether a loss is weighed now while the mode is off the stack."""

    @property
    def may_rest(self) -> bool:
        """Whether it needs to see losses only: it follows none. A wrapped criterion may compute its losses by
        any operations."""
        return self.context.criterion is None and self._losses.is_idle and can_wake_captures()

    def call_resting(
        self, call: Callable[[], Any], original: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        """See `TransparentMode.call_resting`."""
        if self._is_handling or self.context.session.is_weighing:
            return original(*args, **kwargs)
        if not self.may_rest:
            return call()
        is_plain = not kwargs and _PLAIN_TYPES.issuperset(map(type, args))
        if is_plain and torch._C._is_torch_function_enabled():
            call = lambda: self._call_directly(original, args)  # noqa: E731
        return call_counted(self.context, original, args, kwargs, call)

    def _call_directly(self, original: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Calls a loss as the mode would see it called on the stack."""
        self._is_handling = True
        try:
            return call_functional_loss(self.context, intercepted_by(original), args, {})
        finally:
            self._is_handling = False
            settle()

    def __enter__(self) -> Any:
        if self.context.criterion is None:
            begin_to_wake_captures()
        return super().__enter__()

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        super().__exit__(exc_type, exc_val, exc_tb)
        if self.context.criterion is None:
            end_to_wake_captures()

    def weigh_for(self, session: Session) -> None:
        """Weighs for `session` from the next loss on."""
        self.context.session = session
        self._losses = unreduced_losses_of(session)

    def weighs_for(self, session: Session) -> bool:
        """Whether this capture weighs for `session`."""
        return self.context.session is session

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        # This runs at every operation of torch while the mode is on the stack.
        context = self.context
        handled = _HANDLED_IN_GRAPHS if torch.compiler.is_compiling() else _HANDLED
        if func not in handled or context.session.is_weighing:
            return func(*args, **(kwargs or {}))
        kwargs = kwargs or {}
        if func in REDUCTIONS:
            return call_reduction(context, func, args, kwargs)
        if func in LOSSES:
            return call_functional_loss(context, func, args, kwargs)
        if func in DOT_PRODUCTS:
            return call_dot_product(context, func, args, kwargs)
        return unreduced_losses_of(context.session).call(func, args, kwargs, context.follow)


_HANDLED = REDUCTIONS | DOT_PRODUCTS | LOSSES | FOLLOWED

_PLAIN_TYPES = {Tensor, nn.Parameter, type(None), bool, int, float, str}

# The compiler fails to find a method of Tensor that is written in Python, such as `unflatten`, in a set.
_HANDLED_IN_GRAPHS = REDUCTIONS | LOSSES

Session._make_capture = Capture
