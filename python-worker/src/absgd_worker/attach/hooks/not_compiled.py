"""Excludes functions from torch.compile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch

_Call = TypeVar("_Call", bound=Callable[..., Any])


def not_compiled(call: _Call) -> _Call:
    """Decorates a function that torch.compile must not trace, because it changes state in Python.

    It prefers the private decorator that torch uses for its optimizers: `torch.compiler.disable` loads the
    compiler at import, which takes about a second.
    """
    return getattr(torch, "_disable_dynamo", torch.compiler.disable)(call)  # type: ignore[no-any-return]
