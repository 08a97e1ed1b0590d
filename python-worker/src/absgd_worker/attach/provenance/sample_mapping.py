"""The samples of values that a script computed from an unreduced loss.

Shapes: S as the values, M of them; N elements of the loss.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from absgd_worker.attach.provenance.element_map import ElementMap
from absgd_worker.attach.provenance.granularity import Groups, groups_of
from absgd_worker.attach.provenance.sample_weights import divide_out_sample_weights
from absgd_worker.attach.samples.sample_origin import Origin


class SampleMapping(NamedTuple):
    """The samples of values, and what else is known of each value."""

    plain: Tensor
    """S, detached, without class weights and sample weights."""
    valid: Tensor | None
    """bool S, the values that count; None if all do."""
    groups: Groups
    label_M: Tensor | None = None
    """int64, the class of each value; None if there are none."""
    index_M: Tensor | None = None
    """int64, the sample of the loss that each value is; None if the values are all samples in order, or if a
    sample has several values."""
    origin: Origin | None = None
    """Which samples of the data set the loss has, which `index_M` indexes; None if that is not certain."""

    def groups_summed_over(self, dims: tuple[int, ...]) -> Groups | None:
        """The samples of the values after a reduction over `dims`; None if it would add up several
        samples."""
        shape = self.plain.shape
        if self.groups.group_N is None:
            return None if any(shape[dim] > 1 for dim in dims) else self.groups
        group = self.groups.group_N.reshape(shape)
        reduced = group.amax(dims)
        if bool((reduced != group.amin(dims)).any()):
            return None
        return _renumber(reduced, self.groups.noun)


def sample_mapping_of(losses: Tensor, element_map: ElementMap) -> SampleMapping:
    """The samples of `losses`, which are not empty. `element_map`: that of the losses.

    Raises:
        GranularityError: the samples of the pending loss are unknown.
    """
    pending = element_map.pending
    loss_groups = pending.groups or groups_of(pending.plain, pending.granularity, pending.layout)
    index_M = None if element_map.element is None else element_map.element.reshape(-1)
    groups = loss_groups
    if index_M is not None:
        group_N = loss_groups.group_N
        groups = _renumber(index_M if group_N is None else group_N[index_M], loss_groups.noun)

    def select(values: Tensor) -> Tensor:
        return values.reshape(-1) if index_M is None else values.reshape(-1)[index_M]

    plain = losses.detach()
    if pending.ratio is not None and not element_map.is_sum:
        plain = plain * select(pending.ratio).reshape(plain.shape)
    valid = element_map.kept
    if pending.valid is not None:
        loss_valid = select(pending.valid).reshape(plain.shape)
        valid = loss_valid if valid is None else valid & loss_valid
    if valid is not None and bool(valid.all()):
        valid = None
    plain = divide_out_sample_weights(plain, element_map.factors, groups.group_N, groups.samples, valid)
    label_M = None if pending.label is None or groups.group_N is not None else select(pending.label)
    is_one_per_sample = loss_groups.group_N is None and groups.group_N is None
    # The origin lists the samples of the loss in order, so it must have as many as the loss.
    origin = pending.origin
    origin = origin if origin is not None and origin.size == loss_groups.samples else None
    return SampleMapping(plain, valid, groups, label_M, index_M if is_one_per_sample else None, origin)


def _renumber(group: Tensor, noun: str) -> Groups:
    """Numbers the samples that occur in `group` from 0, in their order."""
    samples, group_M = torch.unique(group.reshape(-1), return_inverse=True)
    count = samples.shape[0]
    return Groups(None if count == group_M.shape[0] else group_M, count, noun or "samples")
