"""Losses that were computed without a reduction, until they are reduced."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from absgd_worker.attach.estimates.call_site import Place
from absgd_worker.attach.provenance.functional_losses import Elements
from absgd_worker.attach.provenance.granularity import Granularity, Groups
from absgd_worker.attach.provenance.sample_layout import Layout
from absgd_worker.attach.samples.sample_origin import Origin


class Fate:
    """What became of losses."""

    def __init__(self) -> None:
        self.is_reduced = False
        """Whether they were reduced where that was seen, and weighed if there was a sample that counts."""
        self.parts: dict[str, Place] = {}
        """The names of the weighings of what was reduced of them, each with its place."""


class Pending(NamedTuple):
    """One of them, of shape S. Holds its graph by `node`, which made it, but no tensor of the script's."""

    name: str
    about: str
    node: Any
    plain: Tensor
    """S, detached."""
    layout: Layout
    ratio: Tensor | None = None
    """S: what undoes the class weights; None where there are none."""
    valid: Tensor | None = None
    """S, bool: which count; None where all do."""
    label: Tensor | None = None
    """int64 S, the class of each; None where there are none."""
    groups: Groups | None = None
    """The samples, where they are not for `layout` to tell."""
    granularity: Granularity = "auto"
    fate: Fate = Fate()
    """Shared with what is made of these losses by adding up some of their dimensions."""
    origin: Origin | None = None
    """Which samples of the data they are; None where that is not certain."""

    @classmethod
    def of(
        cls,
        elements: Elements,
        node: Any,
        name: str,
        layout: Layout,
        granularity: Granularity,
        *,
        origin: Origin | None = None,
    ) -> Pending:
        """Of a loss as its function gave it."""
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
            fate=Fate(),
            origin=origin,
        )


class Pendings:
    """Those of a loop that nobody has reduced yet, the latest of each place."""

    def __init__(self) -> None:
        self._all: list[Pending] = []

    def add(self, pending: Pending) -> None:
        """It takes the place of the one before, whose graph is let go of."""
        self._all = [one for one in self._all if one.name != pending.name][1 - MOST :]
        self._all.append(pending)

    def are_weighed_in(self, result: Tensor, pending: Pending) -> None:
        """What is made of `result` is made of weighed losses."""
        pending.fate.is_reduced = True
        self._all = [one for one in self._all if one.name != pending.name]
        if result.grad_fn is not None:
            # On the node itself, so that it is gone with its graph.
            node: Any = result.grad_fn
            node.metadata[_WEIGHED] = True

    def source_of(self, losses: Tensor) -> tuple[Pending, bool] | None:
        """The nearest one that `losses` were computed from, and whether what lies between may have mixed
        samples. None where there is none, or it is weighed."""
        if not self._all or losses.grad_fn is None:
            return None
        by_node = {one.node: one for one in self._all}
        nodes: list[tuple[Any, bool]] = [(losses.grad_fn, False)]
        # What a criterion makes of its elements is short; the model behind is not, and no loss of it counts.
        for _ in range(DEEPEST):
            if not nodes:
                return None
            node, is_mixed = nodes.pop(0)
            found = by_node.get(node)
            if found is not None:
                return found, is_mixed
            if _WEIGHED not in node.metadata:
                is_mixed = is_mixed or node.name().startswith(_MIXERS)
                nodes.extend((parent, is_mixed) for parent, _ in node.next_functions if parent is not None)
        return None


MOST = 8
DEEPEST = 64
_WEIGHED = "absgd: weighed"
_MIXERS = (
    *("Mm", "Mv", "Bmm", "Addm", "Dot", "Cum", "Logcumsum", "Conv", "Fft", "Linear"),
    *("Index", "Sort", "Topk", "Gather", "Roll", "Flip", "Permute", "Transpose", "T"),
)
"""How the nodes of operations begin that leave no element at its place, or none of one sample alone."""
