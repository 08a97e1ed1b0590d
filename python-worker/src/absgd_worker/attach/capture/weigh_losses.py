"""Losses of one sample each, weighed and reduced in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from absgd_worker.attach.capture.element_factors import (
    factors_of_elements,
    hidden_from_captures,
    say_or_raise,
)
from absgd_worker.attach.capture.follow_to_reduction import unreduced_of
from absgd_worker.attach.capture.left_unweighed import left
from absgd_worker.attach.hooks.not_compiled import eager
from absgd_worker.attach.provenance.factors_from_graph import factors_of
from absgd_worker.attach.provenance.granularity import Granularity, GranularityError, group_elements
from absgd_worker.attach.provenance.sample_layout import Layout
from absgd_worker.attach.samples.sample_identity import given_identity
from absgd_worker.attach.session.session import Session

Reduction = Literal["mean", "sum", "none"]


@eager
def weigh_losses(
    session: Session,
    losses: Tensor,
    *,
    mask: Tensor | None = None,
    group: Tensor | None = None,
    index: Tensor | None = None,
    label: Tensor | None = None,
    ids: Sequence[str] | None = None,
    name: str | None = None,
    granularity: Granularity = "sample",
    reduction: Reduction = "mean",
) -> Tensor:
    """See `absgd_worker.weigh`."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'reduction is {reduction!r}, must be "mean", "sum" or "none"')
    if not losses.is_floating_point():
        raise ValueError(
            f"losses are {losses.dtype} of shape {list(losses.shape)}, must be floating: one loss a sample, "
            "as reduction='none' gives it"
        )
    if mask is not None and mask.shape != losses.shape:
        raise ValueError(
            f"mask has shape {list(mask.shape)}, must have that of the losses, {list(losses.shape)}"
        )
    shaped = losses.reshape(1) if losses.ndim == 0 else losses
    valid = None if mask is None else mask.bool().reshape(shaped.shape)
    if not session.is_training or not losses.requires_grad or session.is_in_another_thread():
        return _reduced(shaped, valid, losses, reduction)
    estimate = session.uses.name_here("loss", losses) if name is None else session.uses.asked_for(name)
    if not losses.numel():
        session.note_empty_loss()
        return _left(session, estimate, _reduced(shaped, valid, losses, reduction))
    counted, made_by = valid, factors_of(shaped)
    if made_by.kept is not None:
        # What the script has multiplied by 0 does not count; its mean still divides by all that it was given.
        counted = made_by.kept if valid is None else valid & made_by.kept
    plain = shaped.detach()
    layout = Layout.of(session.watch)
    about = f"{name or 'loss'} {reduction}"
    try:
        grouping = group_elements(plain, counted, granularity, layout, group=group, factors=made_by.of)
    except GranularityError as error:
        if group is not None:
            raise
        say_or_raise(session, name or "loss", about, error)
        return left(_reduced(shaped, valid, losses, reduction))
    if reduction == "sum":
        grouping = grouping.summed()
    identity = given_identity(grouping.losses_G.shape[0], index, label, ids)
    # Groups are numbered by who made them, in any order.
    origin = None if group is not None or index is not None else session.watch.passes.of_losses(shaped)
    factors = factors_of_elements(session, estimate, about, grouping, plain, identity=identity, origin=origin)
    if factors is None:
        return _left(session, estimate, _reduced(shaped, valid, losses, reduction))
    with hidden_from_captures(session):
        if not session.is_off:
            shaped = shaped * factors.to(shaped.dtype)
        result = _reduced(shaped, valid, losses, reduction)
    session.follow(result)
    unreduced_of(session).are_weighed_in(losses, result)
    return result


def _left(session: Session, estimate: str, result: Tensor) -> Tensor:
    """A loss without a sample that counts: there is nothing to be weighed."""
    session.pass_over(estimate, result)
    return left(result)


def _reduced(shaped: Tensor, valid: Tensor | None, losses: Tensor, reduction: Reduction) -> Tensor:
    if reduction == "none":
        return shaped.reshape(losses.shape)
    # What a mask leaves out may be anything, NaN too.
    total = shaped.sum() if valid is None else shaped.where(valid, torch.zeros_like(shaped)).sum()
    if reduction == "sum":
        return total
    return shaped.mean() if valid is None else total / valid.sum()
