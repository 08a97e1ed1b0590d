"""One call of a wrapped criterion: the reductions inside it, and whether its result is a loss of samples.

A reduction is weighed if the result is an affine function of it: a sum of such losses, each times a number
that does not depend on the batch. See `reduction_slopes`.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from absgd_worker.attach.capture.element_factors import factors_of_elements
from absgd_worker.attach.capture.hidden_from_captures import hidden_from_captures
from absgd_worker.attach.capture.left_unweighed import report_unweighable
from absgd_worker.attach.capture.nested_tensors import replace_tensors, tensors_in
from absgd_worker.attach.capture.reduction_slopes import add_changes, slopes_of
from absgd_worker.attach.capture.sample_independence import depend_on_others
from absgd_worker.attach.hooks.backward_terms import mark_known
from absgd_worker.attach.hooks.backward_use import BackwardUse
from absgd_worker.attach.provenance.factors_from_graph import factors_from_graph
from absgd_worker.attach.provenance.granularity import group_elements
from absgd_worker.attach.provenance.reduction_calls import ReductionCall
from absgd_worker.attach.provenance.sample_layout import Layout
from absgd_worker.attach.session.session import Session

_is_mixed: WeakKeyDictionary[Session, dict[tuple[str, str], bool]] = WeakKeyDictionary()
"""For each criterion and estimate of a session, whether a loss depends on other samples of the batch."""


class _Reduction(NamedTuple):
    """A reduction of losses inside the criterion."""

    edge: GradientEdge
    """Its place in the autograd graph. The script may change the tensor in place."""
    result: Tensor
    use: BackwardUse | None = None
    """Set if the reduction is already weighed."""
    candidate: ReductionCall | None = None
    """Set if the reduction is weighed only once it proves to be a loss."""
    name: str = ""


class CriterionCall:
    """Collects the reductions inside one call of a criterion. `arguments`: those of the call."""

    def __init__(self, session: Session, criterion_name: str, arguments: object) -> None:
        self._session = session
        self.criterion_name = criterion_name
        self.sources = [
            tensor
            for tensor in tensors_in(arguments)
            if tensor.requires_grad and not isinstance(tensor, nn.Parameter)
        ]
        """The criterion's arguments that have a gradient: the scores of a batch."""
        self.has_empty_loss = False
        """Whether a loss inside has no sample that counts."""
        self.has_mixed_samples = False
        """Whether elements of a loss inside each depend on several samples."""
        self.has_unweighed_loss = False
        """Whether a loss of torch inside is left unweighed, and that has been reported."""
        self._reductions: list[_Reduction] = []

    def follow(self, result: Tensor, use: BackwardUse) -> None:
        """Adds a reduction that is already weighed."""
        self._reductions.append(_Reduction(get_gradient_edge(result), result, use))

    def add_candidate(self, call: ReductionCall, name: str) -> Tensor:
        """Adds a reduction of one value per sample that may be a loss; returns its plain result."""
        result = call.plain()
        self._reductions.append(_Reduction(get_gradient_edge(result), result, None, call, name))
        return result

    def depends_on_other_samples(self, losses: Tensor, name: str) -> bool:
        """Whether a row of `losses`, [G] or [G, d…], depends on several samples of the batch.

        The check runs once for each `name` of an estimate.
        """
        results = _is_mixed.setdefault(self._session, {})
        key = (self.criterion_name, name)
        if key not in results and losses.requires_grad and losses.ndim and losses.shape[0] > 1:
            results[key] = depend_on_others(losses, self.sources)
        is_mixed = results.get(key, False)
        self.has_mixed_samples = self.has_mixed_samples or is_mixed
        return is_mixed

    def finish(self, result: Any) -> tuple[Any, bool]:
        """Returns the result for the script, and whether any loss in it is weighed.

        Raises:
            NotWeighable: lambda is on, and the result is one statistic of the whole batch.
        """
        reductions = [
            reduction
            for reduction in self._reductions
            if reduction.candidate is None
            or not self.depends_on_other_samples(reduction.candidate.losses, reduction.name)
        ]
        with hidden_from_captures(self._session):
            return self._finish(result, reductions)

    def _finish(self, result: Any, reductions: list[_Reduction]) -> tuple[Any, bool]:
        edges = [reduction.edge for reduction in reductions]
        are_candidates = [reduction.candidate is not None for reduction in reductions]
        outputs = [tensor for tensor in tensors_in(result) if tensor.requires_grad and tensor.numel() == 1]
        slopes = [slopes_of(output, edges, are_candidates, self.sources) for output in outputs]
        if any(slope is None for output_slopes in slopes for slope in output_slopes):
            return self._refuse(result), False
        changes: list[Tensor | None] = []
        is_weighed = False
        for number, reduction in enumerate(reductions):
            slope = next((row[number] for row in slopes if isinstance(row[number], Tensor)), None)
            change = None
            if reduction.candidate is not None and isinstance(slope, Tensor):
                change = self._weigh_candidate(reduction, reduction.candidate, slope, outputs[0])
                is_weighed = True
            changes.append(change)
            if reduction.use is not None:
                reduction.use.follow(reduction.result)
                is_weighed = True
        if not any(change is not None for change in changes):
            return result, is_weighed
        changed = {
            id(output): add_changes(output, output_slopes, changes)
            for output, output_slopes in zip(outputs, slopes, strict=True)
        }
        return replace_tensors(result, lambda tensor: changed.get(id(tensor), tensor)), is_weighed

    def _weigh_candidate(
        self, reduction: _Reduction, call: ReductionCall, slope: Tensor, output: Tensor
    ) -> Tensor | None:
        """The difference between the weighed and the plain reduction; None if there is none.

        With a negative `slope`, the reduced values are likelihoods: the losses are their negatives.
        """
        session = self._session
        plain = call.losses.detach()
        plain = -plain if bool(slope.sum() < 0) else plain
        multiplied = factors_from_graph(call.losses)
        grouping = group_elements(plain, multiplied.kept, "sample", Layout(), factors=multiplied.factors)
        about = f"per-sample losses, then {call.kind}"
        origin = session.watch.passes.samples_of_losses(call.losses)
        factors = factors_of_elements(session, reduction.name, about, grouping, plain, origin=origin)
        if factors is None:
            self.has_empty_loss = True
            return None
        use = session.take_use()
        # Only this reduction is known: other terms of the output may be left unweighed.
        mark_known(reduction.result)
        if use is not None:
            use.follow(output, is_known=output is reduction.result)
        # Subtracting the plain reduction removes its value and its gradient from the output.
        return None if session.is_off else call.weighed(factors) - call.plain()

    def _refuse(self, result: Any) -> Any:
        """Undoes all weighings of the call, and reports that the result has no loss of one sample."""
        for reduction in self._reductions:
            if reduction.use is not None:
                self._session.forget(reduction.use)
        report_batch_statistic(self._session, self.criterion_name)
        return result


def batch_statistic_message(criterion_name: str) -> str:
    """The message for a criterion whose result is one statistic of the whole batch."""
    return (
        f"{criterion_name} gives one figure of the whole batch (as a soft F1 score, a correlation or a "
        "contrastive loss does), which is no sum of losses of single samples: leave it out of wrap, or make "
        "a loss of each sample and weigh those with absgd_worker.weigh(losses)"
    )


def report_batch_statistic(session: Session, criterion_name: str) -> None:
    """Raises NotWeighable while lambda is on; while it is off, prints the message once."""
    report_unweighable(session, criterion_name, batch_statistic_message(criterion_name))
