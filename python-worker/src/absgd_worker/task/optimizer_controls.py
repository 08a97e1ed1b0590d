"""Puts the planned hyperparameters into the optimizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from absgd_worker.errors import ControlError

GroupKey = tuple[str, int | None]
"""Where a group keeps a value: its entry, and the place in that where it is a tuple."""


class Controls:
    """The optimizer's lr, momentum and weight decay as the plan knows them: one number each.

    Parameter groups that differ keep their proportions: the planned number is that of the group with the
    largest value, and a group that starts with a tenth of it (or with none: weight decay of biases) keeps a
    tenth (or none). Momentum is `momentum`, or the first of `betas`.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        self._keys: dict[str, GroupKey] = {}
        self._factors: dict[str, list[float]] = {}
        self.initial: dict[str, float] = {}
        for name, candidates in KEYS.items():
            key = next((key for key in candidates if key[0] in optimizer.defaults), None)
            if key is None:
                continue
            values = [float(get_value(group, key)) for group in optimizer.param_groups]
            largest = max(values)
            self._keys[name] = key
            self._factors[name] = [value / largest if largest else 1.0 for value in values]
            self.initial[name] = largest
        self._lacking = [name for name in KEYS if name not in self._keys]

    def apply(self, row: Mapping[str, float]) -> dict[str, float]:
        """Sets what the row plans. Returns the row, and what it leaves to the optimizer.

        Raises:
            ControlError: the optimizer does not have what the row plans.
        """
        applied = dict(row)
        groups = self._optimizer.param_groups
        for name in self._lacking:
            if name in row:
                kind = type(self._optimizer).__name__
                raise ControlError(
                    f"the plan sets {name}, but the optimizer {kind} has none: remove it from the controls"
                )
        for name, key in self._keys.items():
            value = row.get(name)
            if value is None:
                own = _largest(groups, key)
                if own is not None:
                    applied[name] = own
                continue
            for group, factor in zip(groups, self._factors[name], strict=True):
                set_value(group, key, value * factor)
        return applied

    def clip(self, row: Mapping[str, float]) -> None:
        """Scales the gradients down to the planned norm over all parameters."""
        norm = row.get("clip_norm", _INFINITY)
        if norm != _INFINITY:
            torch.nn.utils.clip_grad_norm_(self._parameters, norm)


def _largest(groups: Sequence[Mapping[str, Any]], key: GroupKey) -> float | None:
    """None where one is a tensor: it may be on a device, and nothing here waits for one."""
    largest = -_INFINITY
    for group in groups:
        value = get_value(group, key)
        if isinstance(value, Tensor):
            return None
        largest = max(largest, value)
    return float(largest)


def get_value(group: Mapping[str, Any], key: GroupKey) -> Any:
    """A hyperparameter of a parameter group."""
    name, index = key
    return group[name] if index is None else group[name][index]


def set_value(group: dict[str, Any], key: GroupKey, value: Any) -> None:
    """Sets it; a tensor stays the tensor that it is."""
    name, index = key
    old = get_value(group, key)
    if isinstance(old, Tensor):
        old.fill_(value)
    elif old != value:
        group[name] = value if index is None else (*group[name][:index], value, *group[name][index + 1 :])


_INFINITY = float("inf")

KEYS: dict[str, tuple[GroupKey, ...]] = {
    "lr": (("lr", None),),
    "momentum": (("momentum", None), ("betas", 0)),
    "weight_decay": (("weight_decay", None),),
}
"""By the names of the contract, the entries that optimizers have for it, the first that is there counts."""
