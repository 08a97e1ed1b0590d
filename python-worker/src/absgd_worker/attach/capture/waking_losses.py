"""Wakes the captures that rest where a loss is computed. See `TransparentMode.may_rest`.

Losses in compiled code are no calls in Python. So captures do not rest once the script compiles anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from absgd_worker.attach.hooks.intercepted_function import can_be_intercepted, intercept
from absgd_worker.attach.hooks.not_compiled import has_compiled
from absgd_worker.attach.hooks.transparent_mode import settle, waking
from absgd_worker.attach.provenance.functional_losses import LOSSES


class _State:
    """The captures of scripts that are active in this process."""

    def __init__(self) -> None:
        self.captures = 0
        self.remove_from_losses: list[Callable[[], None]] = []
        self.remove_from_compile: list[Callable[[], None]] = []


_state = _State()
_can_intercept = all(map(can_be_intercepted, (*LOSSES, torch.compile)))
_plain_compile = torch.compile


def begin_to_wake_captures() -> None:
    """Another capture of a script is active."""
    _state.captures += 1
    if _state.captures == 1 and _can_intercept and not has_compiled():
        _state.remove_from_losses = [intercept(loss, waking) for loss in LOSSES]
        _state.remove_from_compile = [intercept(_plain_compile, _compile)]


def end_to_wake_captures() -> None:
    """One of them is active no longer."""
    _state.captures -= 1
    if _state.captures == 0:
        _stop()


def can_wake_captures() -> bool:
    """Whether each loss that the script computes from here on wakes the captures."""
    if not _state.remove_from_losses:
        return False
    if has_compiled():
        _stop()
        return False
    return True


def _stop() -> None:
    # The compiler would trace what a loss calls that is intercepted.
    for remove in (*_state.remove_from_losses, *_state.remove_from_compile):
        remove()
    _state.remove_from_losses, _state.remove_from_compile = [], []


def _compile(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    _stop()
    settle()
    return original(*args, **kwargs)
