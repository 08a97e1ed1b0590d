"""Excludes functions from torch.compile."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import torch

_Call = TypeVar("_Call", bound=Callable[..., Any])


def not_compiled(call: _Call) -> _Call:
    """Decorates a function that torch.compile must not trace, because it changes state in Python.

    It prefers the private decorator that torch uses for its optimizers: `torch.compiler.disable` loads the
    compiler at import, which takes about a second. While nothing is compiled, neither is called.
    """
    disabled = getattr(torch, "_disable_dynamo", torch.compiler.disable)(call)

    @functools.wraps(call)
    def chosen(*args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_compiling() or has_compiled():
            return disabled(*args, **kwargs)
        return call(*args, **kwargs)

    return cast(_Call, chosen)


def has_compiled() -> bool:
    """Whether this process compiles anything by torch.compile, or has asked for it."""
    compiler = sys.modules.get("torch._dynamo.eval_frame")
    backends: Mapping[int, Any] = {} if compiler is None else compiler.cached_backends
    # Functions that are never compiled have the backend None.
    return any(map(callable, backends.values()))
