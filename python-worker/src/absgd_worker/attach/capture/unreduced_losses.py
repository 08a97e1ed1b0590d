"""Losses without reduction: follows them to where a script reduces them, and weighs them there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from absgd_worker.attach.capture.element_factors import factors_of_elements
from absgd_worker.attach.capture.hidden_from_captures import hidden_from_captures
from absgd_worker.attach.capture.left_unweighed import report_unknown_samples
from absgd_worker.attach.hooks.backward_terms import mark_known
from absgd_worker.attach.provenance.divided_sums import (
    DividedSums,
    Follow,
    LossUnit,
    replace_previous_weighing,
)
from absgd_worker.attach.provenance.element_map import ElementMap
from absgd_worker.attach.provenance.granularity import GranularityError, Groups, grouping_of
from absgd_worker.attach.provenance.pending_losses import PendingLoss, PendingLosses
from absgd_worker.attach.provenance.provenance import Provenance
from absgd_worker.attach.provenance.reduction_calls import ReductionCall, vectors_of
from absgd_worker.attach.provenance.sample_mapping import SampleMapping, sample_mapping_of
from absgd_worker.attach.samples.sample_identity import Identity
from absgd_worker.attach.session.session import Session


class UnreducedLosses:
    """The losses without reduction of one session, which its captures and wrapped criteria share."""

    def __init__(self) -> None:
        self._pending = PendingLosses()
        self._provenance = Provenance()
        self._weighed: Any = WeakTensorKeyDictionary()
        self.sums = DividedSums()
        self._followed = (self._provenance.tracked, self._weighed.data, self.sums.waiting)

    @property
    def is_idle(self) -> bool:
        """Whether no operation of torch needs to be seen: no loss is followed."""
        provenance, weighed, sums = self._followed
        return not (provenance or weighed or sums or self._pending.losses)

    def begin(self, losses: Tensor, pending: PendingLoss, factors: tuple[Tensor, ...] = ()) -> None:
        """Follows `losses` from where they are computed.

        `factors`: the tensors they were multiplied by, each of the losses' shape.
        """
        self._pending.add(pending)
        self._provenance.begin(losses, ElementMap(pending, factors=factors))

    def is_known(self, losses: Tensor) -> bool:
        """Whether `losses` are known to be computed from a followed loss."""
        return self._provenance.get(losses) is not None

    def call(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], follow: Follow
    ) -> Any:
        """Calls `func`, one of `FOLLOWED`, and follows the losses through it."""
        args = self.sums.replaced_arguments(func, args, kwargs, follow) or args
        return self._provenance.call(func, args, kwargs)

    def dot_product(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        accept_unknown: bool,
    ) -> ReductionCall | None:
        """A call of one of `DOT_PRODUCTS` on a loss, as the sum of the products; None for any other call.

        `accept_unknown`: whether any trained vector may be a loss, not only one that is followed.
        """
        vectors = vectors_of(func, args, kwargs)
        if vectors is None or not any(
            self.is_known(vector) or (accept_unknown and vector.requires_grad) for vector in vectors
        ):
            return None
        products = self._provenance.call(torch.mul, vectors, {})
        return ReductionCall(torch.sum, products, (), {}, None, lambda: func(*args, **kwargs))

    def pending_loss_of(self, losses: Tensor) -> PendingLoss | None:
        """The pending loss that `losses` were computed from; None if there is none, or it is unknown.

        Raises:
            GranularityError: they come from a pending loss by operations that do not tell their samples.
        """
        element_map = self._provenance.get(losses) or self._map_by_graph(losses)
        return None if element_map is None else element_map.pending

    def mark_weighed(self, losses: Tensor, result: Tensor) -> None:
        """Records that `losses` are weighed in `result`, by other code than `reduce`."""
        element_map = self._provenance.get(losses)
        if element_map is not None:
            self._pending.mark_weighed(result, element_map.pending)
        elif (source := self._pending.source_of(losses)) is not None:
            self._pending.mark_weighed(result, source[0])

    def reduce(self, session: Session, call: ReductionCall, follow: Follow) -> Tensor | None:
        """The result of the reduction, weighed; None if its operand comes from no followed loss.

        `follow`: called with the weighed result.

        Raises:
            GranularityError: lambda is on, and the samples of the losses are unknown.
        """
        losses = call.losses
        weighed_before = self._weighed.get(losses)
        if weighed_before is not None:
            # A script may reduce the same losses several times, for example for its log.
            pending, factors, use = weighed_before
            result = call.plain() if session.is_off else call.weighed(factors)
            if use is not None:
                follow(result, use)
            self._pending.mark_weighed(result, pending)
            return result
        element_map = self._provenance.get(losses)
        known_pending = None if element_map is None else element_map.pending
        try:
            element_map = element_map or self._map_by_graph(losses)
            if element_map is None:
                return None
            pending = known_pending = element_map.pending
            mapping = sample_mapping_of(losses, element_map)
        except GranularityError as error:
            if call.dims is None:
                name, about = ("loss", "a loss")
                if known_pending is not None:
                    name, about = known_pending.name, known_pending.about
                report_unknown_samples(session, name, f"{about}, then {call.kind}", error)
            return call.plain()
        if call.dims is not None and (groups := mapping.groups_summed_over(call.dims)) is not None:
            return self._reduce_within_samples(call, pending, mapping, groups, element_map.factors)
        return self._reduce_over_samples(session, call, element_map, mapping, follow)

    def _reduce_over_samples(
        self,
        session: Session,
        call: ReductionCall,
        element_map: ElementMap,
        mapping: SampleMapping,
        follow: Follow,
    ) -> Tensor:
        pending = element_map.pending
        # After a reduction over some dimensions, it is not yet known how the script reduces the others.
        is_sum = call.kind == "sum" and call.dims is None
        name = session.uses.name_of_part(pending.name, pending.state.parts)
        unit: LossUnit = self.sums.unit_of(name) if is_sum else "mean"

        def weigh(unit: LossUnit, follow: Follow) -> Tensor | None:
            with hidden_from_captures(session):
                return self._weigh(session, name, call, pending, mapping, unit=unit, follow=follow)

        weigh_again = replace_previous_weighing(session.forget, weigh)
        result = weigh_again(unit, follow)
        if result is None:
            pending.state.is_reduced = True
            plain = call.plain()
            # No sample counts, so that there is nothing to weigh.
            mark_known(plain)
            session.pass_over(name, plain)
            return plain
        if is_sum and unit == "sum":
            grouping = grouping_of(mapping.plain, mapping.valid, mapping.groups)
            self.sums.begin(result, name, grouping, weigh_again, element_map.factors)
        return result

    def pass_over(self, session: Session, losses: Tensor, result: Tensor) -> None:
        """Records that losses without an element were reduced to `result`."""
        element_map = self._provenance.get(losses)
        if element_map is not None:
            pending = element_map.pending
            pending.state.is_reduced = True
            session.pass_over(session.uses.name_of_part(pending.name, pending.state.parts), result)

    def _weigh(
        self,
        session: Session,
        name: str,
        call: ReductionCall,
        pending: PendingLoss,
        mapping: SampleMapping,
        *,
        unit: LossUnit,
        follow: Follow,
    ) -> Tensor | None:
        """The reduction of the weighed losses; None if no sample counts."""
        grouping = grouping_of(mapping.plain, mapping.valid, mapping.groups)
        factors = factors_of_elements(
            session,
            name,
            f"{pending.about.replace(' none', '', 1)}, then {call.kind}",
            grouping.summed() if unit == "sum" else grouping,
            mapping.plain,
            identity=Identity(labels=mapping.label_M),
            index_M=mapping.index_M,
            origin=mapping.origin,
        )
        if factors is None:
            return None
        result = call.plain() if session.is_off else call.weighed(factors)
        use = session.take_use()
        self._weighed[call.losses] = (pending, factors, use)
        if use is not None:
            follow(result, use)
        self._pending.mark_weighed(result, pending)
        return result

    def _map_by_graph(self, losses: Tensor) -> ElementMap | None:
        """The element map of losses that an operation has computed which is not followed.

        Raises:
            GranularityError: the graph does not show which element is of which sample.
        """
        source = self._pending.source_of(losses)
        if source is None:
            return None
        pending, is_mixed = source
        if is_mixed or losses.shape != pending.plain.shape:
            raise GranularityError(
                f"{losses.numel()} numbers were computed from {pending.plain.numel()} losses "
                f"({pending.about}) in a way that does not tell their samples: weigh the losses where they "
                'are computed, with absgd_worker.weigh(losses, reduction="none")'
            )
        return ElementMap(pending)

    def _reduce_within_samples(
        self,
        call: ReductionCall,
        pending: PendingLoss,
        mapping: SampleMapping,
        groups: Groups,
        factors: tuple[Tensor, ...],
    ) -> Tensor:
        """Reduces the elements of each sample, and follows the result: it is weighed later.

        `groups`: the samples of the result.
        """
        result = call.plain()
        with torch.no_grad():
            plain = call.reduce(mapping.plain)
            valid = None if mapping.valid is None else call.any_in_reduced(mapping.valid)
            is_same = pending.ratio is None and not factors
            ratio = None if is_same else torch.nan_to_num(plain / result.detach(), 1, 1, 1)
        reduced = pending._replace(
            node=result.grad_fn, plain=plain, ratio=ratio, valid=valid, label=None, groups=groups
        )
        origin, index_M = mapping.origin, mapping.index_M
        if origin is not None:
            reduced = reduced._replace(origin=origin if index_M is None else origin.select(index_M.tolist()))
        self.begin(result, reduced)
        return result
