"""Which of several models a loss trains, if one call site computes the losses of all of them.

An ensemble is often trained in a loop with one line that computes the losses. The trained parameter that is
nearest to the loss in its graph, usually one of the output layer, identifies the model.
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
"""The first values of a parameter, by which another process identifies the model."""


class TrainedModels:
    """Numbers the models whose losses a call site computes, from 1, in the order in which they appear.

    Two losses train the same model if one of these holds:
    - Their nearest trained parameter is the same.
    - The graph of the later loss reaches the nearest parameter of the earlier one.
    - That parameter was frozen or replaced since, in a module that is still called. So a model stays the same
      if it is unfrozen, pruned or given another head.

    A loss without trained parameters belongs to model 1.
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
            roots: the outermost modules that were called so far. The caller updates the collection.
            called: the outermost modules that were called in this step. The caller updates the collection.
            is_optimized: whether an optimizer updates a tensor that is no `nn.Parameter`.
        """
        self._roots = roots
        self._called = called
        self._is_optimized = is_optimized
        self._of: dict[str, _ModelsOfSite] = {}

    def number(self, site: str, loss: Tensor) -> int:
        """The number of the model that a loss trains, from 1 to `MOST_MODELS`.

        Args:
            site: the name of the call site that computes the loss.
            loss: any shape, with its graph.
        """
        nearest = next(self._parameters(loss), None)
        if nearest is None:
            return 1
        models = self._of.setdefault(site, _ModelsOfSite())
        known = models.numbers.get(nearest)
        if known is None:
            known = models.add(nearest, list(self._parameters(loss)), self._roots, self._called)
        return int(known)

    def forget(self) -> None:
        """Another training begins: its models are numbered from 1."""
        self._of.clear()

    def state_dict(self) -> dict[str, list[list[float]]]:
        """For each call site with several models, some values of each model. Waits for the device."""
        return {
            site: [list(values_of(model.nearest())) for model in models.all]
            for site, models in self._of.items()
            if len(models.all) > 1
        }

    def load_state_dict(self, state: Mapping[str, Iterable[Iterable[float]]]) -> None:
        """Assigns the saved numbers to models with the same values, else in the order in which they
        appear."""
        self._of = {
            site: _ModelsOfSite([tuple(map(float, values)) for values in saved])
            for site, saved in state.items()
        }

    def _parameters(self, loss: Tensor) -> Iterator[Tensor]:
        """The trained parameters in the graph of a loss, the nearest first."""
        if loss.grad_fn is None:
            leaves = [loss] if loss.requires_grad else []
        else:
            leaves = (
                node.variable
                for node in nodes_below(loss.grad_fn)
                if node.name() == "torch::autograd::AccumulateGrad"
            )
        return (leaf for leaf in leaves if isinstance(leaf, nn.Parameter) or self._is_optimized(leaf))


class _Model(NamedTuple):
    number: int
    nearest: weakref.ref[Tensor]
    """The nearest parameter of its first loss."""
    roots: weakref.WeakSet[nn.Module]
    """The outermost modules that had this parameter then."""


class _ModelsOfSite:
    def __init__(self, saved: Iterable[Values] = ()) -> None:
        self.all: list[_Model] = []
        self.numbers: WeakIdKeyDictionary = WeakIdKeyDictionary()
        """The model numbers by parameter."""
        self._saved = dict(enumerate(saved, 1))

    def add(
        self,
        nearest: Tensor,
        reached: list[Tensor],
        roots: Collection[nn.Module],
        called: Collection[nn.Module],
    ) -> int:
        """Records the parameters in the graph of a loss, and returns the number of the model.

        `nearest`: the first of them. `reached`: all. `roots`, `called`: as in `TrainedModels`.
        """
        number = self._known_number(reached, called)
        if number is None:
            number = self._new_number(nearest)
            holders = weakref.WeakSet([root for root in roots if _holds(root, nearest)])
            self.all.append(_Model(number, weakref.ref(nearest), holders))
        self.numbers[nearest] = number
        for parameter in reached:
            self.numbers.setdefault(parameter, number)
        return number

    def _known_number(self, reached: list[Tensor], called: Collection[nn.Module]) -> int | None:
        """The number of a known model that the loss trains too; None if there is none."""
        reached_ids = {id(parameter) for parameter in reached}
        for model in self.all:
            nearest = model.nearest()
            if nearest is not None and id(nearest) in reached_ids:
                return model.number
            holders = [root for root in model.roots if root in called]
            is_trained = nearest is not None and nearest.requires_grad
            if any(not is_trained or not _holds(root, nearest) for root in holders):
                return model.number
        return None

    def _new_number(self, nearest: Tensor) -> int:
        """A saved number with the values of `nearest`, else the lowest saved number not used yet, else the
        next number."""
        used = {model.number for model in self.all}
        unused = [number for number in self._saved if number not in used]
        values = values_of(nearest) if unused else ()
        same = [number for number in unused if values and self._saved[number] == values]
        number = min(same or unused, default=max([*used, *self._saved, 0]) + 1)
        return min(number, MOST_MODELS)


def values_of(parameter: Tensor | None) -> Values:
    """The first values of a parameter, at most `MOST_VALUES`; empty if they cannot be read."""
    if parameter is None:
        return ()
    with suppress(RuntimeError, TypeError, NotImplementedError), torch.no_grad():
        return tuple(map(float, parameter.detach().reshape(-1)[:MOST_VALUES].tolist()))
    return ()


def _holds(root: nn.Module, parameter: Tensor | None) -> bool:
    return any(own is parameter for own in root.parameters())


MOST_MODELS = 64
"""Further models share the estimate of this one."""
MOST_VALUES = 8
