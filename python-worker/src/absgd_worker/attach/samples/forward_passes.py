"""Which samples a model was given, and those of the losses that are computed of what it gave."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from absgd_worker.attach.samples.batch_structure import tensors_in
from absgd_worker.attach.samples.sample_origin import Origin
from absgd_worker.attach.samples.samples_from_graph import (
    MIXED,
    Found,
    has_mark,
    is_same,
    joint,
    made_of,
    mark,
    may_be_rearranged,
)
from absgd_worker.attach.samples.tracked_batches import batches


class Passes:
    """The forward passes of the outermost models; told of by `ModelWatch`."""

    def __init__(self) -> None:
        self._given: Found = None
        self._is_running = False
        self._looks = 0

    def begin(self, given: tuple[Any, ...]) -> None:
        """An outermost model is called."""
        self._is_running, self._looks = True, MOST_LOOKS
        self._given = _samples_of(given) if batches else None

    def within(self, given: tuple[Any, ...]) -> None:
        """A part of it is called: a model may take its batch by keywords, or hand on what it made of it."""
        if self._looks and self._given is None and self._is_running and batches:
            self._looks -= 1
            self._given = _samples_of(given)

    def end(self, output: Any) -> None:
        """It has given `output`."""
        self._is_running = False
        if self._given is not None and batches:
            for tensor in tensors_in(output, 3):
                mark(tensor, self._given)

    def of_loss(self, given: tuple[Any, ...]) -> Origin | None:
        """The samples of a loss of torch: those of its target, else those of its input, as long as they do
        not contradict each other. `given`: its arguments, input and target first."""
        if not batches:
            return None
        scores, target = (*given[:2], None, None)[:2]
        of_target = batches.find(target)
        of_scores = _samples_of_one(scores)
        if of_scores is None and self._is_running:
            of_scores = self._given
        if of_target is not None:
            if of_scores is not None and not is_same(of_target, of_scores):
                return None
            if isinstance(scores, Tensor) and not has_mark(scores):
                mark(scores, of_target)
            return of_target
        if not isinstance(of_scores, Origin) or may_be_rearranged(target, of_scores):
            return None
        return of_scores

    def of_losses(self, losses: Tensor) -> Origin | None:
        """The samples of one loss each, however they were computed of what models gave."""
        if not batches:
            return None
        found = made_of(losses)
        return found if isinstance(found, Origin) else None

    def of_criterion(self, given: tuple[Any, ...]) -> None:
        """A criterion is called: the rows of its scores and of its labels are of the same samples."""
        if not batches:
            return
        tensors = list(tensors_in(given, 2))
        made = [one for one in tensors if one.grad_fn is not None]
        found = joint([batches.find(one) for one in tensors if one.grad_fn is None])
        if len(made) != 1 or not isinstance(found, Origin):
            return
        own = made_of(made[0])
        if own is None or not is_same(found, own):
            mark(made[0], found if own is None else MIXED)


def _samples_of(given: tuple[Any, ...]) -> Found:
    with torch.no_grad():
        return joint([_samples_of_one(one) for one in tensors_in(given, 3)])


def _samples_of_one(tensor: Any) -> Found:
    if not isinstance(tensor, Tensor):
        return None
    return batches.find(tensor) or made_of(tensor)


MOST_LOOKS = 32
"""Parts of a model that are asked for what they are given, in one pass."""
