"""Which elements of a loss are one sample: the sample, the sequence, a group of them, or every token.

Shapes: S as the loss's elements, N of them in all; G samples that are weighed.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from absgd_worker.attach.layout import Layout
from absgd_worker.errors import WorkerError

Granularity = Literal["auto", "sample", "sequence", "time-first", "token", "group"]


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

    def summed(self) -> Grouping:
        """The same samples, whose losses are the sums of their elements."""
        return self if self.counts_G is None else self._replace(losses_G=self.losses_G * self.counts_G)


def group_elements(
    plain: Tensor,
    valid: Tensor | None,
    granularity: Granularity,
    layout: Layout,
    *,
    group: Tensor | None = None,
) -> Grouping:
    """Puts the elements of a loss together to samples.

    `plain`: S, detached. `group`: the sample of every element, int [N] from 0, for `granularity="group"`.

    Raises:
        GranularityError: what a sample is cannot be told.
    """
    if granularity not in get_args(Granularity):
        raise ValueError(f"granularity is {granularity!r}, must be one of {', '.join(get_args(Granularity))}")
    flat_N = plain.reshape(-1)
    count = flat_N.shape[0]
    samples, what, is_time_first = _samples_in(plain, granularity, layout)
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
        of_each = torch.arange(samples, device=flat_N.device)
        if is_time_first:
            steps = layout.sizes[0] if plain.ndim == 1 and layout.sizes else plain.shape[0]
            of_row = of_each.repeat_interleave(count // samples // steps)
            group_N = of_row.repeat(steps)
        else:
            group_N = of_each.repeat_interleave(count // samples)
    ones_N = torch.ones_like(flat_N) if valid is None else valid.reshape(-1).to(flat_N.dtype)
    counts_G = flat_N.new_zeros(samples).index_add_(0, group_N, ones_N)
    sums_G = flat_N.new_zeros(samples).index_add_(0, group_N, flat_N.where(ones_N > 0, 0))
    return Grouping(
        sums_G / counts_G.clamp(min=1), counts_G, group_N, f"{samples} {what} of {math.ceil(count / samples)}"
    )


def _samples_in(plain: Tensor, granularity: Granularity, layout: Layout) -> tuple[int, str, bool]:
    """How many samples there are, what they are, and whether they lie in the second dimension."""
    count = plain.numel()
    if granularity in ("token", "group"):
        return count, f"{granularity}s", False
    if granularity == "sample" or count == 1:
        return plain.shape[0] if plain.ndim else 1, "" if count == 1 else "samples", False
    shape = tuple(plain.shape[:2]) if plain.ndim > 1 else layout.sizes
    is_row = shape is None or (plain.ndim <= 1 and shape[0] * shape[1] != count)
    if is_row or (plain.ndim <= 1 and granularity == "auto" and layout.batch == count):
        samples = _of_a_row(count, granularity, layout)
        return samples, "" if samples == count else "sequences", False
    assert shape is not None
    what = "sequences" if plain.ndim == 1 or granularity != "auto" else "samples"
    is_time_first = granularity == "time-first" or (
        granularity == "auto" and _lies_across(shape, count, layout)
    )
    return shape[1] if is_time_first else shape[0], what, is_time_first


def _lies_across(shape: tuple[int, ...], count: int, layout: Layout) -> bool:
    """Whether samples are columns."""
    batch = layout.batch
    if layout.may_be_time_first and 1 not in shape and batch in (None, shape[0]):
        raise GranularityError(
            f"the model has layers with batch_first=False, and a loss of {shape[0]} times {shape[1]} "
            f"elements: are samples its rows or its columns? {_SAY}"
        )
    if batch not in (None, *shape):
        raise _unknown(count, batch)
    return batch is not None and batch != shape[0]


def _of_a_row(count: int, granularity: Granularity, layout: Layout) -> int:
    """Of losses in one row, of which nothing tells how they came to be one."""
    batch = layout.batch
    if batch in (None, count) and granularity == "auto":
        return count
    # That it divides proves nothing: so does a number of boxes.
    if granularity == "sequence" and batch is not None and 0 < batch <= count and count % batch == 0:
        return batch
    raise _unknown(count, batch)


def _unknown(count: int, batch: int | None) -> GranularityError:
    return GranularityError(
        f"the loss has {count} elements, the model was given a batch of {batch or 'unknown size'}: what is "
        f"one sample? {_SAY}"
    )


_SAY = (
    'Say granularity="sequence" for losses [B, T], "time-first" for [T, B], "token", or "sample", where each '
    "row is one (absgd-run --granularity …); or weigh them with absgd_worker.weigh(losses, group=…)"
)
