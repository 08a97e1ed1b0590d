"""Sets the planned hyperparameters in the optimizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from absgd_worker.errors import ControlError

GroupKey = tuple[str, int | None]
"""The name of a parameter group's entry, and the index in it if it is a tuple."""


class _Applied(NamedTuple):
    """What was set by the last row, if it came more than once."""

    applied: dict[str, float]
    groups: int
    """The number of parameter groups."""
    values: list[tuple[int, str, object]]
    """What all controls are in the optimizer: the number of the group, the name of its entry, the value."""


class Controls:
    """Sets the optimizer's lr, momentum and weight decay, for each of which the plan has one number.

    Parameter groups keep the proportions of their values at the start: the planned number is that of the
    group with the largest value, and a group that starts with a tenth of it (or with 0, such as the weight
    decay of biases) keeps a tenth (or 0). Momentum is `momentum`, or the first of `betas`.

    A value that is a tensor stays that tensor, also after a checkpoint was loaded, so that code that was
    compiled or captured with it sees every change. The planned lr of a `capturable` optimizer becomes one on
    the device of its parameters. All other values are Python numbers: code that was compiled with them is
    compiled again when they change.

    Attributes:
        initial: the largest value over the groups at the start, by control.
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
        self._tensors: dict[tuple[str, int], Tensor] = {}
        self._lacking = [name for name in KEYS if name not in self._keys]
        self._row: Mapping[str, float] | None = None
        self._last: _Applied | None = None

    def apply(self, row: Mapping[str, float]) -> dict[str, float]:
        """Sets the planned controls. Returns them with the values of the optimizer that are not planned.

        A row that is the same object as the one before, with an optimizer that nobody else has changed since,
        gives the same object again, which must not be changed.

        Raises:
            ControlError: the optimizer does not have a planned control.
        """
        groups = self._optimizer.param_groups
        if row is not self._row:
            self._row, self._last = row, None
            return self._set(row, groups)
        last = self._last
        if last is not None and len(groups) == last.groups:
            for number, entry, value in last.values:
                if groups[number][entry] is not value:
                    break
            else:
                return last.applied
        applied = self._set(row, groups)
        values = [
            (number, key[0], group[key[0]])
            for number, group in enumerate(groups)
            for key in self._keys.values()
        ]
        # The content of a tensor or of a list may change while the object stays the same.
        constant = all(_is_constant(value) for _, _, value in values)
        self._last = _Applied(applied, len(groups), values) if constant else None
        return applied

    def _set(self, row: Mapping[str, float], groups: list[dict[str, Any]]) -> dict[str, float]:
        applied = dict(row)
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
            for number, (group, factor) in enumerate(zip(groups, self._factors[name], strict=True)):
                tensor = self._tensor_of(name, number, group)
                if tensor is not None:
                    tensor.fill_(value * factor)
                else:
                    set_value(group, key, value * factor)
        return applied

    def _tensor_of(self, name: str, number: int, group: dict[str, Any]) -> Tensor | None:
        """The tensor that is the value of a control in a parameter group; None if it is a Python number."""
        key = self._keys[name]
        found = get_value(group, key)
        tensor = self._tensors.get((name, number))
        if tensor is None and isinstance(found, Tensor):
            tensor = found
        elif tensor is None and name == "lr" and group.get("capturable"):
            first = group["params"][0]
            dtype = torch.float64 if first.dtype == torch.float64 else torch.float32
            tensor = torch.zeros((), dtype=dtype, device=first.device)
        if tensor is not None and tensor is not found:
            _replace_value(group, key, tensor)
        if tensor is not None:
            self._tensors[name, number] = tensor
        return tensor

    def clip(self, row: Mapping[str, float]) -> None:
        """Scales the gradients down to the planned norm `clip_norm` over all parameters."""
        norm = row.get("clip_norm", _INFINITY)
        if norm != _INFINITY:
            torch.nn.utils.clip_grad_norm_(self._parameters, norm)


def _is_constant(value: object) -> bool:
    if isinstance(value, tuple):
        return all(isinstance(each, int | float) for each in value)
    return isinstance(value, int | float)


def _largest(groups: Sequence[Mapping[str, Any]], key: GroupKey) -> float | None:
    """None if a value is a tensor: it may be on a device, for which this must not wait."""
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
    """Sets a hyperparameter of a parameter group. A tensor keeps its identity and gets the value."""
    old = get_value(group, key)
    if isinstance(old, Tensor):
        old.fill_(value)
    elif old != value:
        _replace_value(group, key, value)


def _replace_value(group: dict[str, Any], key: GroupKey, value: Any) -> None:
    name, index = key
    group[name] = value if index is None else (*group[name][:index], value, *group[name][index + 1 :])


_INFINITY = float("inf")

KEYS: dict[str, tuple[GroupKey, ...]] = {
    "lr": (("lr", None),),
    "momentum": (("momentum", None), ("betas", 0)),
    "weight_decay": (("weight_decay", None),),
}
"""For each control the possible entries of optimizers. The first one that an optimizer has is used."""
