"""Torch function modes that do not disable the fast paths of modules.

`nn.MultiheadAttention`, `nn.TransformerEncoder` and its layer have a fast path for evaluation. They do not
use it if any torch function mode is active; their results then differ in the last bits, and in shape for
padded sequences. A capture changes no tensor, so it is hidden from these modules.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import torch
import torch.overrides
from torch.overrides import TorchFunctionMode

_plain = torch.overrides.has_torch_function
_active: list[TorchFunctionMode] = []


class TransparentMode(TorchFunctionMode):
    """A mode that `torch.overrides.has_torch_function` does not count."""

    def __enter__(self) -> Any:
        _active.append(self)
        torch.overrides.has_torch_function = _has_torch_function
        return super().__enter__()

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        super().__exit__(exc_type, exc_val, exc_tb)
        _active.remove(self)
        if not _active:
            torch.overrides.has_torch_function = _plain


def enter_below_all(mode: TransparentMode) -> None:
    """Enters a mode below all active modes, so that those can be exited in their usual order.

    Newer versions of torch require the mode of `torch.set_default_device` at the bottom of the stack, so
    `mode` is entered just above it. The mode of `with torch.device(…)` is treated like any other.
    """
    stack = torch.overrides._get_current_function_mode_stack()
    for _ in stack:
        torch.overrides._pop_mode()
    # Torch imports this module when a default device is set.
    contexts = sys.modules.get("torch.utils._device")
    names = () if contexts is None else contexts.DeviceContext.__exit__.__code__.co_names
    is_fixed = "_len_torch_function_stack" in names
    default_mode = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    position = 1 if is_fixed and stack and stack[0] is default_mode else 0
    for active in stack[:position]:
        torch.overrides._push_mode(active)
    mode.__enter__()
    for active in stack[position:]:
        torch.overrides._push_mode(active)


def exit_anywhere(mode: TransparentMode) -> bool:
    """Exits a mode at any position of the stack; returns False if it is not active in this thread."""
    stack = torch.overrides._get_current_function_mode_stack()
    if mode not in stack:
        return False
    for _ in stack:
        torch.overrides._pop_mode()
    for active in stack:
        torch.overrides._push_mode(active)
        if active is mode:
            mode.__exit__(None, None, None)
    return True


def _has_torch_function(args: Iterable[Any]) -> bool:
    # Compiled code checks its arguments only. It may trace this function instead of torch's own.
    if torch.compiler.is_compiling():
        return torch.overrides.has_torch_function_variadic(*args)
    modes = torch.overrides._get_current_function_mode_stack()
    if not modes or not all(isinstance(mode, TransparentMode) for mode in modes):
        return _plain(args)
    for _ in modes:
        torch.overrides._pop_mode()
    try:
        return _plain(args)
    finally:
        for mode in modes:
            torch.overrides._push_mode(mode)
