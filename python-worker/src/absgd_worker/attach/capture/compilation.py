"""torch.compile in a script whose losses are weighed where they are computed.

A graph breaks where a loss is weighed, and what it computes in two parts may differ in the last bits. While
nobody wants losses it is left whole, and the losses inside are not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch

from absgd_worker.console import complain

_TRIED = ("FakeTensor", "FunctionalTensor")


class _Backends:
    """Of the calls of `torch.compile`, where they are seen."""

    def __init__(self) -> None:
        self.keep_bits = False
        """Whether one was named that runs what it is given, part by part, as it would be without it."""


backends = _Backends()


def is_left_whole(wants_losses: bool, args: tuple[Any, ...]) -> bool:
    """Whether a function is called in compiled code that must not break."""
    if wants_losses or backends.keep_bits:
        return False
    # An older torch.compile tries what it sees on tensors without numbers.
    return torch.compiler.is_compiling() or (bool(args) and type(args[0]).__name__ in _TRIED)


@contextmanager
def graphs_that_break() -> Iterator[None]:
    """A whole graph has no place at which a loss could be weighed: `fullgraph=True` is passed over, and that
    is said once."""
    whole = torch.compile
    told = False

    @wraps(whole)
    def compiled(*args: Any, **options: Any) -> Any:
        nonlocal told
        if options.get("fullgraph") and not told:
            told = True
            complain("absgd: torch.compile(fullgraph=True): the graph breaks where a loss is weighed")
        backends.keep_bits |= options.get("backend") in ("eager", "aot_eager")
        return whole(*args, **{**options, "fullgraph": False})

    torch.compile = compiled  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.compile = whole
        backends.keep_bits = False
