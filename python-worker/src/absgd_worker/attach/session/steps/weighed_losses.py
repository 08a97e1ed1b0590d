"""The weighed losses that one step reports.

Shapes: N samples of a step, in A calls; F fields of the statistics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from absgd_worker.attach.samples.sample_identity import Identity, join_identities
from absgd_worker.weights import Statistics, read_statistics


class WeighedLosses(NamedTuple):
    """The losses of one name, of one call or of all calls of a step."""

    statistics: Statistics | Tensor
    losses_N: Tensor
    weights_N: Tensor
    identity: Identity
    controls: Mapping[str, float]
    """The controls of the step in which they were weighed."""


def accumulated(calls: Sequence[WeighedLosses]) -> WeighedLosses:
    """All calls of a step as one: the batch that the micro-batches make together. At least one call."""
    if len(calls) == 1:
        return calls[0]
    sizes = [call.losses_N.shape[0] for call in calls]
    total = sum(sizes)
    shares = [size / total for size in sizes]
    device = calls[0].losses_N.device if isinstance(calls[0].statistics, Tensor) else torch.device("cpu")
    share_A = torch.tensor(shares, dtype=torch.float64, device=device)
    rows_AF = torch.stack(
        [torch.as_tensor(call.statistics, dtype=torch.float64, device=device) for call in calls]
    )
    field = dict(zip(Statistics._fields, rows_AF.unbind(1), strict=True))
    statistics = torch.stack(
        [
            field["n"].sum(),
            torch.logsumexp(field["m"] + share_A.log(), 0),
            (field["sum_w"] * share_A).sum(),
            (field["sum_w2"] * share_A.square()).sum(),
            (field["sum_wl"] * share_A).sum(),
            (field["max_w"] * share_A).max(),
            (field["mean_loss"] * share_A).sum(),
            field["free_energy"][-1],
            field["capped"][-1],
            field["non_finite"].sum(),
        ]
    )
    return WeighedLosses(
        statistics if device.type != "cpu" else read_statistics(statistics),
        torch.cat([call.losses_N for call in calls]),
        torch.cat([call.weights_N * share for call, share in zip(calls, shares, strict=True)]),
        join_identities([call.identity for call in calls]),
        calls[-1].controls,
    )
