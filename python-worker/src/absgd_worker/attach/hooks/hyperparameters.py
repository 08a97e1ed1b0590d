"""Sets planned hyperparameters in the optimizers of a script for the duration of each step.

A planned value is set right before an optimizer steps, and the script's own value is restored right after. So
the script's scheduler is not disturbed, and the planned value applies at every step of the plan.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from absgd_worker.console import complain
from absgd_worker.errors import ControlError
from absgd_worker.task.optimizer_controls import KEYS, GroupKey, get_value, set_value

Groups = Literal["scaled", "absolute"]


class Hyperparameters:
    """Sets and restores the hyperparameters of all optimizers of this process.

    Args:
        groups: "scaled": the parameter group with the largest initial value gets the planned value, and the
            other groups keep their ratio to it; "absolute": every group gets the planned value.

    Raises:
        ValueError: `groups` is neither of the two.
    """

    def __init__(self, groups: Groups = "scaled") -> None:
        if groups not in ("scaled", "absolute"):
            raise ValueError(f'groups is {groups!r}, must be "scaled" or "absolute"')
        self._is_scaled = groups == "scaled"
        self._known: weakref.WeakKeyDictionary[Optimizer, _Known] = weakref.WeakKeyDictionary()
        self._reported: set[str] = set()
        """The hyperparameters whose conflict with the script was printed."""
        self._replaced_groups: set[int] = set()
        """The identities of the parameter groups whose values are replaced now."""

    def put(self, optimizer: Optimizer, row: Mapping[str, float]) -> dict[str, float]:
        """Sets the planned values right before a step. `row`: the planned value of each control.

        Returns:
            The values that the optimizer steps with: the planned value, or the largest of its own values if
            none is planned. Own values that are tensors are left out, because reading them may wait for a
            device.

        Raises:
            ControlError: the optimizer does not have a hyperparameter of the row.
        """
        known = self._known.get(optimizer)
        if known is None:
            known = self._known[optimizer] = _Known(optimizer)
        # The values are still replaced if the last step raised an error.
        self.put_back(optimizer)
        # An optimizer inside another one (SAM has one) shares its groups, whose values are set already.
        groups = set(map(id, optimizer.param_groups))
        if not groups.isdisjoint(self._replaced_groups):
            return {}
        known.replaced_groups = groups
        self._replaced_groups |= known.replaced_groups
        applied: dict[str, float] = {}
        for name, candidates in KEYS.items():
            value, key = row.get(name), known.keys.get(name)
            if key is None:
                if value is not None:
                    raise ControlError(
                        f"the plan sets {name}, but the optimizer {type(optimizer).__name__} has no "
                        f"{' or '.join(entry for entry, _ in candidates)}: remove it from the controls"
                    )
                continue
            if value is None:
                known.last_own.pop(name, None)
                values = [get_value(group, key) for group in optimizer.param_groups]
                if not any(isinstance(own_value, Tensor) for own_value in values):
                    applied[name] = float(max(values))
                continue
            own = [_copy(get_value(group, key)) for group in optimizer.param_groups]
            self._notice_conflict(name, known, own, value)
            factors = known.factors(name, optimizer.param_groups) if self._is_scaled else [1.0] * len(own)
            known.replaced[name] = own
            for group, factor in zip(optimizer.param_groups, factors, strict=True):
                set_value(group, key, value * factor)
            applied[name] = value
        return applied

    def clip(self, optimizer: Optimizer, row: Mapping[str, float]) -> None:
        """Clips the gradients to the norm `clip_norm` of the row, if it has one that is finite.

        Raises:
            ControlError: the gradients are still scaled by GradScaler.
        """
        norm = row.get("clip_norm")
        if norm is None or norm == float("inf"):
            return
        if getattr(optimizer, "grad_scale", None) is not None:
            raise ControlError(
                "the plan sets clip_norm, but GradScaler leaves the gradients of a fused optimizer scaled: "
                "call scaler.unscale_(optimizer) before its step, or remove clip_norm from the controls"
            )
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, norm)

    def put_back(self, optimizer: Optimizer) -> None:
        """Restores the optimizer's own values, right after the step. Does nothing if none are replaced."""
        known = self._known.get(optimizer)
        if known is None:
            return
        for name, own in known.replaced.items():
            for group, value in zip(optimizer.param_groups, own, strict=True):
                set_value(group, known.keys[name], value)
        known.replaced = {}
        self._replaced_groups -= known.replaced_groups
        known.replaced_groups = set()

    def _notice_conflict(self, name: str, known: _Known, own: Sequence[Any], value: float) -> None:
        """Prints once that the script changes a hyperparameter that the plan sets too."""
        if any(isinstance(own_value, Tensor) for own_value in own):
            return
        last, known.last_own[name] = known.last_own.get(name), [float(own_value) for own_value in own]
        if last is None or last == known.last_own[name] or name in self._reported:
            return
        self._reported.add(name)
        complain(
            f"absgd: the script changes {name} itself ({max(last):g} to {max(own):g}), and the plan "
            f"sets it too ({value:g}): the plan's value is used. Remove {name} from the controls to leave it "
            "to the script"
        )


class _Known:
    """The state of one optimizer."""

    def __init__(self, optimizer: Optimizer) -> None:
        group = optimizer.param_groups[0]
        self.keys: dict[str, GroupKey] = {
            name: key
            for name, keys in KEYS.items()
            if (key := next((k for k in keys if k[0] in group), None))
        }
        self.replaced: dict[str, list[Any]] = {}
        """The script's own values while they are replaced, by hyperparameter."""
        self.last_own: dict[str, list[float]] = {}
        """The script's own values at the last step, by hyperparameter."""
        self.replaced_groups: set[int] = set()
        """The identities of its groups while their values are replaced."""
        self._factors: dict[str, list[float]] = {}

    def factors(self, name: str, groups: Sequence[Mapping[str, Any]]) -> list[float]:
        """The ratio of each group's initial value to the largest. They are recomputed if groups were
        added."""
        factors = self._factors.get(name)
        if factors is None or len(factors) != len(groups):
            initial = [_initial(name, group, self.keys[name]) for group in groups]
            largest = max(initial)
            factors = self._factors[name] = [value / largest if largest else 1.0 for value in initial]
        return factors


def initial_values() -> dict[str, float]:
    """The largest initial lr, momentum and weight decay of all optimizers of this process, by name."""
    # isinstance() may run code of an unknown object, so its type is checked.
    optimizers = [candidate for candidate in gc.get_objects() if issubclass(type(candidate), Optimizer)]
    largest: dict[str, float] = {}
    for optimizer in optimizers:
        # An optimizer that is being constructed has no groups yet.
        if not getattr(optimizer, "param_groups", None):
            continue
        for name, key in _Known(optimizer).keys.items():
            values = [_initial(name, group, key) for group in optimizer.param_groups]
            largest[name] = max(largest.get(name, 0.0), *values)
    return largest


def _initial(name: str, group: Mapping[str, Any], key: GroupKey) -> float:
    """The initial value of a group. A warm-up scheduler changes lr before the first step, and keeps the
    original as "initial_lr"."""
    value = group.get("initial_lr") if name == "lr" else None
    return float(get_value(group, key) if value is None else value)


def _copy(value: Any) -> Any:
    """A copy, because tensors are changed in place."""
    return value.clone() if isinstance(value, Tensor) else value
