"""Torch function modes that do not disable the fast paths of modules.

`nn.MultiheadAttention`, `nn.TransformerEncoder` and its layer have a fast path for evaluation. They do not
use it if any torch function mode is active; their results then differ in the last bits, and in shape for
padded sequences. A capture changes no tensor, so it is hidden from these modules.

Torch calls an active mode, in Python, for every operation and for every look-up of a tensor's attribute. Most
operations of a small model's step are those of its optimizer, which computes no loss: `suspend` takes the
modes off the stack meanwhile.
"""

from __future__ import annotations

import sys
import threading
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
        resume()
        _active.append(self)
        torch.overrides.has_torch_function = _has_torch_function
        return super().__enter__()

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        resume()
        super().__exit__(exc_type, exc_val, exc_tb)
        _active.remove(self)
        if not _active:
            torch.overrides.has_torch_function = _plain


class _Suspended(threading.local):
    """The modes of a thread at `suspend`, the bottom of the stack first; empty if none is suspended."""

    def __init__(self) -> None:
        self.stack: list[TorchFunctionMode] = []


_suspended = _Suspended()


def suspend() -> None:
    """Takes the transparent modes off the stack of this thread, until `resume`."""
    # Compiled code must not change the stack.
    if torch.compiler.is_compiling() or _suspended.stack:
        return
    stack = torch.overrides._get_current_function_mode_stack()
    others = _others(stack)
    if len(others) < len(stack):
        _suspended.stack = stack
        _replace_stack(others)


def resume() -> None:
    """Puts the suspended modes back. Does nothing if none is suspended in this thread.

    A step that raises leaves its modes suspended. So everything that enters or exits a mode, and whatever
    comes before a loss or after it (a model's call, a backward pass, a step), calls this first.
    """
    if torch.compiler.is_compiling() or not _suspended.stack:
        return
    stack, _suspended.stack = _suspended.stack, []
    others = torch.overrides._get_current_function_mode_stack()
    if others != _others(stack):
        # The step raised, and blocks of other modes have ended or begun since then.
        known = [mode for mode in stack if isinstance(mode, TransparentMode) or mode in others]
        stack = [*known, *(mode for mode in others if mode not in stack)]
    _replace_stack(stack)


def enter_below_all(mode: TransparentMode) -> None:
    """Enters a mode below all active modes, so that those can be exited in their usual order.

    Newer versions of torch require the mode of `torch.set_default_device` at the bottom of the stack, so
    `mode` is entered just above it. The mode of `with torch.device(…)` is treated like any other.
    """
    resume()
    stack = torch.overrides._get_current_function_mode_stack()
    bottom = _bottom(stack)
    _replace_stack(stack[:bottom])
    mode.__enter__()
    for active in stack[bottom:]:
        torch.overrides._push_mode(active)


def exit_anywhere(mode: TransparentMode) -> bool:
    """Exits a mode at any position of the stack; returns False if it is not active in this thread."""
    resume()
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


def _others(stack: list[TorchFunctionMode]) -> list[TorchFunctionMode]:
    return [mode for mode in stack if not isinstance(mode, TransparentMode)]


def _bottom(stack: list[TorchFunctionMode]) -> int:
    """How many modes at the bottom must stay there: 1 if the first is that of `set_default_device`."""
    # Torch imports this module when a default device is set.
    contexts = sys.modules.get("torch.utils._device")
    names = () if contexts is None else contexts.DeviceContext.__exit__.__code__.co_names
    default_mode = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    is_fixed = "_len_torch_function_stack" in names
    return 1 if is_fixed and stack and stack[0] is default_mode else 0


def _replace_stack(stack: list[TorchFunctionMode]) -> None:
    for _ in torch.overrides._get_current_function_mode_stack():
        torch.overrides._pop_mode()
    for mode in stack:
        torch.overrides._push_mode(mode)


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
