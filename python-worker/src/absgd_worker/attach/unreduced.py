"""Losses without reduction: followed to where a script reduces them, and weighed there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from absgd_worker.attach.factors import factors_of_elements, say_or_raise
from absgd_worker.attach.granularity import Granularity, GranularityError, Groups, grouped
from absgd_worker.attach.identity import Identity
from absgd_worker.attach.pending import Pending, Pendings
from absgd_worker.attach.session import Session
from absgd_worker.attach.sums import Sum
from absgd_worker.attach.trails import Trail, Trails
from absgd_worker.attach.within import Within, samples_within


class Unreduced:
    """Those of a capture."""

    def __init__(self, granularity: Granularity) -> None:
        self._granularity: Granularity = granularity
        self._pendings = Pendings()
        self._trails = Trails()
        self._weighed: Any = WeakTensorKeyDictionary()
        self._numbers: Any = WeakTensorKeyDictionary()

    def begin(self, losses: Tensor, pending: Pending) -> None:
        """`losses`: as they were computed."""
        self._pendings.add(pending)
        self._trails.begin(losses, pending)

    def call(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Calls one of `FOLLOWED`."""
        return self._trails.call(func, args, kwargs)

    def within(self, losses: Tensor) -> Within | None:
        """The samples of losses, which are weighed by who asks; None where they are not known.

        Raises:
            GranularityError: which they are cannot be told.
        """
        trail = self._trails.get(losses)
        if trail is None:
            return None
        self._pendings.are_weighed_in(losses, trail.of)
        return samples_within(losses, trail, self._granularity)

    def name_of(self, losses: Tensor) -> str | None:
        """The name of the estimate of what these are made of; None where that is not known."""
        trail = self._trails.get(losses)
        return None if trail is None else trail.of.name

    def reduce(self, session: Session, call: Sum) -> Tensor | None:
        """What the sum of losses is; None where they are not known for any.

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
                use.follow(result)
            self._pendings.are_weighed_in(result, of)
            return result
        trail = self._trails.get(losses)
        of = None if trail is None else trail.of
        try:
            trail = trail or self._guess(losses)
            if trail is None:
                return None
            of = trail.of
            within = samples_within(losses, trail, self._granularity)
        except GranularityError as error:
            if call.dims is None:
                name, about = ("loss", "a loss") if of is None else (of.name, of.about)
                say_or_raise(session, name, f"{about}, then {call.kind}", error)
            return call.plain()
        if call.dims is not None and (merged := within.merged_over(call.dims)) is not None:
            return self._add_up(call, of, within, merged)
        about = f"{of.about.replace(' none', '', 1)}, then {call.kind}"
        grouping = grouped(within.plain, within.valid, within.groups)
        identity = Identity(labels=within.label_M)
        # Parts of one loss, reduced one by one, are one use of it.
        with session.uses.part_of(of.name, self._numbers.get(of.plain)):
            factors = factors_of_elements(
                session,
                of.name,
                about,
                grouping,
                within.plain,
                identity=identity,
                index_M=within.index_M,
                origin=within.origin,
            )
        self._numbers[of.plain] = session.uses.number_of_last(of.name)
        result = call.plain() if session.is_off else call.weighed(factors)
        self._weighed[losses] = (of, factors, session.follow(result))
        self._pendings.are_weighed_in(result, of)
        return result

    def _guess(self, losses: Tensor) -> Trail | None:
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
        return Trail(pending)

    def _add_up(self, call: Sum, of: Pending, within: Within, merged: Groups) -> Tensor:
        """The elements of each sample become fewer: what is left of them is weighed later."""
        result = call.plain()
        with torch.no_grad():
            plain = call.of(within.plain)
            valid = None if within.valid is None else call.any_of(within.valid)
            ratio = None if of.ratio is None else torch.nan_to_num(plain / result.detach(), 1, 1, 1)
        made = Pending(of.name, of.about, result.grad_fn, plain, of.layout, ratio, valid, None, merged)
        if within.origin is not None:
            chosen = within.index_M
            made = made._replace(
                origin=within.origin if chosen is None else within.origin.at(chosen.tolist())
            )
        self.begin(result, made)
        return result
