"""The samples of a model's inputs, and of the losses that are computed from its outputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from absgd_worker.attach.samples.batch_structure import tensors_in
from absgd_worker.attach.samples.sample_origin import Origin
from absgd_worker.attach.samples.samples_from_graph import (
    MIXED,
    KnownSamples,
    combine,
    has_mark,
    is_same,
    mark,
    may_be_rearranged,
    samples_from_graph,
)
from absgd_worker.attach.samples.tracked_batches import batches


class ForwardPasses:
    """The samples of the forward passes of the outermost models. `ModelWatch` reports the passes."""

    def __init__(self) -> None:
        self._input: KnownSamples = None
        self._is_running = False
        self._inner_calls_left = 0

    def begin(self, inputs: tuple[Any, ...]) -> None:
        """An outermost model is called with `inputs`."""
        self._is_running, self._inner_calls_left = True, MOST_INNER_CALLS
        self._input = _samples_of_inputs(inputs) if batches else None

    @property
    def is_looking(self) -> bool:
        """Whether the samples of the forward pass are unknown, and may be found inside the model."""
        return self._input is None and bool(batches)

    def begin_inner(self, inputs: tuple[Any, ...]) -> None:
        """A module inside the outermost model is called with `inputs`.

        These are read if the samples are not known yet: the model may have got its batch by keywords.
        """
        if self._inner_calls_left and self._input is None and self._is_running and batches:
            self._inner_calls_left -= 1
            self._input = _samples_of_inputs(inputs)

    def end(self, output: Any) -> None:
        """The outermost model has returned `output`."""
        self._is_running = False
        if self._input is not None and batches:
            for tensor in tensors_in(output, 3):
                mark(tensor, self._input)

    def samples_of_loss(self, inputs: tuple[Any, ...]) -> Origin | None:
        """The samples of a loss of torch: those of its target, else those of its input. None if they are
        unknown, or if the two contradict each other.

        `inputs`: the arguments of the loss, input and target first.
        """
        if not batches:
            return None
        scores, target = (*inputs[:2], None, None)[:2]
        target_samples = batches.find(target)
        score_samples = _samples_of_tensor(scores)
        if score_samples is None and self._is_running:
            score_samples = self._input
        if target_samples is not None:
            if score_samples is not None and not is_same(target_samples, score_samples):
                return None
            if isinstance(scores, Tensor) and not has_mark(scores):
                mark(scores, target_samples)
            return target_samples
        if not isinstance(score_samples, Origin) or may_be_rearranged(target, score_samples):
            return None
        return score_samples

    def samples_of_losses(self, losses: Tensor) -> Origin | None:
        """The samples of `losses`, one for each, by their autograd graph; None if they are unknown."""
        if not batches:
            return None
        samples = samples_from_graph(losses)
        return samples if isinstance(samples, Origin) else None

    def note_criterion(self, inputs: tuple[Any, ...]) -> None:
        """A criterion is called with `inputs`: its scores get the samples of its labels."""
        if not batches:
            return
        tensors = list(tensors_in(inputs, 2))
        scores = [tensor for tensor in tensors if tensor.grad_fn is not None]
        label_samples = combine([batches.find(tensor) for tensor in tensors if tensor.grad_fn is None])
        if len(scores) != 1 or not isinstance(label_samples, Origin):
            return
        score_samples = samples_from_graph(scores[0])
        if score_samples is None or not is_same(label_samples, score_samples):
            mark(scores[0], label_samples if score_samples is None else MIXED)


def _samples_of_inputs(inputs: tuple[Any, ...]) -> KnownSamples:
    with torch.no_grad():
        return combine([_samples_of_tensor(tensor) for tensor in tensors_in(inputs, 3)])


def _samples_of_tensor(tensor: Any) -> KnownSamples:
    if not isinstance(tensor, Tensor):
        return None
    return batches.find(tensor) or samples_from_graph(tensor)


MOST_INNER_CALLS = 32
"""The most calls of inner modules whose inputs are read in one forward pass."""
