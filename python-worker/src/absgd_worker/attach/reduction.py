"""Losses of one sample each, weighed and reduced in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from absgd_worker.attach.compilation import eager
from absgd_worker.attach.factors import factors_of_elements
from absgd_worker.attach.granularity import Granularity, group_elements
from absgd_worker.attach.identity import given_identity
from absgd_worker.attach.layout import Layout
from absgd_worker.attach.session import Session

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
    if not losses.is_floating_point() or losses.numel() == 0:
        raise ValueError(
            f"losses are {losses.dtype} of shape {list(losses.shape)}, must be floating, at least one: "
            "one loss a sample, as reduction='none' gives it"
        )
    if mask is not None and mask.shape != losses.shape:
        raise ValueError(
            f"mask has shape {list(mask.shape)}, must have that of the losses, {list(losses.shape)}"
        )
    shaped = losses.reshape(1) if losses.ndim == 0 else losses
    valid = None if mask is None else mask.bool().reshape(shaped.shape)
    if not session.is_training or not losses.requires_grad:
        return _reduced(shaped, valid, losses, reduction)
    grouping = group_elements(shaped.detach(), valid, granularity, Layout.of(session.watch), group=group)
    identity = given_identity(grouping.losses_G.shape[0], index, label, ids)
    about = f"{name or 'loss'} {reduction}"
    estimate = _name_of_estimate(session, name)
    # Groups are numbered by who made them, in any order.
    origin = None if group is not None or index is not None else session.watch.passes.of_losses(shaped)
    factors = factors_of_elements(
        session, estimate, about, grouping, shaped.detach(), identity=identity, origin=origin
    )
    if not session.is_off:
        shaped = shaped * factors.to(shaped.dtype)
    # A capture around this is to see losses that are weighed already.
    before, session.is_weighing = session.is_weighing, True
    try:
        result = _reduced(shaped, valid, losses, reduction)
    finally:
        session.is_weighing = before
    session.follow(result)
    return result


def _name_of_estimate(session: Session, name: str | None) -> str:
    return session.uses.name_here("loss") if name is None else session.uses.asked_for(name)


def _reduced(shaped: Tensor, valid: Tensor | None, losses: Tensor, reduction: Reduction) -> Tensor:
    if reduction == "none":
        return shaped.reshape(losses.shape)
    # What a mask leaves out may be anything, NaN too.
    total = shaped.sum() if valid is None else shaped.where(valid, torch.zeros_like(shaped)).sum()
    if reduction == "sum":
        return total
    return shaped.mean() if valid is None else total / valid.sum()
