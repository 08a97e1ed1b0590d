"""Compares what is trained on with what was weighed, and says what goes past."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from torch import Tensor

from absgd_worker.attach.estimates.call_site import script_line
from absgd_worker.attach.hooks.backward_terms import Terms, shape_of, terms_of
from absgd_worker.attach.hooks.backward_use import marks
from absgd_worker.attach.hooks.distributed_ranks import global_rank
from absgd_worker.console import complain

_Finding = tuple[bool, tuple[tuple[str, ...], ...]]
"""Whether a pass goes through a weighed loss, and the operations of what goes past."""


class Comparison:
    """Of the backward passes of a session.

    A pass is looked into if it is one of the first, if its uppermost operations are new, and when the number
    of passes has doubled; other passes cost a look at those operations. Nothing of a graph is kept.
    """

    def __init__(self) -> None:
        self._passes = 0
        self._shapes: set[tuple[str, ...]] = set()
        self._told: set[_Finding] = set()
        self._unsaid: list[str] = []
        self._again = False
        self._retried: set[_Finding] = set()
        marks.wants_values = True

    @contextmanager
    def around(self, roots: Sequence[Tensor], *, has_weighed: Callable[[], bool]) -> Iterator[None]:
        """A call of `backward` on these tensors. `has_weighed`: whether any loss was weighed so far."""
        terms = self._look(roots)
        if terms is None or not terms.unweighed or not (terms.has_weighed or has_weighed()):
            yield
            return
        finding = (terms.has_weighed, terms.unweighed)
        if finding in self._told or len(self._told) == MOST_SAID:
            yield
            return
        value = sum(float(root.detach().sum()) for root in roots)
        marks.looked_at = []
        try:
            yield
            weighed = marks.looked_at
        finally:
            marks.looked_at = None
        if terms.has_weighed and not weighed and finding not in self._retried:
            # Values were not kept when these losses were computed; those of the next pass will be.
            self._retried.add(finding)
            self._again = marks.wants_values = True
            return
        self._told.add(finding)
        share = sum(float((gradient * loss).sum()) for gradient, loss in weighed)
        self._unsaid.append(_said(terms, value, value - share if weighed else None))

    def say(self) -> None:
        """Says what was found, each once, by the first of several ranks."""
        for one in self._unsaid:
            if global_rank() == 0:
                complain(one)
        self._unsaid = []

    def _look(self, roots: Sequence[Tensor]) -> Terms | None:
        # A graph that cannot be read is no reason to end a script.
        with suppress(AttributeError, RuntimeError, TypeError):
            return self._look_into(roots)
        return None

    def _look_into(self, roots: Sequence[Tensor]) -> Terms | None:
        self._passes += 1
        shape = shape_of(roots)
        is_new = shape not in self._shapes and len(self._shapes) < MOST_SHAPES
        is_due = self._passes <= FIRST_PASSES or self._passes & (self._passes - 1) == 0
        if not (is_new or is_due or self._again):
            marks.wants_values = False
            return None
        self._shapes.add(shape)
        terms = terms_of(roots)
        if self._passes > FIRST_PASSES:
            self._again = marks.wants_values = False
        return terms


def _said(terms: Terms, value: float, unweighed: float | None) -> str:
    line = script_line()
    where = "" if line is None else f" at {line}"
    made = "; ".join(", ".join(names) for names in terms.unweighed[:MOST_TERMS])
    if not terms.has_weighed:
        return f"absgd: backward(){where} goes through no weighed loss (made by {made}). {_REMEDY}"
    much = f"{unweighed:.4g} of the {value:.4g}" if unweighed is not None else "a part of the loss"
    penalties = ", penalties on parameters included" if terms.has_penalty and unweighed is not None else ""
    return (
        f"absgd: a part of what is trained on is not weighed: {much} that backward() is called on{where}"
        f"{penalties} (made by {made}). {_REMEDY}"
    )


_REMEDY = (
    "It is trained on as without us; where it has a loss of each sample, absgd_worker.weigh(losses) has it "
    "weighed"
)
FIRST_PASSES = 3
MOST_SHAPES = 32
"""A loop over time steps has another shape for every length."""
MOST_TERMS = 3
MOST_SAID = 5
