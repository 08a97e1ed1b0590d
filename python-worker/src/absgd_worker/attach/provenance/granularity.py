"""Which elements of a loss are one sample: the sample, the sequence, a group of them, or every token.

Shapes: S as the loss's elements, N of them in all; G samples that are weighed.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from absgd_worker.attach.provenance.sample_layout import Layout
from absgd_worker.attach.provenance.sample_weights import without_weights
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
    factors: tuple[Tensor, ...] = (),
) -> Grouping:
    """Puts the elements of a loss together to samples.

    `plain`: S, detached. `group`: the sample of every element, int [N] from 0, for `granularity="group"`.
    `factors`: each S, what `plain` was multiplied by; it is divided by those that are weights of samples.

    Raises:
        GranularityError: what a sample is cannot be told.
    """
    if granularity not in get_args(Granularity):
        raise ValueError(f"granularity is {granularity!r}, must be one of {', '.join(get_args(Granularity))}")
    count = plain.numel()
    if granularity == "group" or group is not None:
        if group is None or group.numel() != count:
            raise GranularityError(
                f"group must have one entry for each of the {count} losses, not "
                f"{'none' if group is None else list(group.shape)}"
            )
        group_N = group.reshape(-1).to(plain.device)
        groups = Groups(group_N, int(group_N.max()) + 1, "groups")
    else:
        groups = groups_of(plain, granularity, layout)
    return grouped(without_weights(plain, factors, groups.of_N, groups.number, valid), valid, groups)


class Groups(NamedTuple):
    """The samples of elements."""

    of_N: Tensor | None
    """int64 [N], from 0 on; None where each element is a sample."""
    number: int
    what: str
    """For people: "sequences"; empty where that is said of nobody."""


def grouped(plain: Tensor, valid: Tensor | None, groups: Groups) -> Grouping:
    """As `group_elements`, where the groups are known."""
    flat_N, group_N = plain.reshape(-1), groups.of_N
    count = flat_N.shape[0]
    if group_N is None:
        if valid is None:
            return Grouping(flat_N, None, None, f"B={count}")
        return Grouping(
            flat_N,
            valid.reshape(-1).to(flat_N.dtype),
            None,
            f"{'tokens' if groups.what == 'tokens' else 'B'}={count}",
        )
    ones_N = torch.ones_like(flat_N) if valid is None else valid.reshape(-1).to(flat_N.dtype)
    counts_G = flat_N.new_zeros(groups.number).index_add_(0, group_N, ones_N)
    sums_G = flat_N.new_zeros(groups.number).index_add_(0, group_N, flat_N.where(ones_N > 0, 0))
    unit = f"{groups.number} {groups.what} of {math.ceil(count / groups.number)}"
    return Grouping(sums_G / counts_G.clamp(min=1), counts_G, group_N, unit)


class Samples(NamedTuple):
    """How the samples lie in the elements of a loss."""

    number: int
    what: str
    """For people: "sequences"; empty where that is said of nobody."""
    steps: int = 1
    """Of time, where that comes before the samples; 1 where each sample is a row."""

    def of_elements(self, elements: int, device: torch.device) -> Tensor:
        """The sample of each, int64 [elements]."""
        of_each = torch.arange(self.number, device=device)
        return of_each.repeat_interleave(elements // self.number // self.steps).repeat(self.steps)


def groups_of(plain: Tensor, granularity: Granularity, layout: Layout) -> Groups:
    """The sample of every element of `plain`.

    Raises:
        GranularityError: what a sample is cannot be told.
    """
    count, picked = plain.numel(), layout.picked
    if picked is not None and picked.shape == plain.shape[:1] and granularity in ("auto", "sequence"):
        rows, row = torch.unique(picked, return_inverse=True)
        if rows.shape[0] == count:
            return Groups(None, count, "")
        return Groups(row.to(plain.device).repeat_interleave(count // row.shape[0]), rows.shape[0], "samples")
    samples = samples_of(tuple(plain.shape), granularity, layout)
    if samples.number == count:
        return Groups(None, count, samples.what)
    return Groups(samples.of_elements(count, plain.device), samples.number, samples.what)


def samples_of(shape: tuple[int, ...], granularity: Granularity, layout: Layout) -> Samples:
    """`shape`: of the elements.

    Raises:
        GranularityError: what a sample is cannot be told.
    """
    count = math.prod(shape)
    if granularity == "token":
        return Samples(count, "tokens")
    if granularity == "sample" or count == 1:
        return Samples(shape[0] if shape else 1, "" if count == 1 else "samples")
    flattened = layout.sizes
    if flattened is not None and flattened[0] * flattened[1] == shape[0]:
        return _in_table(flattened, "sequences", granularity, layout, count)
    if len(shape) > 1:
        what = "samples" if granularity == "auto" else "sequences"
        if granularity == "auto" and layout.has_rows and not layout.may_be_time_first:
            return Samples(shape[0], what)
        return _in_table((shape[0], shape[1]), what, granularity, layout, count, is_flat=False)
    return _in_row(count, granularity, layout)


def _in_table(
    table: tuple[int, int],
    what: str,
    granularity: Granularity,
    layout: Layout,
    count: int,
    *,
    is_flat: bool = True,
) -> Samples:
    """Of elements whose first two dimensions are known: is a sample a row of them, or a column?"""
    rows, columns = table
    by_row, by_column = Samples(rows, what), Samples(columns, what, steps=rows)
    if granularity != "auto":
        return by_column if granularity == "time-first" else by_row
    known = layout.batches
    if layout.cells in table and rows != columns:
        return by_row if layout.cells == rows else by_column
    is_open = layout.may_be_time_first or layout.cells is not None
    if is_open and (is_flat or 1 not in table) and (not known or rows in known):
        raise GranularityError(
            f"the model has recurrent cells, or layers with batch_first=False, and a loss of {rows} times "
            f"{columns} elements: are samples its rows or its columns? {_SAY}"
        )
    if not known or rows in known:
        return by_row
    if is_open and is_flat and columns in known:
        return by_column
    if is_flat and count in known:
        # Images of several to a sample, say, of which the model knew nothing.
        return Samples(count, "")
    raise _unknown(count, known)


def _in_row(count: int, granularity: Granularity, layout: Layout) -> Samples:
    """Of losses in one row, of which nothing tells how they came to be one."""
    known = layout.batches
    is_words = count in layout.words and known != (count,)
    if granularity == "auto" and not is_words and (not known or count in known or layout.has_rows):
        return Samples(count, "")
    # That it divides proves nothing: so does a number of boxes.
    if granularity == "sequence" and known and 0 < known[-1] <= count and count % known[-1] == 0:
        return Samples(known[-1], "sequences" if known[-1] != count else "")
    raise _unknown(count, known)


def _unknown(count: int, known: tuple[int, ...]) -> GranularityError:
    given = " and ".join(map(str, known)) or "unknown size"
    return GranularityError(
        f"the loss has {count} elements, the model was given a batch of {given}: what is one sample? {_SAY}"
    )


_SAY = (
    'Say granularity="sequence" for losses [B, T], "time-first" for [T, B], "token", or "sample", where each '
    "row is one (absgd-run --granularity …); or weigh them with absgd_worker.weigh(losses, group=…)"
)
