"""The state that the parts of one capture share: session, options, and names of estimates."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import CodeType
from typing import Any

from torch import Tensor

from absgd_worker.attach.capture.criterion_call import CriterionCall
from absgd_worker.attach.capture.left_unweighed import report_unweighable
from absgd_worker.attach.hooks.backward_use import BackwardUse
from absgd_worker.attach.provenance.granularity import Granularity
from absgd_worker.attach.session.session import Session


class CaptureContext:
    """The state of one capture. See `Capture` for the arguments."""

    def __init__(
        self,
        session: Session,
        *,
        name: str,
        granularity: Granularity,
        leave: Collection[str],
        criterion: CriterionCall | None,
        caller: CodeType | None,
    ) -> None:
        self.session = session
        self.granularity: Granularity = granularity
        self.leave = frozenset(leave)
        self.criterion = criterion
        self.caller = caller
        self._name = name
        self._calls_by_term: dict[str, int] = {}

    @property
    def criterion_name(self) -> str | None:
        """The name of the wrapped criterion that is being called; None for a script."""
        return None if self.criterion is None else self.criterion.criterion_name

    def estimate_name(self, loss: Tensor) -> str:
        """The name of the estimate of the loss that is computed now. `loss`: see `Estimates.name_here`."""
        estimates = self.session.uses
        if self.caller is None:
            return estimates.name_here(self._name, loss)
        return estimates.name_of_term(self._name, self.caller, self._calls_by_term)

    def follow(self, loss: Tensor, use: BackwardUse) -> None:
        """Records whether a backward pass reaches the weighed `loss`."""
        if self.criterion is None:
            use.follow(loss)
        else:
            self.criterion.follow(loss, use)

    def note_empty_loss(self) -> None:
        """Records a loss without elements."""
        self.session.note_empty_loss()
        if self.criterion is not None:
            self.criterion.has_empty_loss = True

    def report_unweighable(self, key: str, reason: str) -> None:
        """See `left_unweighed.report_unweighable`. Also records that the criterion has an unweighed loss."""
        report_unweighable(self.session, key, reason)
        if self.criterion is not None:
            self.criterion.has_unweighed_loss = True


def is_trained_on(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether any argument of a call requires a gradient."""
    return any(isinstance(value, Tensor) and value.requires_grad for value in (*args, *kwargs.values()))
