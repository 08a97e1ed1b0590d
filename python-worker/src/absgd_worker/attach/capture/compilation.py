"""Support for torch.compile in a script whose losses are weighed where they are computed.

A compiled graph breaks where a loss is weighed, and two parts may differ from one graph in the last bits.
While no losses are wanted, the graph is not broken, and the losses inside it are not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch

from absgd_worker.console import complain

_TRACING_TENSORS = ("FakeTensor", "FunctionalTensor")


class _Backends:
    """The backends that the script's calls of `torch.compile` named so far."""

    def __init__(self) -> None:
        self.keep_bits = False
        """Whether one of them gives the same bits for a graph in parts as for a whole graph."""


backends = _Backends()


def must_not_break_graph(wants_losses: bool, args: tuple[Any, ...]) -> bool:
    """Whether a function is called in compiled code whose graph must not break.

    `wants_losses`: whether the losses of the current step are wanted. `args`: the arguments of the call;
    may be empty.
    """
    if wants_losses or backends.keep_bits:
        return False
    # Older versions of torch.compile call functions with tensors that have no values.
    return torch.compiler.is_compiling() or (bool(args) and type(args[0]).__name__ in _TRACING_TENSORS)


@contextmanager
def graphs_that_break() -> Iterator[None]:
    """Ignores `fullgraph=True` inside the block, and prints that once: losses are weighed at graph breaks."""
    plain_compile = torch.compile
    is_printed = False

    @wraps(plain_compile)
    def compile_with_breaks(*args: Any, **options: Any) -> Any:
        nonlocal is_printed
        if options.get("fullgraph") and not is_printed:
            is_printed = True
            complain("absgd: torch.compile(fullgraph=True): the graph breaks where a loss is weighed")
        backends.keep_bits |= options.get("backend") in ("eager", "aot_eager")
        options["fullgraph"] = False
        return plain_compile(*args, **options)

    torch.compile = compile_with_breaks  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.compile = plain_compile
        backends.keep_bits = False
