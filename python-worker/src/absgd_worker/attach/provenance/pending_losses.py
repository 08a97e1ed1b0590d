"""Losses that were computed without a reduction and are not reduced yet.

Shapes: S as the losses.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from absgd_worker.attach.estimates.call_site import CallSite
from absgd_worker.attach.provenance.functional_losses import Elements
from absgd_worker.attach.provenance.granularity import Granularity, Groups
from absgd_worker.attach.provenance.sample_layout import Layout
from absgd_worker.attach.samples.sample_origin import Origin


class ReductionState:
    """Whether and where the losses of one call are reduced."""

    def __init__(self) -> None:
        self.is_reduced = False
        """Whether a reduction was seen. The losses are then weighed, if a sample counts."""
        self.parts: dict[str, CallSite] = {}
        """The estimates of the parts of the losses that are reduced so far, each with its call site."""


class PendingLoss(NamedTuple):
    """One loss. `node` keeps its graph alive; no tensor of the script is kept."""

    name: str
    """Its estimate."""
    about: str
    """For people: "cross_entropy none"."""
    node: Any
    """The node of the autograd graph that computed it."""
    plain: Tensor
    """S, detached, without class weights."""
    layout: Layout
    ratio: Tensor | None = None
    """S, the plain loss divided by the script's; None if there are no class weights."""
    valid: Tensor | None = None
    """bool S, the elements that count; None if all do."""
    label: Tensor | None = None
    """int64 S, the class of each element; None if there are none."""
    groups: Groups | None = None
    """The samples, if they are known; None if `layout` and `granularity` determine them."""
    granularity: Granularity = "auto"
    state: ReductionState = ReductionState()
    """Shared with losses that come from these by a reduction over some dimensions."""
    origin: Origin | None = None
    """Which samples of the data set they are; None if that is not certain."""

    @classmethod
    def from_elements(
        cls,
        elements: Elements,
        node: Any,
        name: str,
        layout: Layout,
        granularity: Granularity,
        *,
        origin: Origin | None = None,
    ) -> PendingLoss:
        """A loss of `torch.nn.functional` with reduction="none"."""
        ratio = None
        if elements.has_class_weights:
            ratio = torch.nan_to_num(elements.plain / elements.losses.detach(), 1, 1, 1)
        return cls(
            name,
            elements.about,
            node,
            elements.plain,
            layout,
            ratio,
            elements.valid,
            elements.label,
            granularity=granularity,
            state=ReductionState(),
            origin=origin,
        )


class PendingLosses:
    """The last pending loss of each estimate, at most `MOST`."""

    def __init__(self) -> None:
        self.losses: list[PendingLoss] = []
        """Read only."""

    def add(self, pending: PendingLoss) -> None:
        """Adds a loss. It replaces the one of the same name, whose graph is released."""
        self.losses = [other for other in self.losses if other.name != pending.name][1 - MOST :]
        self.losses.append(pending)

    def mark_weighed(self, result: Tensor, pending: PendingLoss) -> None:
        """Records that `pending` is weighed in `result`: what is computed from `result` is weighed too."""
        pending.state.is_reduced = True
        self.losses = [other for other in self.losses if other.name != pending.name]
        if result.grad_fn is not None:
            # The mark is kept on the node, so that it is released with the graph.
            node: Any = result.grad_fn
            node.metadata[_WEIGHED] = True

    def source_of(self, losses: Tensor) -> tuple[PendingLoss, bool] | None:
        """The nearest pending loss in the graph of `losses`, and whether an operation in between may have
        mixed samples. None if there is none, or if it is weighed already."""
        if not self.losses or losses.grad_fn is None:
            return None
        by_node = {pending.node: pending for pending in self.losses}
        queue: list[tuple[Any, bool]] = [(losses.grad_fn, False)]
        # Scripts apply few operations to losses. The search must not go through the whole model behind them.
        for _ in range(MOST_NODES):
            if not queue:
                return None
            node, is_mixed = queue.pop(0)
            pending = by_node.get(node)
            if pending is not None:
                return pending, is_mixed
            if _WEIGHED not in node.metadata:
                is_mixed = is_mixed or node.name().startswith(_MIXING_OPERATIONS)
                queue.extend((parent, is_mixed) for parent, _ in node.next_functions if parent is not None)
        return None


MOST = 8
MOST_NODES = 64
_WEIGHED = "absgd: weighed"
_MIXING_OPERATIONS = (
    *("Mm", "Mv", "Bmm", "Addm", "Dot", "Cum", "Logcumsum", "Conv", "Fft", "Linear"),
    *("Index", "Sort", "Topk", "Gather", "Roll", "Flip", "Permute", "Transpose", "T"),
)
"""Prefixes of node names: operations that move elements, or that mix the elements of several samples."""
