"""Code that torch.compile is not to trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch

_Call = TypeVar("_Call", bound=Callable[..., Any])


def eager(call: _Call) -> _Call:
    """Of code that torch.compile is not to trace: it keeps a state in Python.

    As torch has it for its optimizers: `torch.compiler.disable` would load a second of compiler at import.
    """
    return getattr(torch, "_disable_dynamo", torch.compiler.disable)(call)  # type: ignore[no-any-return]
