"""PlanFileSource hyperparameters in optimizers that are not ours: there for a step, gone after it.

A value is put in right before an optimizer steps, and the script's own is put back right after. So a
scheduler of the script goes on as if nobody was there, and what is planned holds as long as it is planned.
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
    """Of all optimizers of a process.

    Args:
        groups: "scaled": the planned number is that of the parameter group with the largest initial value,
            and the others keep their proportion to it; "absolute": every group has the planned number.
    """

    def __init__(self, groups: Groups = "scaled") -> None:
        if groups not in ("scaled", "absolute"):
            raise ValueError(f'groups is {groups!r}, must be "scaled" or "absolute"')
        self._is_scaled = groups == "scaled"
        self._known: weakref.WeakKeyDictionary[Optimizer, _Known] = weakref.WeakKeyDictionary()
        self._told: set[str] = set()
        self._held: set[int] = set()

    def put(self, optimizer: Optimizer, row: Mapping[str, float]) -> dict[str, float]:
        """Right before a step: sets what the row plans.

        Returns:
            What the optimizer steps with: planned values, and its own largest where nothing is planned.
            Without those that are tensors: they may be on a device, and nothing here waits for one.

        Raises:
            ControlError: the optimizer does not have what the row plans.
        """
        known = self._known.get(optimizer)
        if known is None:
            known = self._known[optimizer] = _Known(optimizer)
        # After a step that raised.
        self.put_back(optimizer)
        # An optimizer within another, as SAM has one, finds what that one was given.
        if any(id(group) in self._held for group in optimizer.param_groups):
            return {}
        known.held = {id(group) for group in optimizer.param_groups}
        self._held |= known.held
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
            own = [_kept(get_value(group, key)) for group in optimizer.param_groups]
            if value is None:
                known.before.pop(name, None)
                if not any(isinstance(one, Tensor) for one in own):
                    applied[name] = float(max(own))
                continue
            self._notice_conflict(name, known, own, value)
            factors = known.factors(name, optimizer.param_groups) if self._is_scaled else [1.0] * len(own)
            known.replaced[name] = own
            for group, factor in zip(optimizer.param_groups, factors, strict=True):
                set_value(group, key, value * factor)
            applied[name] = value
        return applied

    def clip(self, optimizer: Optimizer, row: Mapping[str, float]) -> None:
        """Once the gradients of the step are there: clips them where the row plans it.

        Raises:
            ControlError: they are still scaled by GradScaler.
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
        """Right after the step: the optimizer's own values are there again."""
        known = self._known.get(optimizer)
        if known is None:
            return
        for name, own in known.replaced.items():
            for group, value in zip(optimizer.param_groups, own, strict=True):
                set_value(group, known.keys[name], value)
        known.replaced = {}
        self._held -= known.held
        known.held = set()

    def _notice_conflict(self, name: str, known: _Known, own: Sequence[Any], value: float) -> None:
        if any(isinstance(one, Tensor) for one in own):
            return
        before, known.before[name] = known.before.get(name), [float(one) for one in own]
        if before is None or before == known.before[name] or name in self._told:
            return
        self._told.add(name)
        complain(
            f"absgd: the script changes {name} itself ({max(before):g} to {max(own):g}), and the plan "
            f"sets it too ({value:g}): the plan's value is what trains. Leave {name} out of the controls to "
            "hand it back to the script"
        )


class _Known:
    """What is remembered of one optimizer."""

    def __init__(self, optimizer: Optimizer) -> None:
        group = optimizer.param_groups[0]
        self.keys: dict[str, GroupKey] = {
            name: key
            for name, keys in KEYS.items()
            if (key := next((k for k in keys if k[0] in group), None))
        }
        self.replaced: dict[str, list[Any]] = {}
        self.before: dict[str, list[float]] = {}
        self.held: set[int] = set()
        """The groups that it has, while it steps."""
        self._factors: dict[str, list[float]] = {}

    def factors(self, name: str, groups: Sequence[Mapping[str, Any]]) -> list[float]:
        """Of every group: its initial value as a part of the largest. All anew where groups have come."""
        factors = self._factors.get(name)
        if factors is None or len(factors) != len(groups):
            initial = [_initial(name, group, self.keys[name]) for group in groups]
            largest = max(initial)
            factors = self._factors[name] = [value / largest if largest else 1.0 for value in initial]
        return factors


def initial_values() -> dict[str, float]:
    """The largest lr, momentum and weight decay that any optimizer of this process begins with."""
    # The type itself is looked at: asking a stranger for its class may run code of its own.
    optimizers = [one for one in gc.get_objects() if issubclass(type(one), Optimizer)]
    found: dict[str, float] = {}
    for optimizer in optimizers:
        # One that is half made has no groups yet.
        if not getattr(optimizer, "param_groups", None):
            continue
        for name, key in _Known(optimizer).keys.items():
            values = [_initial(name, group, key) for group in optimizer.param_groups]
            found[name] = max(found.get(name, 0.0), *values)
    return found


def _initial(name: str, group: Mapping[str, Any], key: GroupKey) -> float:
    """A scheduler that warms up has changed lr before the first step, and kept what it was."""
    value = group.get("initial_lr") if name == "lr" else None
    return float(get_value(group, key) if value is None else value)


def _kept(value: Any) -> Any:
    """A tensor is set in place."""
    return value.clone() if isinstance(value, Tensor) else value
