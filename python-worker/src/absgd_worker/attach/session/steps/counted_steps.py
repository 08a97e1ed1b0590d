"""Steps whose losses are only counted, because nothing would be done with their figures.

While lambda is off, cannot come on, and nothing is recorded, the steps of a loop are looked at until
`STEPS_LIKE_THESE` of them in a row were alike. From then on a loss at a known place is only counted, and the
models are not observed. Whatever differs ends this: another place, another optimizer or training, a backward
pass through anything else, a loss that is 0 or not finite, a lambda that may come on.
"""

from __future__ import annotations

import math
import sys
import weakref
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from absgd_worker.attach.hooks.backward_terms import mark_known
from absgd_worker.attach.mirror.summary_writers import tensorboard_is_loaded
from absgd_worker.attach.samples.tracked_batches import batches
from absgd_worker.attach.session.steps.training_steps import TrainingSteps
from absgd_worker.attach.source.recorder import NoRecorder


class CountedSteps:
    """Decides when losses are only counted, and counts them."""

    def __init__(self, steps: TrainingSteps) -> None:
        self._steps = steps
        self._places: set[Hashable] = set()
        """The places of the losses that were weighed since the last difference."""
        self._losses: dict[int, bool] = {}
        """The losses of this step by the number of their graph node: whether a backward pass began there."""
        self._counted: set[int] = set()
        """Those of them that were only counted."""
        self._alike = 0
        self._root: weakref.ref[nn.Module] | None = None
        self._optimizer: weakref.ref[Optimizer] | None = None
        self._groups = 0
        self._per_step = 0
        self._training: object = None
        self.is_counting = False
        """Whether losses at known places are only counted, and models are not observed."""

    @property
    def may_come(self) -> bool:
        """Whether the figures of the losses are for nothing, as far as is known now."""
        steps = self._steps
        return (
            type(steps.recorder) is NoRecorder
            and getattr(steps.source, "is_constant", False)
            and not batches
            and "wandb" not in sys.modules
            and not tensorboard_is_loaded()
        )

    def counts(self, place: Hashable) -> bool:
        """Whether a loss at this place is only counted. If not, all that is known is forgotten.

        `may_come` must be true.
        """
        root = None if self._root is None else self._root()
        optimizer = None if self._optimizer is None else self._optimizer()
        training = self._steps.training
        if (
            place in self._places
            and root is not None
            and optimizer is not None
            and self._training is training
            and training.current.controls is not None
        ):
            return True
        self.forget()
        return False

    def place_here(self) -> Hashable:
        """The place of the current call in the script."""
        return self._steps.training.estimates.place_here()

    @property
    def model_trains(self) -> bool:
        """Whether the model is in training mode."""
        root = None if self._root is None else self._root()
        return root is None or root.training

    def count(self, loss: Tensor) -> bool:
        """Counts a loss instead of weighing it; False if it has to be weighed. `loss`: as the script gets it.

        A loss without a sample that counts is 0 or NaN.
        """
        if loss.ndim or not loss.requires_grad or not loss.is_cpu:
            return False
        value = loss.item()
        if not value or not math.isfinite(value):
            return False
        current = self._steps.training.current
        if current.is_made and current.controls is not None:
            current.begin(current.controls)
        mark_known(loss)
        number = _number_of(loss)
        self._losses[number] = False
        self._counted.add(number)
        self._steps.add_counted(1)
        return True

    def note(self, place: Hashable, loss: object) -> None:
        """A loss at this place was weighed, and nothing else was."""
        if isinstance(loss, Tensor) and not loss.ndim and loss.grad_fn is not None and loss.is_cpu:
            self._places.add(place)
            self._losses[_number_of(loss)] = False
        else:
            self.forget()

    def is_reached(self, roots: Sequence[Tensor]) -> bool:
        """Whether a backward pass from `roots` goes through one loss of this step and through nothing else.

        If it does not, all that is known is forgotten.
        """
        if not self._losses:
            return False
        node: Any = roots[0].grad_fn if len(roots) == 1 else None
        for _ in range(MOST_NODES):
            if node is None:
                break
            number = node._sequence_nr()
            if number in self._losses:
                self._losses[number] = True
                return True
            # The loss may be divided by the number of micro-batches.
            children = [child for child, _ in node.next_functions if child is not None]
            node = children[0] if len(children) == 1 else None
        self._mark_reached(roots)
        self.forget()
        return False

    def _mark_reached(self, roots: Iterable[Tensor]) -> None:
        queue: list[Any] = [root.grad_fn for root in roots if root.grad_fn is not None]
        seen = set(queue)
        while queue and len(seen) < MOST_NODES_OF_A_GRAPH:
            node = queue.pop()
            number = node._sequence_nr()
            if number in self._losses:
                self._losses[number] = True
                continue
            for child, _ in node.next_functions:
                if child is not None and child not in seen:
                    seen.add(child)
                    queue.append(child)

    def end_step(self, optimizer: Optimizer) -> bool:
        """Ends a step whose losses were only counted. False if the step is to be ended as others are."""
        known = None if self._optimizer is None else self._optimizer()
        if (
            not self.is_counting
            or len(self._losses) != self._per_step
            or not all(self._losses.values())
            or optimizer is not known
            or len(optimizer.param_groups) != self._groups
        ):
            return False
        self._losses.clear()
        self._counted.clear()
        return True

    def take_reached(self) -> int:
        """How many of the losses that were only counted were trained on in this step. The others are not
        counted."""
        reached = sum(self._losses[number] for number in self._counted)
        if self._counted:
            self._steps.add_counted(reached - len(self._counted))
            self._counted.clear()
            self.forget()
        return reached

    def step_is_made(self, optimizer: Optimizer, models: Iterable[nn.Module], *, losses: int) -> None:
        """A step was made in which losses were weighed.

        Args:
            models: the outermost modules that were called.
            losses: how many calls were weighed and trained on.
        """
        called = list(models)
        is_alike = (
            len(called) == 1
            and called[0].training
            and len(self._losses) == losses
            and all(self._losses.values())
            and self.may_come
            and not self._steps.training.step_end.framework_reports
            and self._steps.on_stop is None
            and self._steps.is_in_own_thread
            and not self._steps.training.estimates.has_open_sites
        )
        self._losses.clear()
        if not is_alike:
            self.forget()
            return
        is_same = (
            self._root is not None
            and self._optimizer is not None
            and self._root() is called[0]
            and self._optimizer() is optimizer
            and self._groups == len(optimizer.param_groups)
            and self._per_step == losses
            and self._training is self._steps.training
        )
        self._alike = self._alike + 1 if is_same else 1
        self._root, self._optimizer = weakref.ref(called[0]), weakref.ref(optimizer)
        self._per_step = losses
        self._groups, self._training = len(optimizer.param_groups), self._steps.training
        if self._alike >= STEPS_LIKE_THESE and not self.is_counting:
            self.is_counting = True
            self._steps.watch.pause()

    def step_is_other(self) -> None:
        """An optimizer made a step in which no loss was weighed."""
        self._losses.clear()
        self.forget()

    def drop_step(self) -> None:
        """The step was skipped, or is made already."""
        self._losses.clear()
        self._counted.clear()

    def forget(self) -> None:
        """Observes and weighs everything again, until enough steps were alike.

        The losses of the step under way that were only counted stay counted.
        """
        self._places.clear()
        self._alike = 0
        if self.is_counting:
            self.is_counting = False
            self._steps.watch.go_on(None if self._root is None else self._root())


def _number_of(loss: Tensor) -> int:
    node: Any = loss.grad_fn
    return int(node._sequence_nr())


STEPS_LIKE_THESE = 16
MOST_NODES = 4
"""How many operations on one number may follow a loss before its backward pass."""
MOST_NODES_OF_A_GRAPH = 10_000
