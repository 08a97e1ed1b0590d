"""Replaces a function of another module for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def replaced(owner: Any, name: str, function: Callable[..., Any]) -> Iterator[None]:
    """Inside, `owner.name` is `function`, which is given the plain one before the arguments."""
    plain = getattr(owner, name)

    def instead(*args: Any, **kwargs: Any) -> Any:
        return function(plain, *args, **kwargs)

    setattr(owner, name, instead)
    try:
        yield
    finally:
        setattr(owner, name, plain)
