"""Keeps torch from taking another path because a capture is active.

Modules that have a fast path for evaluation (`nn.MultiheadAttention`, `nn.TransformerEncoder` and its layer)
leave it where any torch function mode is active: the same mathematics in other bits, and of padded sequences
another shape. A capture changes no tensor, so that they need not know of it.
"""

from __future__ import annotations

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
