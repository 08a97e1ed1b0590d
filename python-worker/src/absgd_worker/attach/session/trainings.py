"""Which training of a process a step belongs to: its first model, or another one after it."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.weak import WeakIdKeyDictionary


class Trainings:
    """Tells at a loss whether another training begins with it.

    It does where the parameters that are trained are none of those trained so far, and their optimizer was
    made after the first step of this training, or those that stepped in it are gone: folds, sweeps, a second
    `fit` of a new model. It does not where an optimizer is new and its parameters are known (phases of
    fine-tuning, layers that are thawed), where the known model is called as well (layers that are added), or
    where all optimizers were made before the first step (a generator and its discriminator).
    """

    def __init__(self, forget_calls: Callable[[], None] = lambda: None) -> None:
        self._forget_calls = forget_calls
        self._stepped: weakref.WeakSet[Optimizer] = weakref.WeakSet()
        self._former: weakref.WeakSet[Optimizer] = weakref.WeakSet()
        self._optimizers: weakref.WeakSet[Optimizer] = weakref.WeakSet()
        self._made: weakref.WeakSet[Optimizer] = weakref.WeakSet()
        self._known: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._groups: weakref.WeakKeyDictionary[Optimizer, int] = weakref.WeakKeyDictionary()
        self._denied: tuple[Any, ...] | None = None
        self._apart: weakref.ref[Optimizer] | None = None
        self._steps_apart = 0
        self._remove: Callable[[], None] | None = None
        self.count = 0
        """Trainings in which a step was made."""
        self._has_stepped = False

    def open(self) -> None:
        """Begins to notice the optimizers that are made."""
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
            self._former.add(optimizer)
        self._stepped.clear()
        self._made.clear()
        self._known = WeakIdKeyDictionary()
        self._groups.clear()
        self._denied, self._apart, self._steps_apart = None, None, 0
        self._has_stepped = False

    def is_another(self, models: Iterable[nn.Module], optimizer: Optimizer | None = None) -> bool:
        """Whether the loss that is computed is the first of another training.

        Args:
            models: that were called for training since the last step, or since the last optimizer was made:
                what is left of the training before may have been called after its last step.
            optimizer: that steps, where it computes the loss by a closure: no model was called yet.
        """
        if not self._has_stepped or (self._stepped and not self._made):
            return False
        called = list(models)
        made = list(self._made)
        asked = (*map(id, called), id(optimizer), *map(id, made), bool(self._stepped))
        if asked == self._denied:
            return False
        is_another = self._decide(called, made, optimizer)
        self._denied = None if is_another else asked
        return is_another

    def is_unknown(self, models: Iterable[nn.Module], optimizer: Optimizer | None = None) -> bool:
        """Whether the model of a step that begins has had no step in this training; arguments as above."""
        trained = _trained(models, optimizer)
        return self._has_stepped and bool(trained) and not self._knows(trained)

    def _decide(self, called: Sequence[nn.Module], made: Sequence[Optimizer], optimizer: Any) -> bool:
        trained = _trained(called, optimizer)
        is_old_gone = not self._stepped
        if not trained:
            # A model that is no module: only its optimizers are seen.
            return is_old_gone and bool(made) and not any(self._knows(parameters_of(one)) for one in made)
        own = {id(one) for one in trained}
        holders = [one for one in made if any(id(each) in own for each in parameters_of(one))]
        if any(self._knows(parameters_of(one)) for one in holders):
            return False
        if is_old_gone and holders:
            return True
        return (is_old_gone or bool(holders)) and not self._knows(trained)

    def join(self, models: Iterable[nn.Module], optimizer: Optimizer | None = None) -> None:
        """What begins is counted as this training; arguments as above."""
        for one in _trained(models, optimizer):
            self._known[one] = None
        self._made.clear()

    def has_optimizer_of(self, tensor: Tensor) -> bool:
        """Whether an optimizer updates it that was made while this is open, or has made a step."""
        return any(one is tensor for each in list(self._optimizers) for one in parameters_of(each))

    def add(self, optimizer: Optimizer) -> str | None:
        """The optimizer has made a step of this training.

        Returns:
            What is to be said of it: that trainings may be counted otherwise than the script means them.
        """
        self._optimizers.add(optimizer)
        said = None
        if not self._has_stepped:
            self._has_stepped = True
            self.count += 1
            # Those that are there by now belong to this training.
            self._made.clear()
        if optimizer in self._former:
            self._former.discard(optimizer)
            said = (
                "the model of an earlier training is trained again: models that take turns were counted as "
                f"trainings of their own, of which each began at step 0. {ONE_SESSION}"
            )
        self._made.discard(optimizer)
        is_new, groups = optimizer not in self._stepped, len(optimizer.param_groups)
        if is_new or self._groups.get(optimizer) != groups:
            parameters = parameters_of(optimizer)
            if is_new and self._stepped:
                is_apart = not self._knows(parameters)
                self._apart, self._steps_apart = (weakref.ref(optimizer) if is_apart else None), 0
            self._groups[optimizer] = groups
            self._stepped.add(optimizer)
            for one in parameters:
                self._known[one] = None
        return said or self._count_apart(optimizer)

    def _count_apart(self, optimizer: Optimizer) -> str | None:
        """Steps of a model that began after another, which makes none any more."""
        if self._apart is None:
            return None
        if self._apart() is not optimizer:
            self._apart = None
            return None
        self._steps_apart += 1
        if self._steps_apart < STEPS_APART:
            return None
        self._apart = None
        return (
            "another model is trained in place of the first one, as its first loss did not tell: both are "
            f"counted as one training, whose lambda goes on. {EACH_ITS_SESSION}"
        )

    def _note(self, optimizer: Optimizer) -> None:
        self._optimizers.add(optimizer)
        if self._has_stepped:
            self._made.add(optimizer)
            self._forget_calls()

    def _knows(self, parameters: Iterable[Tensor]) -> bool:
        return any(one in self._known for one in parameters)


def _trained(models: Iterable[nn.Module], optimizer: Optimizer | None) -> list[Tensor]:
    """The parameters of a step: those of the models that were called, else of the optimizer."""
    found: list[Tensor] = [one for model in models for one in model.parameters() if one.requires_grad]
    return found or ([] if optimizer is None else parameters_of(optimizer))


def parameters_of(optimizer: Optimizer) -> list[Tensor]:
    """All that it updates; empty for one that is not made yet."""
    return [one for group in getattr(optimizer, "param_groups", ()) for one in group["params"]]


def after_optimizers_are_made(act: Callable[[Optimizer], None]) -> Callable[[], None]:
    """Calls `act` with every optimizer that is made, until what is returned is called."""
    make = Optimizer.__init__

    @functools.wraps(make)
    def made(self: Optimizer, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        act(self)

    Optimizer.__init__ = made  # type: ignore[method-assign]

    def remove() -> None:
        if Optimizer.__init__ is made:
            Optimizer.__init__ = make  # type: ignore[method-assign]

    return remove


STEPS_APART = 20
"""Steps of a second model alone after which it may be a training of its own."""
ONE_SESSION = "To count them as one training: with absgd_worker.session(…) around both"
EACH_ITS_SESSION = "Where it is a training of its own, enter a session for each: with absgd_worker.session(…)"
