"""A loss that is not weighed: an error while lambda is on; one printed line while it is off."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from torch import Tensor

from absgd_worker.attach.capture.compilation import is_left_whole
from absgd_worker.attach.errors import NotWeighable
from absgd_worker.attach.hooks.backward_terms import mark_known
from absgd_worker.attach.session.session import Session

_Result = TypeVar("_Result")


def left(result: _Result) -> _Result:
    """Marks a loss as known, so that it is not reported as one that was overlooked; returns it."""
    if isinstance(result, Tensor):
        mark_known(result)
    return result


def refuse_or_say(session: Session, key: str, message: str, results: Iterable[Tensor] = ()) -> None:
    """With lambda on, raises; while it is off, says once for each `key` that a loss is not weighed.

    `results`: the results of that loss, which the script gets as they are.

    Raises:
        NotWeighable: lambda is on.
    """
    if is_left_whole(session.wants_losses, ()):
        # Nobody wants losses, so that lambda is off, and saying anything would break the compiled graph.
        return
    if not session.is_off:
        raise NotWeighable(message)
    session.start_line.unweighed(key, message)
    for one in results:
        mark_known(one)
