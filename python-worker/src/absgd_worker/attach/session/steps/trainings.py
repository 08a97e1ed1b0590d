"""Decides which training of a process a step belongs to."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.weak import WeakIdKeyDictionary

from absgd_worker.attach.hooks.optimizer_creation import after_optimizers_are_made, parameters_of
from absgd_worker.attach.session.steps.training_messages import OTHER_MODEL_INSTEAD, TRAINED_AGAIN


class Trainings:
    """Decides at a loss whether another training begins with it.

    It begins where none of the parameters was trained so far, and their optimizer was created after the first
    step of this training, or the optimizers of this training no longer exist: folds, sweeps, a second `fit`
    of a new model. It does not begin where a new optimizer has known parameters (phases of fine-tuning,
    unfrozen layers), where the known model is called as well (added layers), or where all optimizers were
    created before the first step (a generator and its discriminator).
    """

    def __init__(self, forget_calls: Callable[[], None] = lambda: None) -> None:
        """`forget_calls`: called when an optimizer is created after the first step."""
        self._forget_calls = forget_calls
        self._stepped: weakref.WeakSet[Optimizer] = weakref.WeakSet()
        self._of_earlier_trainings: weakref.WeakSet[Optimizer] = weakref.WeakSet()
        self._optimizers: weakref.WeakSet[Optimizer] = weakref.WeakSet()
        self._new: weakref.WeakSet[Optimizer] = weakref.WeakSet()
        self._may_be_new = False
        """False only if `_new` is empty."""
        self._known: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._group_counts: weakref.WeakKeyDictionary[Optimizer, int] = weakref.WeakKeyDictionary()
        self._last_without: tuple[Any, ...] | None = None
        """The arguments with which no other training was found last: they need no second look."""
        self._other: weakref.ref[Optimizer] | None = None
        """An optimizer of other parameters, which has begun to step after another one."""
        self._steps_of_other = 0
        self._remove: Callable[[], None] | None = None
        self.count = 0
        """How many trainings have made a step."""
        self._has_stepped = False

    def open(self) -> None:
        """Observes the optimizers that are created from here on."""
        if self._remove is None:
            self._remove = after_optimizers_are_made(self._note)

    def close(self) -> None:
        """May be called twice."""
        if self._remove is not None:
            self._remove()
            self._remove = None

    def begin(self) -> None:
        """Another training begins."""
        for optimizer in list(self._stepped):
            self._of_earlier_trainings.add(optimizer)
        self._stepped.clear()
        self._new.clear()
        self._known = WeakIdKeyDictionary()
        self._group_counts.clear()
        self._last_without, self._other, self._steps_of_other = None, None, 0
        self._has_stepped = False

    def is_another(self, models: Iterable[nn.Module], optimizer: Optimizer | None = None) -> bool:
        """Whether the loss that is computed now is the first of another training.

        Args:
            models: models that were called for training since the last step, or since the last optimizer was
                created: calls before that may belong to the training before.
            optimizer: an optimizer that computes the loss in a closure, before any model was called.
        """
        if not self._has_stepped or (not self._may_be_new and self._stepped):
            return False
        if self._stepped and not self._new:
            self._may_be_new = False
            return False
        called = list(models)
        new = list(self._new)
        arguments = (*map(id, called), id(optimizer), *map(id, new), bool(self._stepped))
        if arguments == self._last_without:
            return False
        is_another = self._decide(called, new, optimizer)
        self._last_without = None if is_another else arguments
        return is_another

    def is_unknown(self, models: Iterable[nn.Module], optimizer: Optimizer | None = None) -> bool:
        """Whether this training has made no step of the model of the step that begins; arguments as above."""
        trained = _trained(models, optimizer)
        return self._has_stepped and bool(trained) and not self._knows(trained)

    def _decide(
        self, called: Sequence[nn.Module], new: Sequence[Optimizer], optimizer: Optimizer | None
    ) -> bool:
        trained = _trained(called, optimizer)
        is_old_gone = not self._stepped
        if not trained:
            # The model is no module: only its optimizers are seen.
            return is_old_gone and bool(new) and not any(self._knows(parameters_of(one)) for one in new)
        own = {id(parameter) for parameter in trained}
        owners = [one for one in new if any(id(parameter) in own for parameter in parameters_of(one))]
        if any(self._knows(parameters_of(owner)) for owner in owners):
            return False
        if is_old_gone and owners:
            return True
        return (is_old_gone or bool(owners)) and not self._knows(trained)

    def join(self, models: Iterable[nn.Module], optimizer: Optimizer | None = None) -> None:
        """The model of the step that begins is counted as this training; arguments as above."""
        for parameter in _trained(models, optimizer):
            self._known[parameter] = None
        self._new.clear()

    def has_optimizer_of(self, tensor: Tensor) -> bool:
        """Whether an optimizer updates it that was created while this is open, or has stepped."""
        optimizers = list(self._optimizers)
        return any(parameter is tensor for one in optimizers for parameter in parameters_of(one))

    def add(self, optimizer: Optimizer) -> str | None:
        """The optimizer has made a step of this training.

        Returns:
            A message for the user, if the script may mean other trainings than were counted.
        """
        self._optimizers.add(optimizer)
        message = None
        if not self._has_stepped:
            self._has_stepped = True
            self.count += 1
            # Optimizers that exist by now belong to this training.
            self._new.clear()
        if optimizer in self._of_earlier_trainings:
            self._of_earlier_trainings.discard(optimizer)
            message = TRAINED_AGAIN
        self._new.discard(optimizer)
        is_first_step, group_count = optimizer not in self._stepped, len(optimizer.param_groups)
        if is_first_step or self._group_counts.get(optimizer) != group_count:
            parameters = parameters_of(optimizer)
            if is_first_step and self._stepped:
                is_other = not self._knows(parameters)
                self._other, self._steps_of_other = (weakref.ref(optimizer) if is_other else None), 0
            self._group_counts[optimizer] = group_count
            self._stepped.add(optimizer)
            for parameter in parameters:
                self._known[parameter] = None
        return message or self._count_steps_of_other(optimizer)

    def _count_steps_of_other(self, optimizer: Optimizer) -> str | None:
        """Counts the steps of another model in a row, while the first one makes none."""
        if self._other is None:
            return None
        if self._other() is not optimizer:
            self._other = None
            return None
        self._steps_of_other += 1
        if self._steps_of_other < STEPS_OF_OTHER:
            return None
        self._other = None
        return OTHER_MODEL_INSTEAD

    def _note(self, optimizer: Optimizer) -> None:
        self._optimizers.add(optimizer)
        if self._has_stepped:
            self._new.add(optimizer)
            self._may_be_new = True
            self._forget_calls()

    def _knows(self, parameters: Iterable[Tensor]) -> bool:
        return any(parameter in self._known for parameter in parameters)


def _trained(models: Iterable[nn.Module], optimizer: Optimizer | None) -> list[Tensor]:
    """The parameters of a step: those of the models that were called, else those of the optimizer."""
    found: list[Tensor] = [
        parameter for model in models for parameter in model.parameters() if parameter.requires_grad
    ]
    return found or ([] if optimizer is None else parameters_of(optimizer))


STEPS_OF_OTHER = 20
"""Steps in a row of another model alone after which it may be a training of its own."""
