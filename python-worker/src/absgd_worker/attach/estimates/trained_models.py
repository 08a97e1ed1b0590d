"""Which of several models a loss trains, where one place of a script computes the losses of all of them.

The members of an ensemble are trained in a loop whose one line computes their losses. The trained parameter
that is nearest to a loss in its graph, which is one of the output layer, tells which model the loss trains.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

from absgd_worker.attach.hooks.backward_terms import nodes_below

Values = tuple[float, ...]
"""The first values of a parameter, by which a model is found again in another process."""


class TrainedModels:
    """Numbers the models whose losses a place computes, from 1 in the order in which they appear.

    Two losses train the same model where the nearest trained parameter is the same one, where the graph of
    the later loss also reaches the nearest parameter of the earlier one, or where that parameter has been
    frozen or replaced since in a module that is still called: models that are thawed, pruned or given another
    head stay the same. A loss of which nothing is known is one of the first model.
    """

    def __init__(
        self,
        *,
        roots: Collection[nn.Module] = (),
        called: Collection[nn.Module] = (),
        is_optimized: Callable[[Tensor], bool] = lambda tensor: False,
    ) -> None:
        """
        Args:
            roots: the outermost modules that were called so far, kept up to date.
            called: those of them that were called in this step, kept up to date.
            is_optimized: whether an optimizer updates a tensor that is no `nn.Parameter`.
        """
        self._roots = roots
        self._called = called
        self._is_optimized = is_optimized
        self._of: dict[str, _ModelsOfPlace] = {}

    def number(self, place: str, loss: Tensor) -> int:
        """The number of the model that a loss trains, at most `MOST_MODELS`.

        Args:
            place: the name of the place that computes the loss.
            loss: of any shape, with its graph.
        """
        nearest = next(self._parameters(loss), None)
        if nearest is None:
            return 1
        models = self._of.setdefault(place, _ModelsOfPlace())
        known = models.numbers.get(nearest)
        if known is None:
            known = models.add(nearest, list(self._parameters(loss)), self._roots, self._called)
        return int(known)

    def forget(self) -> None:
        """The models of another training take the numbers from 1 on."""
        self._of.clear()

    def state_dict(self) -> dict[str, list[list[float]]]:
        """For each place with several models, some values of each. Waits for the device."""
        return {
            place: [list(values_of(one.nearest())) for one in models.all]
            for place, models in self._of.items()
            if len(models.all) > 1
        }

    def load_state_dict(self, state: Mapping[str, Iterable[Iterable[float]]]) -> None:
        """Finds the models of `state_dict` again: by their values, else in their order."""
        self._of = {
            place: _ModelsOfPlace([tuple(map(float, values)) for values in saved])
            for place, saved in state.items()
        }

    def _parameters(self, loss: Tensor) -> Iterator[Tensor]:
        """The trained parameters that a loss reaches, the nearest first."""
        if loss.grad_fn is None:
            found = [loss] if loss.requires_grad else []
        else:
            found = (
                node.variable
                for node in nodes_below(loss.grad_fn)
                if node.name() == "torch::autograd::AccumulateGrad"
            )
        return (one for one in found if isinstance(one, nn.Parameter) or self._is_optimized(one))


class _Model(NamedTuple):
    number: int
    nearest: weakref.ref[Tensor]
    """The parameter by which it was found first."""
    roots: weakref.WeakSet[nn.Module]
    """The outermost modules that had this parameter then."""


class _ModelsOfPlace:
    def __init__(self, saved: Iterable[Values] = ()) -> None:
        self.all: list[_Model] = []
        self.numbers: WeakIdKeyDictionary = WeakIdKeyDictionary()
        """The number of the model by its parameters."""
        self._saved = dict(enumerate(saved, 1))

    def add(
        self,
        nearest: Tensor,
        reached: list[Tensor],
        roots: Collection[nn.Module],
        called: Collection[nn.Module],
    ) -> int:
        """Notes the parameters of a loss, and gives the number of the model."""
        number = self._same(reached, called)
        if number is None:
            number = self._next(nearest)
            holders = weakref.WeakSet([root for root in roots if _holds(root, nearest)])
            self.all.append(_Model(number, weakref.ref(nearest), holders))
        self.numbers[nearest] = number
        for one in reached:
            self.numbers.setdefault(one, number)
        return number

    def _same(self, reached: list[Tensor], called: Collection[nn.Module]) -> int | None:
        """The number of a known model whose loss this is as well."""
        own = {id(one) for one in reached}
        for model in self.all:
            nearest = model.nearest()
            if nearest is not None and id(nearest) in own:
                return model.number
            holders = [root for root in model.roots if root in called]
            is_trained = nearest is not None and nearest.requires_grad
            if any(not is_trained or not _holds(root, nearest) for root in holders):
                return model.number
        return None

    def _next(self, nearest: Tensor) -> int:
        taken = {model.number for model in self.all}
        left = [number for number in self._saved if number not in taken]
        values = values_of(nearest) if left else ()
        same = [number for number in left if values and self._saved[number] == values]
        number = min(same or left, default=max([*taken, *self._saved, 0]) + 1)
        return min(number, MOST_MODELS)


def values_of(parameter: Tensor | None) -> Values:
    """The first values of a parameter; none where they cannot be had."""
    if parameter is None:
        return ()
    with suppress(RuntimeError, TypeError, NotImplementedError), torch.no_grad():
        return tuple(map(float, parameter.detach().reshape(-1)[:MOST_VALUES].tolist()))
    return ()


def _holds(root: nn.Module, parameter: Tensor | None) -> bool:
    return any(one is parameter for one in root.parameters())


MOST_MODELS = 64
"""Models behind this one share its estimate."""
MOST_VALUES = 8
