"""Groups the elements of a loss into samples: rows, sequences, groups given by the script, or tokens.

Shapes: S as the loss's elements, N of them; G samples.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from absgd_worker.attach.provenance.sample_layout import Layout
from absgd_worker.attach.provenance.sample_weights import divide_out_sample_weights
from absgd_worker.errors import WorkerError

Granularity = Literal["auto", "sample", "sequence", "time-first", "token", "group"]


class GranularityError(WorkerError, ValueError):
    """The shapes do not show which elements of a loss belong to one sample: give `granularity` or `group`."""


class Grouping(NamedTuple):
    """The samples of a loss, and the loss of each."""

    losses_G: Tensor
    """The mean over the valid elements of each sample; 0 if it has none."""
    counts_G: Tensor | None
    """The number of valid elements of each sample; None if each sample is one valid element."""
    group_N: Tensor | None
    """int64, the sample of each element, from 0; None if each element is a sample."""
    unit: str
    """For people: "B=64", "64 sequences of 128"."""

    def summed(self) -> Grouping:
        """The same samples with sums over their elements instead of means."""
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
    """Groups the elements of a loss into samples.

    Args:
        plain: S, detached.
        valid: bool S, the elements that count; None if all do.
        group: int [N], the sample of each element, from 0; for `granularity="group"`.
        factors: tensors S by which `plain` was multiplied. Those that are sample weights are divided out.

    Raises:
        GranularityError: the samples are unknown.
        ValueError: `granularity` is none of `Granularity`.
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
    plain = divide_out_sample_weights(plain, factors, groups.group_N, groups.samples, valid)
    return grouping_of(plain, valid, groups)


class Groups(NamedTuple):
    """The sample of each element."""

    group_N: Tensor | None
    """int64, the sample of each element, from 0; None if each element is a sample."""
    samples: int
    """The number of samples."""
    noun: str
    """The plural noun for samples in messages, such as "sequences"; empty if it is not printed."""


def grouping_of(plain: Tensor, valid: Tensor | None, groups: Groups) -> Grouping:
    """Like `group_elements`, with known groups."""
    flat_N, group_N = plain.reshape(-1), groups.group_N
    count = flat_N.shape[0]
    if group_N is None:
        if valid is None:
            return Grouping(flat_N, None, None, f"B={count}")
        return Grouping(
            flat_N,
            valid.reshape(-1).to(flat_N.dtype),
            None,
            f"{'tokens' if groups.noun == 'tokens' else 'B'}={count}",
        )
    ones_N = torch.ones_like(flat_N) if valid is None else valid.reshape(-1).to(flat_N.dtype)
    counts_G = flat_N.new_zeros(groups.samples).index_add_(0, group_N, ones_N)
    sums_G = flat_N.new_zeros(groups.samples).index_add_(0, group_N, flat_N.where(ones_N > 0, 0))
    unit = f"{groups.samples} {groups.noun} of {math.ceil(count / groups.samples)}"
    return Grouping(sums_G / counts_G.clamp(min=1), counts_G, group_N, unit)


class SampleArrangement(NamedTuple):
    """How samples are arranged in the elements of a loss."""

    samples: int
    """The number of samples."""
    noun: str
    """The plural noun for samples in messages, such as "sequences"; empty if it is not printed."""
    time_steps: int = 1
    """The number of time steps if time comes before the samples; 1 if each sample is a row."""

    def group_of_elements(self, elements: int, device: torch.device) -> Tensor:
        """The sample of each element, int64 [elements]."""
        samples = torch.arange(self.samples, device=device)
        per_step = elements // self.samples // self.time_steps
        return samples.repeat_interleave(per_step).repeat(self.time_steps)


def groups_of(plain: Tensor, granularity: Granularity, layout: Layout) -> Groups:
    """The sample of every element of `plain`.

    Raises:
        GranularityError: the samples are unknown.
    """
    count, selected = plain.numel(), layout.selected_rows
    if selected is not None and selected.shape == plain.shape[:1] and granularity in ("auto", "sequence"):
        rows, row = torch.unique(selected, return_inverse=True)
        if rows.shape[0] == count:
            return Groups(None, count, "")
        _refuse_packed_rows(layout)
        return Groups(row.to(plain.device).repeat_interleave(count // row.shape[0]), rows.shape[0], "samples")
    arrangement = arrangement_of(tuple(plain.shape), granularity, layout)
    if arrangement.samples == count:
        return Groups(None, count, arrangement.noun)
    if granularity != "sample":
        _refuse_packed_rows(layout)
    group_N = arrangement.group_of_elements(count, plain.device)
    return Groups(group_N, arrangement.samples, arrangement.noun)


def _refuse_packed_rows(layout: Layout) -> None:
    if layout.has_packed_rows:
        raise GranularityError(
            "a row holds several documents (its positions begin anew), and would be weighed as one sample. "
            'Say granularity="token" (absgd-run --granularity token), weigh documents with '
            "absgd_worker.weigh(losses, group=…), or give each document a row of its own"
        )


def arrangement_of(shape: tuple[int, ...], granularity: Granularity, layout: Layout) -> SampleArrangement:
    """The arrangement of the samples of a loss. `shape`: that of its elements.

    Raises:
        GranularityError: the samples are unknown.
    """
    count = math.prod(shape)
    if granularity == "token":
        return SampleArrangement(count, "tokens")
    if granularity == "sample" or count == 1:
        return SampleArrangement(shape[0] if shape else 1, "" if count == 1 else "samples")
    flattened = layout.flattened
    if flattened is not None and flattened[0] * flattened[1] == shape[0]:
        return _arrangement_2d(flattened, "sequences", granularity, layout, count)
    if len(shape) > 1:
        noun = "samples" if granularity == "auto" else "sequences"
        if granularity == "auto" and layout.has_sample_rows and not layout.may_be_time_first:
            return SampleArrangement(shape[0], noun)
        return _arrangement_2d((shape[0], shape[1]), noun, granularity, layout, count, is_flat=False)
    return _arrangement_1d(count, granularity, layout)


def _arrangement_2d(
    sizes: tuple[int, int],
    noun: str,
    granularity: Granularity,
    layout: Layout,
    count: int,
    *,
    is_flat: bool = True,
) -> SampleArrangement:
    """Whether samples are rows or columns of elements whose first two dimensions are known."""
    rows, columns = sizes
    by_row = SampleArrangement(rows, noun)
    by_column = SampleArrangement(columns, noun, time_steps=rows)
    if granularity != "auto":
        return by_column if granularity == "time-first" else by_row
    known = layout.batches
    if layout.cell_batch in sizes and rows != columns:
        return by_row if layout.cell_batch == rows else by_column
    is_ambiguous = layout.may_be_time_first or layout.cell_batch is not None
    if is_ambiguous and (is_flat or 1 not in sizes) and (not known or rows in known):
        raise GranularityError(
            f"the model has recurrent cells, or layers with batch_first=False, and a loss of {rows} times "
            f"{columns} elements: are samples its rows or its columns? {_REMEDY}"
        )
    if not known or rows in known:
        return by_row
    if is_ambiguous and is_flat and columns in known:
        return by_column
    if is_flat and count in known:
        # A sample may have several images, which the script flattened before the model.
        return SampleArrangement(count, "")
    raise _unknown(count, known)


def _arrangement_1d(count: int, granularity: Granularity, layout: Layout) -> SampleArrangement:
    """The arrangement of losses [N] that are not known to be flattened."""
    known = layout.batches
    is_packed = count in layout.packed_lengths and known != (count,)
    if granularity == "auto" and not is_packed and (not known or count in known or layout.has_sample_rows):
        return SampleArrangement(count, "")
    # A multiple of the batch size alone proves nothing (a number of boxes may be one), so "auto" raises.
    if granularity == "sequence" and known and 0 < known[-1] <= count and count % known[-1] == 0:
        return SampleArrangement(known[-1], "sequences" if known[-1] != count else "")
    raise _unknown(count, known)


def _unknown(count: int, known: tuple[int, ...]) -> GranularityError:
    given = " and ".join(map(str, known)) or "unknown size"
    return GranularityError(
        f"the loss has {count} elements, the model was given a batch of {given}: what is one sample? "
        f"{_REMEDY}"
    )


_REMEDY = (
    'Say granularity="sequence" for losses [B, T], "time-first" for [T, B], "token", or "sample", where each '
    "row is one (absgd-run --granularity …); or weigh them with absgd_worker.weigh(losses, group=…)"
)
