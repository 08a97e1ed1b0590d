"""Weighs and reduces losses of one sample each in one call, for `absgd_worker.weigh`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from absgd_worker.attach.capture.element_factors import factors_of_elements
from absgd_worker.attach.capture.follow_to_reduction import unreduced_losses_of
from absgd_worker.attach.capture.hidden_from_captures import hidden_from_captures
from absgd_worker.attach.capture.left_unweighed import mark_left_unweighed, report_unknown_samples
from absgd_worker.attach.hooks.not_compiled import not_compiled
from absgd_worker.attach.provenance.factors_from_graph import factors_from_graph
from absgd_worker.attach.provenance.granularity import Granularity, GranularityError, group_elements
from absgd_worker.attach.provenance.sample_layout import Layout
from absgd_worker.attach.samples.sample_identity import given_identity
from absgd_worker.attach.session.session import Session

Reduction = Literal["mean", "sum", "none"]


@not_compiled
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
    # Shape [B] or [B, d…], also for losses of shape [].
    shaped = losses.reshape(1) if losses.ndim == 0 else losses
    valid = None if mask is None else mask.bool().reshape(shaped.shape)
    if not session.is_training or not losses.requires_grad or session.is_in_another_thread():
        return _reduced(shaped, valid, losses, reduction)
    estimates = session.uses
    estimate = estimates.name_here("loss", losses) if name is None else estimates.name_given(name)
    if not losses.numel():
        session.note_empty_loss()
        return _pass_over(session, estimate, _reduced(shaped, valid, losses, reduction))
    counted, multiplied = valid, factors_from_graph(shaped)
    if multiplied.kept is not None:
        # Losses that the script multiplied by 0 do not count. The mean still divides by all losses.
        counted = multiplied.kept if valid is None else valid & multiplied.kept
    plain = shaped.detach()
    layout = Layout.of(session.watch)
    about = f"{name or 'loss'} {reduction}"
    try:
        grouping = group_elements(
            plain, counted, granularity, layout, group=group, factors=multiplied.factors
        )
    except GranularityError as error:
        if group is not None:
            raise
        report_unknown_samples(session, name or "loss", about, error)
        return mark_left_unweighed(_reduced(shaped, valid, losses, reduction))
    if reduction == "sum":
        grouping = grouping.summed()
    identity = given_identity(grouping.losses_G.shape[0], index, label, ids)
    # Groups may be numbered in any order, so that the samples of a batch do not identify them.
    is_followed = group is None and index is None
    origin = session.watch.passes.samples_of_losses(shaped) if is_followed else None
    factors = factors_of_elements(session, estimate, about, grouping, plain, identity=identity, origin=origin)
    if factors is None:
        return _pass_over(session, estimate, _reduced(shaped, valid, losses, reduction))
    with hidden_from_captures(session):
        if not session.is_off:
            shaped = shaped * factors.to(shaped.dtype)
        result = _reduced(shaped, valid, losses, reduction)
    session.follow(result)
    unreduced_losses_of(session).mark_weighed(losses, result)
    return result


def _pass_over(session: Session, estimate: str, result: Tensor) -> Tensor:
    """Records a loss of which no sample counts, so that it is not reported as overlooked; returns it."""
    session.pass_over(estimate, result)
    return mark_left_unweighed(result)


def _reduced(shaped: Tensor, valid: Tensor | None, losses: Tensor, reduction: Reduction) -> Tensor:
    """`shaped`, reduced over the elements that `valid` marks; in the shape of `losses` for "none"."""
    if reduction == "none":
        return shaped.reshape(losses.shape)
    # Masked elements may be NaN, so they are replaced instead of multiplied by 0.
    total = shaped.sum() if valid is None else shaped.where(valid, torch.zeros_like(shaped)).sum()
    if reduction == "sum":
        return total
    return shaped.mean() if valid is None else total / valid.sum()
