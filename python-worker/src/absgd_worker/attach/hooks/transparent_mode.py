"""Keeps torch from taking another path because a capture is active.

Modules that have a fast path for evaluation (`nn.MultiheadAttention`, `nn.TransformerEncoder` and its layer)
leave it where any torch function mode is active: the same mathematics in other bits, and of padded sequences
another shape. A capture changes no tensor, so that they need not know of it.
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
    """A mode of which `torch.overrides.has_torch_function` tells nothing."""

    def __enter__(self) -> Any:
        _active.append(self)
        torch.overrides.has_torch_function = _has_torch_function
        return super().__enter__()

    def __exit__(self, *exc_info: Any) -> None:
        super().__exit__(*exc_info)
        _active.remove(self)
        if not _active:
            torch.overrides.has_torch_function = _plain


def lay_below(mode: TransparentMode) -> None:
    """Enters a mode below all that are entered, so that each of those can be left as ever.

    Newer versions of torch keep the mode of `torch.set_default_device` at the very bottom, and demand it
    there; that of `with torch.device(…)` is one like others.
    """
    stack = torch.overrides._get_current_function_mode_stack()
    for _ in stack:
        torch.overrides._pop_mode()
    # Loaded by torch where a default device is set.
    contexts = sys.modules.get("torch.utils._device")
    names = () if contexts is None else contexts.DeviceContext.__exit__.__code__.co_names
    is_fixed = "_len_torch_function_stack" in names
    of_default = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    lowest = 1 if is_fixed and stack and stack[0] is of_default else 0
    for one in stack[:lowest]:
        torch.overrides._push_mode(one)
    mode.__enter__()
    for one in stack[lowest:]:
        torch.overrides._push_mode(one)


def take_away(mode: TransparentMode) -> bool:
    """Leaves a mode, wherever it lies; False where it is not entered in this thread."""
    stack = torch.overrides._get_current_function_mode_stack()
    if mode not in stack:
        return False
    for _ in stack:
        torch.overrides._pop_mode()
    for one in stack:
        torch.overrides._push_mode(one)
        if one is mode:
            mode.__exit__(None, None, None)
    return True


def _has_torch_function(relevant_args: Iterable[Any]) -> bool:
    # Compiled code asks its arguments alone; and may know this function, not that one, for torch's.
    if torch.compiler.is_compiling():
        return torch.overrides.has_torch_function_variadic(*relevant_args)
    modes = torch.overrides._get_current_function_mode_stack()
    if not modes or not all(isinstance(mode, TransparentMode) for mode in modes):
        return _plain(relevant_args)
    for _ in modes:
        torch.overrides._pop_mode()
    try:
        return _plain(relevant_args)
    finally:
        for mode in modes:
            torch.overrides._push_mode(mode)
