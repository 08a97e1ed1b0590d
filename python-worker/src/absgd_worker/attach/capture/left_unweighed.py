"""Reports a loss that cannot be weighed: an error while lambda is on, one printed line while it is off."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from torch import Tensor

from absgd_worker.attach.capture.compilation import must_not_break_graph
from absgd_worker.attach.errors import NotWeighable
from absgd_worker.attach.hooks.backward_terms import mark_known
from absgd_worker.attach.provenance.functional_losses import LOSSES
from absgd_worker.attach.provenance.granularity import GranularityError
from absgd_worker.attach.session.session import Session

_Result = TypeVar("_Result")


def mark_left_unweighed(result: _Result) -> _Result:
    """Marks a loss as known, so that it is not reported as overlooked. Returns `result`."""
    if isinstance(result, Tensor):
        mark_known(result)
    return result


def report_unweighable(session: Session, key: str, message: str, results: Iterable[Tensor] = ()) -> None:
    """Raises while lambda is on. While it is off, prints once for each `key` that a loss is not weighed.

    `results`: the results of that loss, which the script gets unchanged.

    Raises:
        NotWeighable: lambda is on.
    """
    if must_not_break_graph(session.wants_losses, ()):
        # Lambda is off, since no losses are wanted; printing would break the compiled graph.
        return
    if not session.is_off:
        raise NotWeighable(message)
    session.start_line.unweighed(key, message)
    for result in results:
        mark_known(result)


def report_unknown_samples(session: Session, name: str, about: str, error: GranularityError) -> None:
    """Raises an error that names the loss; while λ is off, prints it once instead.

    Args:
        name: the estimate of the loss.
        about: the loss, for people: "cross_entropy mean".
        error: why the samples of the loss are unknown.

    Raises:
        GranularityError: lambda is on.
    """
    function = about.split(" ", 1)[0].rstrip(",")
    message = f"{about}: {error}"
    if function in _FUNCTIONAL_LOSSES:
        message += (
            f". Or do not weigh it, for example the loss of a detector's boxes: "
            f"capture(leave=[{function!r}]), absgd-run --leave {function}"
        )
    if not session.is_off:
        raise GranularityError(message) from None
    session.start_line.unweighed(name, message)


_FUNCTIONAL_LOSSES = {function.__name__ for function in LOSSES}
