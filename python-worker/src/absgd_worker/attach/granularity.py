"""Which elements of a loss are one sample: the sample, the sequence, a group of them, or every token.

Shapes: S as the loss's elements, N of them in all; G samples that are weighed.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from absgd_worker.errors import WorkerError

Granularity = Literal["auto", "sample", "sequence", "token", "group"]


class GranularityError(WorkerError, ValueError):
    """It is not known which elements of a loss belong to one sample."""


class Grouping(NamedTuple):
    """The samples of a loss."""

    losses_G: Tensor
    """Mean over the valid elements of each sample; 0 where none is."""
    counts_G: Tensor | None
    """Valid elements of each sample; None where all are one element."""
    group_N: Tensor | None
    """Which sample each element belongs to; None where each is its own."""
    unit: str
    """For people: "B=64", "64 sequences of 128"."""


def group_elements(
    plain: Tensor,
    valid: Tensor | None,
    granularity: Granularity,
    *,
    batch: int | None,
    group: Tensor | None = None,
) -> Grouping:
    """Puts the elements of a loss together to samples.

    `plain`: S, detached. `batch`: the batch size of the model's input, where it is known. `group`: the
    sample of
    every element, int [N] from 0, for `granularity="group"`.

    Raises:
        GranularityError: what a sample is cannot be told.
    """
    flat_N = plain.reshape(-1)
    count = flat_N.shape[0]
    rows = plain.shape[0] if plain.ndim else 1
    samples, what = _samples_in(plain, granularity, batch, rows)
    if granularity == "group" or group is not None:
        if group is None or group.numel() != count:
            raise GranularityError(
                f"group must have one entry for each of the {count} losses, not "
                f"{'none' if group is None else list(group.shape)}"
            )
        group_N = group.reshape(-1).to(flat_N.device)
        samples, what = int(group_N.max()) + 1, "groups"
    elif samples == count:
        if valid is None:
            return Grouping(flat_N, None, None, f"B={count}")
        return Grouping(flat_N, valid.reshape(-1).to(flat_N.dtype), None, f"{what or 'B'}={count}")
    else:
        group_N = torch.arange(samples, device=flat_N.device).repeat_interleave(count // samples)
    ones_N = torch.ones_like(flat_N) if valid is None else valid.reshape(-1).to(flat_N.dtype)
    counts_G = flat_N.new_zeros(samples).index_add_(0, group_N, ones_N)
    sums_G = flat_N.new_zeros(samples).index_add_(0, group_N, flat_N * ones_N)
    return Grouping(
        sums_G / counts_G.clamp(min=1), counts_G, group_N, f"{samples} {what} of {math.ceil(count / samples)}"
    )


def _samples_in(plain: Tensor, granularity: Granularity, batch: int | None, rows: int) -> tuple[int, str]:
    count = plain.numel()
    if granularity in ("token", "group"):
        return count, f"{granularity}s"
    if granularity == "sample" or plain.ndim > 1:
        return rows, "sequences" if granularity == "sequence" else "samples"
    if granularity == "auto" and batch in (None, count):
        return count, ""
    if batch is not None and 0 < batch < count and count % batch == 0:
        return batch, "sequences"
    raise GranularityError(
        f"the loss has {count} elements, the model was given a batch of {batch or 'unknown size'}: what is "
        'one sample? Say granularity="sequence" with a batch that divides it, "token", or "sample", where '
        "each element is one"
    )
