"""The samples in what a script has made of a loss without reduction.

Shapes: S as the losses that are made, M of them; N elements of the loss as it was computed.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from absgd_worker.attach.provenance.element_map import ElementMap
from absgd_worker.attach.provenance.granularity import Groups, groups_of
from absgd_worker.attach.provenance.sample_weights import without_weights
from absgd_worker.attach.samples.sample_origin import Origin


class SampleMapping(NamedTuple):
    """What is known of losses."""

    plain: Tensor
    """S, detached: without class weights and weights of samples."""
    valid: Tensor | None
    """S, bool: which count; None where all do."""
    groups: Groups
    label_M: Tensor | None = None
    """int64, the class of each; None where there are none."""
    index_M: Tensor | None = None
    """int64: which sample of the loss each is; None where they are all, in order, or several are one."""
    origin: Origin | None = None
    """The samples of the loss as it was computed, of which `index_M` chooses; None where they are not
    certain."""

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


def samples_within(losses: Tensor, trail: ElementMap) -> SampleMapping:
    """`losses`: not empty; `trail`: theirs.

    Raises:
        GranularityError: what a sample is cannot be told.
    """
    of = trail.of
    groups = of.groups or groups_of(of.plain, of.granularity, of.layout)
    index_M = None if trail.element is None else trail.element.reshape(-1)
    own = groups
    if index_M is not None:
        own = _numbered(index_M if groups.of_N is None else groups.of_N[index_M], groups.what)

    def here(of_S: Tensor) -> Tensor:
        return of_S.reshape(-1) if index_M is None else of_S.reshape(-1)[index_M]

    plain = losses.detach()
    if of.ratio is not None and not trail.is_sum:
        plain = plain * here(of.ratio).reshape(plain.shape)
    valid = trail.kept
    if of.valid is not None:
        computed = here(of.valid).reshape(plain.shape)
        valid = computed if valid is None else valid & computed
    if valid is not None and bool(valid.all()):
        valid = None
    plain = without_weights(plain, trail.factors, own.of_N, own.number, valid)
    label_M = None if of.label is None or own.of_N is not None else here(of.label)
    is_order = groups.of_N is None and own.of_N is None
    # Samples are numbered in their order, whatever was made of the elements; some may be missing.
    origin = of.origin if of.origin is not None and of.origin.size == groups.number else None
    return SampleMapping(plain, valid, own, label_M, index_M if is_order else None, origin)


def _numbered(group: Tensor, what: str) -> Groups:
    """Samples from 0 on, in the order of their numbers, of which some may be missing."""
    samples, of_M = torch.unique(group.reshape(-1), return_inverse=True)
    count = samples.shape[0]
    return Groups(None if count == of_M.shape[0] else of_M, count, what or "samples")
