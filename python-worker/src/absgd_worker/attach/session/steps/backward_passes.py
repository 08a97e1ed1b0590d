"""The part of a session that runs around each backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor

from absgd_worker.attach.checks.unweighed_terms import UnweighedTerms
from absgd_worker.attach.estimates.call_site import calls_on_stack
from absgd_worker.attach.hooks.backward_calls import around_backward
from absgd_worker.attach.session.steps.announcements import Announcements
from absgd_worker.attach.session.steps.counted_steps import CountedSteps
from absgd_worker.attach.session.steps.training_steps import TrainingSteps


class BackwardPasses:
    """Looks for loss terms that are not weighed, and learns which functions of the script train."""

    def __init__(self, steps: TrainingSteps, announcements: Announcements, counted: CountedSteps) -> None:
        self._steps = steps
        self._announcements = announcements
        self._counted = counted
        self._unweighed_terms = UnweighedTerms()
        self._remove: Callable[[], None] | None = None

    def open(self) -> None:
        """Observes all backward passes of the process from here on."""
        self._remove = around_backward(self._around, self._needs_nothing)

    def close(self) -> None:
        """May be called twice."""
        if self._remove is not None:
            self._remove()
            self._remove = None

    def _needs_nothing(self, roots: Sequence[Tensor]) -> bool:
        """Whether nothing is to be learned from a backward pass: it goes through a loss that is only counted
        and through nothing else, or it is like earlier ones."""
        if self._counted.is_reached(roots) and self._counted.is_counting:
            return True
        estimates = self._steps.training.estimates
        return not estimates.has_open_sites and self._unweighed_terms.may_skip(roots)

    @contextmanager
    def _around(self, roots: Sequence[Tensor]) -> Iterator[None]:
        if self._remove is None:
            yield
            return
        with self._unweighed_terms.around(roots, has_weighed=lambda: self._steps.captured > 0):
            yield
        if self._announcements.is_wanted or not self._steps.was_off:
            self._unweighed_terms.report()
        estimates = self._steps.training.estimates
        if estimates.has_open_sites and self._steps.is_in_own_thread:
            estimates.learn_training_functions(calls_on_stack())
