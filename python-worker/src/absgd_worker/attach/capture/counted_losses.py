"""Only counts a loss of `torch.nn.functional` where nothing would be done with its figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from absgd_worker.attach.capture.capture_context import CaptureContext
from absgd_worker.attach.hooks.call_context import is_in_backward


def call_counted(
    context: CaptureContext,
    func: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    call_weighed: Callable[[], Any],
) -> Any:
    """Calls `func`, and counts its result, or learns that it may be counted next time. See `CountedSteps`.

    `call_weighed`: calls `func` so that its result is weighed.
    """
    session = context.session
    counted = session.counted
    if not session.is_open or not torch.is_grad_enabled():
        # It is not trained on.
        return func(*args, **kwargs)
    if not counted.may_come or not _is_plain(args) or is_in_backward():
        counted.forget()
        return call_weighed()
    place = (context, func, args[0].ndim, args[1].ndim, counted.place_here())
    if counted.is_counting:
        if not counted.model_trains:
            return func(*args, **kwargs)
        if counted.counts(place):
            result = func(*args, **kwargs)
            if counted.count(result):
                return result
            counted.forget()
        return call_weighed()
    before = session.captured
    result = call_weighed()
    if session.captured == before + 1:
        counted.note(place, result)
    elif session.is_training:
        counted.forget()
    return result


def _is_plain(args: tuple[Any, ...]) -> bool:
    """Whether the first two arguments, scores and target, are tensors of no other class, outside of vmap."""
    return (
        len(args) > 1
        and type(args[0]) is Tensor
        and type(args[1]) is Tensor
        and not torch._C._functorch.is_functorch_wrapped_tensor(args[0])  # type: ignore[attr-defined]
    )
