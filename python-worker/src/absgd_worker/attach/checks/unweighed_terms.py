"""Finds the terms of a training loss that are not weighed, and prints them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from torch import Tensor

from absgd_worker.attach.estimates.call_site import script_line
from absgd_worker.attach.hooks.backward_terms import Terms, shape_of, terms_of
from absgd_worker.attach.hooks.backward_use import backward_state
from absgd_worker.attach.hooks.distributed_ranks import global_rank
from absgd_worker.console import complain

_Finding = tuple[bool, tuple[tuple[str, ...], ...]]
"""Whether a backward pass goes through a weighed loss, and the operations that made the unweighed terms."""


class UnweighedTerms:
    """Compares the loss of a backward pass with the weighed losses in it.

    It reads the graph of the first passes, of each pass whose uppermost operations are new, and whenever the
    number of passes has doubled. For other passes it reads those operations alone. It keeps no part of a
    graph.
    """

    def __init__(self) -> None:
        self._passes = 0
        self._shapes: set[tuple[str, ...]] = set()
        self._found: set[_Finding] = set()
        self._messages: list[str] = []
        self._reads_next_pass = False
        self._without_values: set[_Finding] = set()
        backward_state.wants_values = True

    def may_skip(self, roots: Sequence[Tensor]) -> bool:
        """Whether nothing is to be read in a backward pass from `roots`, which is then counted."""
        if self._reads_next_pass or not self._passes or not self._passes & (self._passes + 1):
            return False
        try:
            if shape_of(roots) not in self._shapes and len(self._shapes) < MAX_SHAPES:
                return False
        except (AttributeError, RuntimeError, TypeError):
            return False
        if self._passes < FIRST_PASSES:
            return False
        self._passes += 1
        backward_state.wants_values = False
        return True

    @contextmanager
    def around(self, roots: Sequence[Tensor], *, has_weighed: Callable[[], bool]) -> Iterator[None]:
        """A call of `backward` on these tensors. `has_weighed`: whether any loss was weighed so far."""
        terms = self._read_graph(roots)
        if terms is None or not terms.unweighed or not (terms.has_weighed or has_weighed()):
            yield
            return
        finding = (terms.has_weighed, terms.unweighed)
        if finding in self._found or len(self._found) == MAX_FINDINGS:
            yield
            return
        value = sum(float(root.detach().sum()) for root in roots)
        backward_state.gradients_and_values = []
        try:
            yield
            weighed = backward_state.gradients_and_values
        finally:
            backward_state.gradients_and_values = None
        if terms.has_weighed and not weighed and finding not in self._without_values:
            # The values of these losses were not kept. They are kept for the next pass.
            self._without_values.add(finding)
            self._reads_next_pass = backward_state.wants_values = True
            return
        self._found.add(finding)
        share = sum(float((gradient * loss).sum()) for gradient, loss in weighed)
        self._messages.append(_message(terms, value, value - share if weighed else None))

    def report(self) -> None:
        """Prints what was found, each finding once, on the first of several ranks."""
        messages, self._messages = self._messages, []
        if global_rank() == 0:
            for message in messages:
                complain(message)

    def _read_graph(self, roots: Sequence[Tensor]) -> Terms | None:
        # A graph that cannot be read must not end the script.
        with suppress(AttributeError, RuntimeError, TypeError):
            return self._terms_if_due(roots)
        return None

    def _terms_if_due(self, roots: Sequence[Tensor]) -> Terms | None:
        self._passes += 1
        shape = shape_of(roots)
        is_new = shape not in self._shapes and len(self._shapes) < MAX_SHAPES
        is_due = self._passes <= FIRST_PASSES or self._passes & (self._passes - 1) == 0
        if not (is_new or is_due or self._reads_next_pass):
            backward_state.wants_values = False
            return None
        self._shapes.add(shape)
        terms = terms_of(roots)
        if self._passes > FIRST_PASSES:
            self._reads_next_pass = backward_state.wants_values = False
        return terms


def _message(terms: Terms, value: float, unweighed: float | None) -> str:
    line = script_line()
    where = "" if line is None else f" at {line}"
    made = "; ".join(", ".join(names) for names in terms.unweighed[:MAX_TERMS])
    if not terms.has_weighed:
        return f"absgd: backward(){where} goes through no weighed loss (made by {made}). {_REMEDY}"
    amount = f"{unweighed:.4g} of the {value:.4g}" if unweighed is not None else "a part of the loss"
    penalties = ", penalties on parameters included" if terms.has_penalty and unweighed is not None else ""
    return (
        f"absgd: a part of the training loss is not weighed: {amount} that backward() is called on{where}"
        f"{penalties} (made by {made}). {_REMEDY}"
    )


_REMEDY = (
    "Its gradient is the same as without absgd. If it has one loss for each sample, weigh it with "
    "absgd_worker.weigh(losses)"
)
FIRST_PASSES = 3
MAX_SHAPES = 32
"""A loop over time steps has a different shape for every length."""
MAX_TERMS = 3
MAX_FINDINGS = 5
