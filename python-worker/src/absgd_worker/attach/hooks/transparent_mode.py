"""Torch function modes that do not disable the fast paths of modules.

`nn.MultiheadAttention`, `nn.TransformerEncoder` and its layer have a fast path for evaluation. They do not
use it if any torch function mode is active; their results then differ in the last bits, and in shape for
padded sequences. A capture changes no tensor, so it is hidden from these modules.

Torch calls an active mode, in Python, for every operation and for every look-up of a tensor's attribute. So
the modes are on the stack of torch only while they are needed. An optimizer computes no loss: `suspend` takes
the modes off the stack meanwhile. A mode that follows no tensor waits off the stack for the next loss:
`settle` takes it off, and `waking` puts it back for the call of a loss.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.overrides
from torch.overrides import TorchFunctionMode

_plain = torch.overrides.has_torch_function
_active: list[TorchFunctionMode] = []


class TransparentMode(TorchFunctionMode):
    """A mode that `torch.overrides.has_torch_function` does not count."""

    @property
    def may_rest(self) -> bool:
        """Whether it needs to see no operation now, until a function that is `waking` is called."""
        return False

    def call_resting(
        self, call: Callable[[], Any], original: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Calls `original`, a function that is `waking`, while this is the only mode and rests.

        `call`: calls it with the mode on the stack.
        """
        return call()

    def __enter__(self) -> Any:
        resume()
        _active.append(self)
        torch.overrides.has_torch_function = _has_torch_function
        return super().__enter__()

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        resume()
        self._leave()
        settle()

    def _leave(self) -> None:
        """Takes the mode off the top of the stack."""
        super().__exit__(None, None, None)
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
    """Puts the suspended modes back. Does nothing if none is suspended in this thread."""
    if torch.compiler.is_compiling() or not _suspended.stack:
        return
    stack, _suspended.stack = _suspended.stack, []
    others = torch.overrides._get_current_function_mode_stack()
    if others != _others(stack):
        # The step raised, and blocks of other modes have ended or begun since then.
        known = [mode for mode in stack if isinstance(mode, TransparentMode) or mode in others]
        stack = [*known, *(mode for mode in others if mode not in stack)]
        default_mode = _default_device_mode()
        if default_mode in stack:
            # `torch.set_default_device` was called since then, which puts its mode at the bottom.
            stack = [default_mode, *(mode for mode in stack if mode is not default_mode)]
    _replace_stack(stack)


def settle() -> None:
    """Takes the transparent modes off the stack of this thread if all of them may rest, else puts them back.

    A step that raises leaves its modes suspended. So whatever comes before a loss or after it (a model's
    call, a backward pass, a step) calls this.
    """
    if torch.compiler.is_compiling():
        return
    suspended = _suspended.stack
    for mode in suspended or torch.overrides._get_current_function_mode_stack():
        if isinstance(mode, TransparentMode) and not mode.may_rest:
            resume()
            return
    if not suspended:
        suspend()


def waking(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Calls `original` with the suspended modes on the stack, where they stay if they may not rest then."""
    stack = _suspended.stack
    if not stack or torch.compiler.is_compiling():
        return original(*args, **kwargs)

    def call() -> Any:
        resume()
        try:
            return original(*args, **kwargs)
        finally:
            settle()

    only = stack[0] if len(stack) == 1 and not torch.overrides._len_torch_function_stack() else None
    return only.call_resting(call, original, *args, **kwargs) if isinstance(only, TransparentMode) else call()


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
            mode._leave()
    settle()
    return True


def _others(stack: list[TorchFunctionMode]) -> list[TorchFunctionMode]:
    return [mode for mode in stack if not isinstance(mode, TransparentMode)]


def _bottom(stack: list[TorchFunctionMode]) -> int:
    """How many modes at the bottom must stay there: 1 if the first is that of `set_default_device`."""
    default_mode = _default_device_mode()
    return 1 if default_mode is not None and stack and stack[0] is default_mode else 0


def _default_device_mode() -> Any:
    """The mode of `set_default_device` if it must stay at the bottom of the stack; None if there is none."""
    # Torch imports this module when a default device is set.
    contexts = sys.modules.get("torch.utils._device")
    names = () if contexts is None else contexts.DeviceContext.__exit__.__code__.co_names
    is_fixed = "_len_torch_function_stack" in names
    return getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None) if is_fixed else None


def _replace_stack(stack: list[TorchFunctionMode]) -> None:
    for _ in torch.overrides._get_current_function_mode_stack():
        torch.overrides._pop_mode()
    for mode in stack:
        torch.overrides._push_mode(mode)


class _HasTorchFunction:
    """`torch.overrides.has_torch_function`, without counting transparent modes.

    It equals the function that it replaces. The compiler keeps what it knows about torch's functions in
    tables, some of which it makes when it compiles for the first time. Made while this one is in place, they
    hold for both.
    """

    def __call__(self, args: Iterable[Any]) -> bool:
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

    def __eq__(self, other: object) -> bool:
        return other is self or other is _plain

    def __hash__(self) -> int:
        return hash(_plain)


_has_torch_function = _HasTorchFunction()
