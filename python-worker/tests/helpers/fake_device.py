"""Stand-ins for a device: tensors that fail when something waits for them, copies that complete on order."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


class Waited(AssertionError):
    """Something has waited for the device."""


class OnDevice(Tensor):
    """A tensor that says it is not on the CPU. So does all that is computed from it.

    Everything that would read its numbers on the host, and so wait for a device, raises `Waited`.
    """

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        # To read an attribute is a call of its `__get__`.
        if name == "__get__" and func == _IS_CPU:
            return False
        if name in WAITING:
            raise Waited(f"{name} waits for the device")
        if name == "to" and "cpu" in [x for x in (*args[1:], *kwargs.values()) if isinstance(x, str)]:
            raise Waited("to('cpu') waits for the device")
        if name == "copy_" and not isinstance(args[0], OnDevice) and not kwargs.get("non_blocking"):
            raise Waited("copy_ to the host waits for the device")
        return super().__torch_function__(func, types, args, kwargs)


_IS_CPU = vars(torch._C.TensorBase)["is_cpu"].__get__

WAITING = {
    *("item", "tolist", "cpu", "numpy", "nonzero", "argwhere", "is_nonzero", "equal", "allclose", "unique"),
    *("masked_select", "__bool__", "__float__", "__int__", "__index__", "__contains__", "__array__"),
    *("__repr__", "__format__", "pin_memory"),
}


def on_device(tensor: Tensor) -> Tensor:
    """The same numbers as a tensor that says it is on a device."""
    return tensor.as_subclass(OnDevice)


class NoNumberIsRead(TorchDispatchMode):
    """Fails on operations that read a number, also within others: a tensor may be the factor of one."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func._schema.name.removeprefix("aten::") in READING:
            raise Waited(f"{func} reads a number")
        return func(*args, **(kwargs or {}))


READING = {"_local_scalar_dense", "item", "is_nonzero", "equal", "nonzero"}


class StandInEvent:
    """Is complete when the test fires it, or when it is waited for. The copy is made at that moment: what was
    overwritten before shows."""

    def __init__(self, host: Tensor, source: Tensor) -> None:
        self.is_fired = False
        self.was_waited_for = False
        self._host, self._source = host, source

    def fire(self) -> None:
        if not self.is_fired:
            self.is_fired = True
            self._host.copy_(self._source)

    def query(self) -> bool:
        return self.is_fired

    def synchronize(self) -> None:
        self.was_waited_for = self.was_waited_for or not self.is_fired
        self.fire()


class StandInCopier:
    """A copier whose events are in `events`, in the order in which they began."""

    def __init__(self) -> None:
        self.events: list[StandInEvent] = []

    def empty_host(self, rows: int, width: int) -> Tensor:
        return torch.full((rows, width), math.nan, dtype=torch.float64)

    def begin(self, host: Tensor, source: Tensor) -> StandInEvent:
        # Whoever reads before the event is complete gets NaN.
        host.fill_(math.nan)
        self.events.append(StandInEvent(host, source))
        return self.events[-1]

    @property
    def waits(self) -> int:
        """How many copies were waited for."""
        return sum(event.was_waited_for for event in self.events)
