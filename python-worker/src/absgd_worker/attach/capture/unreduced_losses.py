"""Losses without reduction: followed to where a script reduces them, and weighed there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from absgd_worker.attach.capture.element_factors import (
    factors_of_elements,
    hidden_from_captures,
    say_or_raise,
)
from absgd_worker.attach.hooks.backward_terms import mark_known
from absgd_worker.attach.provenance.divided_sums import Follow, Unit, Units, last_alone
from absgd_worker.attach.provenance.element_map import ElementMap
from absgd_worker.attach.provenance.granularity import GranularityError, Groups, grouped
from absgd_worker.attach.provenance.pending_losses import Pending, Pendings
from absgd_worker.attach.provenance.provenance import Provenance
from absgd_worker.attach.provenance.reduction_calls import ReductionCall, vectors_of
from absgd_worker.attach.provenance.sample_mapping import SampleMapping, samples_within
from absgd_worker.attach.samples.sample_identity import Identity
from absgd_worker.attach.session.session import Session


class Unreduced:
    """Those of a session, whoever of its captures and wrapped criteria sees them computed and reduced."""

    def __init__(self) -> None:
        self._pendings = Pendings()
        self._trails = Provenance()
        self._weighed: Any = WeakTensorKeyDictionary()
        self.units = Units()

    def begin(self, losses: Tensor, pending: Pending, factors: tuple[Tensor, ...] = ()) -> None:
        """`losses`: as they were computed; `factors`: each of their shape, what they were multiplied by."""
        self._pendings.add(pending)
        self._trails.begin(losses, ElementMap(pending, factors=factors))

    def is_known(self, losses: Tensor) -> bool:
        """Whether it is known of which loss they are made."""
        return self._trails.get(losses) is not None

    def call(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], follow: Follow
    ) -> Any:
        """Calls one of `FOLLOWED`."""
        args = self.units.divided(func, args, kwargs, follow) or args
        return self._trails.call(func, args, kwargs)

    def dot(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], *, of_any: bool
    ) -> ReductionCall | None:
        """A call of one of `DOTS` on the elements of a loss, as the sum of their products; None for another
        call. `of_any`: whether numbers that are made of no known loss may be one."""
        vectors = vectors_of(func, args, kwargs)
        if vectors is None or not any(
            self.is_known(one) or (of_any and one.requires_grad) for one in vectors
        ):
            return None
        products = self._trails.call(torch.mul, vectors, {})
        return ReductionCall(torch.sum, products, (), {}, None, lambda: func(*args, **kwargs))

    def source_of(self, losses: Tensor) -> Pending | None:
        """Of which loss they are made; None where that is none, or not known.

        Raises:
            GranularityError: of one, in a way that does not tell their samples.
        """
        trail = self._trails.get(losses) or self._guess(losses)
        return None if trail is None else trail.of

    def are_weighed_in(self, losses: Tensor, result: Tensor) -> None:
        """Somebody else has weighed `losses`, and `result` is made of them."""
        trail = self._trails.get(losses)
        found = None if trail is not None else self._pendings.source_of(losses)
        of = trail.of if trail is not None else found[0] if found is not None else None
        if of is not None:
            self._pendings.are_weighed_in(result, of)

    def reduce(self, session: Session, call: ReductionCall, follow: Follow) -> Tensor | None:
        """What the sum of losses is; None where they are not known for any. `follow` is told of the result.

        Raises:
            GranularityError: lambda is on, and which samples there are cannot be told.
        """
        losses = call.losses
        again = self._weighed.get(losses)
        if again is not None:
            # A script may reduce them more than once, for its log.
            of, factors, use = again
            result = call.plain() if session.is_off else call.weighed(factors)
            if use is not None:
                follow(result, use)
            self._pendings.are_weighed_in(result, of)
            return result
        trail = self._trails.get(losses)
        of = None if trail is None else trail.of
        try:
            trail = trail or self._guess(losses)
            if trail is None:
                return None
            of = trail.of
            within = samples_within(losses, trail)
        except GranularityError as error:
            if call.dims is None:
                name, about = ("loss", "a loss") if of is None else (of.name, of.about)
                say_or_raise(session, name, f"{about}, then {call.kind}", error)
            return call.plain()
        if call.dims is not None and (merged := within.merged_over(call.dims)) is not None:
            return self._add_up(call, of, within, merged, trail.factors)
        # Over some dimensions: what becomes of the others is not known yet.
        is_sum = call.kind == "sum" and call.dims is None
        name = session.uses.name_of_part(of.name, of.fate.parts)
        unit: Unit = self.units.of_sum(name) if is_sum else "mean"

        def weigh(unit: Unit, follow: Follow) -> Tensor | None:
            with hidden_from_captures(session):
                return self._weigh(session, name, call, of, within, unit=unit, follow=follow)

        again = last_alone(session.forget, weigh)
        result = again(unit, follow)
        if result is None:
            of.fate.is_reduced = True
            plain = call.plain()
            # Nothing in it is there to be weighed.
            mark_known(plain)
            session.pass_over(name, plain)
            return plain
        if is_sum and unit == "sum":
            grouping = grouped(within.plain, within.valid, within.groups)
            self.units.begin(result, name, grouping, again, trail.factors)
        return result

    def pass_over(self, session: Session, losses: Tensor, result: Tensor) -> None:
        """Losses of no element were reduced to `result`."""
        trail = self._trails.get(losses)
        if trail is not None:
            trail.of.fate.is_reduced = True
            session.pass_over(session.uses.name_of_part(trail.of.name, trail.of.fate.parts), result)

    def _weigh(
        self,
        session: Session,
        name: str,
        call: ReductionCall,
        of: Pending,
        within: SampleMapping,
        *,
        unit: Unit,
        follow: Follow,
    ) -> Tensor | None:
        """The sum of weighed losses; None where no sample counts."""
        grouping = grouped(within.plain, within.valid, within.groups)
        factors = factors_of_elements(
            session,
            name,
            f"{of.about.replace(' none', '', 1)}, then {call.kind}",
            grouping.summed() if unit == "sum" else grouping,
            within.plain,
            identity=Identity(labels=within.label_M),
            index_M=within.index_M,
            origin=within.origin,
        )
        if factors is None:
            return None
        result = call.plain() if session.is_off else call.weighed(factors)
        use = session.take_use()
        self._weighed[call.losses] = (of, factors, use)
        if use is not None:
            follow(result, use)
        self._pendings.are_weighed_in(result, of)
        return result

    def _guess(self, losses: Tensor) -> ElementMap | None:
        """Of losses that an unknown operation has made."""
        found = self._pendings.source_of(losses)
        if found is None:
            return None
        pending, is_mixed = found
        if is_mixed or losses.shape != pending.plain.shape:
            raise GranularityError(
                f"{losses.numel()} numbers were made of {pending.plain.numel()} losses ({pending.about}) in "
                "a way that does not tell their samples: weigh them as they are computed, with "
                'absgd_worker.weigh(losses, reduction="none")'
            )
        return ElementMap(pending)

    def _add_up(
        self,
        call: ReductionCall,
        of: Pending,
        within: SampleMapping,
        merged: Groups,
        factors: tuple[Tensor, ...],
    ) -> Tensor:
        """The elements of each sample become fewer: what is left of them is weighed later."""
        result = call.plain()
        with torch.no_grad():
            plain = call.of(within.plain)
            valid = None if within.valid is None else call.any_of(within.valid)
            is_same = of.ratio is None and not factors
            ratio = None if is_same else torch.nan_to_num(plain / result.detach(), 1, 1, 1)
        made = of._replace(
            node=result.grad_fn, plain=plain, ratio=ratio, valid=valid, label=None, groups=merged
        )
        if within.origin is not None:
            chosen = within.index_M
            made = made._replace(
                origin=within.origin if chosen is None else within.origin.at(chosen.tolist())
            )
        self.begin(result, made)
        return result
