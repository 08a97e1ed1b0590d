"""The samples in what a script has made of a loss without reduction.

Shapes: S as the losses that are made, M of them; N elements of the loss as it was computed.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from absgd_worker.attach.functionals import Elements
from absgd_worker.attach.granularity import Granularity, GranularityError, Groups, Samples, groups_of
from absgd_worker.attach.pending import Pending
from absgd_worker.attach.provenance import Provenance, provenance


class Within(NamedTuple):
    """What is known of losses."""

    plain: Tensor
    """S, detached: without class weights."""
    valid: Tensor | None
    """S, bool: which count; None where all do."""
    groups: Groups
    label_M: Tensor | None = None
    """int64, the class of each; None where there are none."""

    def merged_over(self, dims: tuple[int, ...]) -> Groups | None:
        """The samples of what is left when these dimensions are added up; None where samples would be added
        to each other."""
        shape = self.plain.shape
        if self.groups.of_N is None:
            return None if any(shape[dim] > 1 for dim in dims) else self.groups
        group = self.groups.of_N.reshape(shape)
        last = group.amax(dims)
        if bool((last != group.amin(dims)).any()):
            return None
        return _numbered(last, self.groups.what)


def samples_within(losses: Tensor, pending: Pending, granularity: Granularity) -> Within:
    """`losses`: made of those that are pending.

    Raises:
        GranularityError: what a sample is cannot be told.
    """
    of, count, made = pending.elements, pending.elements.plain.numel(), losses.numel()
    if made > count:
        return _of_several(losses, count)
    groups = pending.groups or groups_of(of.plain, granularity, pending.layout)
    plain = losses.detach()
    if losses.shape == of.plain.shape:
        if of.has_class_weights:
            plain = plain * (of.plain / of.losses.detach()).nan_to_num(1, 1, 1)
        return Within(plain, pending.valid_in(losses), groups, of.label)
    each = Groups(None, made, "")
    is_chosen = groups.of_N is None and losses.ndim == 1
    if is_chosen and not of.has_class_weights:
        return Within(plain, None, each)
    came = provenance(losses, pending.node)
    if came is not None:
        return _traced(losses, of, came, groups)
    if made == count:
        return Within(plain, pending.valid_in(losses), groups)
    if is_chosen:
        return Within(plain, None, each)
    raise GranularityError(
        f"of a loss of {count} elements {made} numbers were made, in a way that does not tell their samples: "
        "multiply by a mask where elements were chosen, or weigh with absgd_worker.weigh(losses, group=…)"
    )


def _traced(losses: Tensor, of: Elements, came: Provenance, groups: Groups) -> Within:
    first_M = came.from_M.clamp(min=0)
    valid_M = came.from_M >= 0
    sample_N = torch.arange(of.plain.numel(), device=losses.device) if groups.of_N is None else groups.of_N
    group_M = sample_N[first_M]
    counts = came.into_N >= 0
    if bool((group_M[came.into_N.clamp(min=0)] != sample_N)[counts].any()):
        raise GranularityError(
            "the losses of several samples were put together before their mean or sum was taken, so that "
            'they cannot be weighed: weigh them first, with absgd_worker.weigh(losses, reduction="none")'
        )
    plain = losses.detach()
    if of.has_class_weights:
        parts = [
            plain.new_zeros(plain.numel()).index_add_(
                0, came.into_N[counts], (came.share_N * one.reshape(-1))[counts].to(plain.dtype)
            )
            for one in (of.plain, of.losses.detach())
        ]
        plain = plain * (parts[0] / parts[1]).nan_to_num(1, 1, 1).reshape(plain.shape)
    if of.valid is not None:
        valid_M = valid_M & of.valid.reshape(-1)[first_M]
    valid = None if bool(valid_M.all()) else valid_M.reshape(losses.shape)
    own = _numbered(group_M, groups.what)
    label_M = None if of.label is None or own.of_N is not None else of.label.reshape(-1)[first_M]
    return Within(plain, valid, own, label_M)


def _numbered(group: Tensor, what: str) -> Groups:
    """Samples from 0 on, in the order of their numbers, of which some may be missing."""
    samples, of_M = torch.unique(group.reshape(-1), return_inverse=True)
    count = samples.shape[0]
    return Groups(None if count == of_M.shape[0] else of_M, count, what or "samples")


def _of_several(losses: Tensor, count: int) -> Within:
    """Of several calls, put together along a dimension of its own: as of the steps of a sequence."""
    shape = losses.shape
    is_row = losses.ndim > 1 and shape[0] == count
    is_column = losses.ndim > 1 and shape[1] == count
    if is_row == is_column:
        raise GranularityError(
            f"{losses.numel()} losses were put together of {count} and others: which of them belong to one "
            "sample? Weigh them with absgd_worker.weigh(losses, group=…)"
        )
    samples = Samples(count, "samples", steps=1 if is_row else shape[0])
    groups = Groups(samples.of_elements(losses.numel(), losses.device), count, samples.what)
    return Within(losses.detach(), None, groups)
