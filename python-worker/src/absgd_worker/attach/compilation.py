"""torch.compile in a script whose losses are weighed where they are computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch

from absgd_worker.console import complain


@contextmanager
def graphs_that_break() -> Iterator[None]:
    """A whole graph has no place at which a loss could be weighed: `fullgraph=True` is passed over, and that
    is said once. What is computed is the same."""
    whole = torch.compile
    told = False

    @wraps(whole)
    def compiled(*args: Any, **options: Any) -> Any:
        nonlocal told
        if options.get("fullgraph") and not told:
            told = True
            complain("absgd: torch.compile(fullgraph=True): the graph breaks where a loss is weighed")
        return whole(*args, **{**options, "fullgraph": False})

    torch.compile = compiled  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.compile = whole
