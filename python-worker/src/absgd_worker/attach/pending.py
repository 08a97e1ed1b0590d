"""Losses that were computed without a reduction, until they are reduced."""

from __future__ import annotations

import weakref
from typing import Any

from torch import Tensor

from absgd_worker.attach.functionals import Elements
from absgd_worker.attach.granularity import Groups
from absgd_worker.attach.layout import Layout
from absgd_worker.attach.use import Use


class Pending:
    """One of them: `node` made it, in the graph. `groups`: its samples, where they are not for `layout` to
    tell."""

    def __init__(
        self, elements: Elements, node: Any, name: str, layout: Layout, groups: Groups | None = None
    ) -> None:
        self.elements = elements
        self.node = node
        self.name = name
        self.layout = layout
        self.groups = groups
        self._weighed: tuple[weakref.ref[Tensor], Tensor, Use | None] | None = None

    def weighed(self, losses: Tensor) -> tuple[Tensor, Use | None] | None:
        """The factors that these very losses had: a script may reduce them more than once, for its log."""
        return None if self._weighed is None or self._weighed[0]() is not losses else self._weighed[1:]

    def remember(self, losses: Tensor, factors: Tensor, use: Use | None) -> None:
        self._weighed = (weakref.ref(losses), factors, use)

    def valid_in(self, losses: Tensor) -> Tensor | None:
        """Which of `losses` count: what a mask has made 0, since these were computed, does not. None: all."""
        plain = self.elements.plain.reshape(losses.shape)
        valid = None if self.elements.valid is None else self.elements.valid.reshape(losses.shape)
        if self._is_clamped(losses):
            return valid
        kept = (losses.detach() != 0) | (plain == 0)
        if valid is None:
            return None if bool(kept.all()) else kept
        return valid & kept

    def _is_clamped(self, losses: Tensor) -> bool:
        """Whether a loss may be 0 since it is below a margin, which is as good as a sample may be."""
        nodes: list[Any] = [losses.grad_fn]
        for _ in range(DEEPEST):
            if not nodes:
                return False
            node = nodes.pop(0)
            if node is None or node is self.node:
                continue
            if node.name().startswith(_CLAMPS):
                return True
            nodes.extend(parent for parent, _ in node.next_functions)
        return False


class Pendings:
    """The latest of a loop, by where they were computed."""

    def __init__(self) -> None:
        self._all: list[Pending] = []
        self._weighed: set[Any] = set()
        self._step = 0

    def add(self, pending: Pending, step: int) -> None:
        """Those of earlier steps are let go of, and their graphs with them."""
        if step != self._step:
            self._all, self._weighed, self._step = [], set(), step
        self._all = [one for one in self._all if one.name != pending.name][1 - MOST :]
        self._all.append(pending)

    def add_made(self, pending: Pending, of: Pending) -> None:
        """What was made of one of them, and is looked at in its place."""
        self._all.insert(self._all.index(of) + 1, pending)

    def are_weighed_in(self, result: Tensor) -> None:
        """What is made of `result` is made of weighed losses."""
        self._weighed.add(result.grad_fn)

    def source_of(self, losses: Tensor) -> Pending | None:
        """The nearest one that `losses` were computed from; None where none is, or it is weighed."""
        if not self._all or losses.grad_fn is None:
            return None
        by_node = {one.node: one for one in self._all}
        nodes: list[Any] = [losses.grad_fn]
        # What a criterion makes of its elements is short; the model behind is not, and no loss of it counts.
        for _ in range(DEEPEST):
            if not nodes:
                return None
            node = nodes.pop(0)
            found = by_node.get(node)
            if found is not None:
                return found
            if node not in self._weighed:
                nodes.extend(parent for parent, _ in node.next_functions if parent is not None)
        return None

    def take(self, losses: Tensor) -> Pending | None:
        """The one that gave `losses` themselves, which is reduced by somebody else."""
        found = next((one for one in self._all if one.node is losses.grad_fn), None)
        if found is not None:
            self._all.remove(found)
        return found


MOST = 8
DEEPEST = 64
_CLAMPS = ("Clamp", "Relu", "Maximum", "Threshold", "Hardtanh", "Softshrink", "Hardshrink")
