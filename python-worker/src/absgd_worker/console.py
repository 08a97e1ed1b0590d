"""Prints lines for the user. In a served run both streams are the file `worker.log`."""

from __future__ import annotations

import contextlib
import sys


def say(line: str) -> None:
    """Prints a line on stdout, and flushes it. On a full disk the line is lost and training continues."""
    with contextlib.suppress(OSError, ValueError):
        print(line, flush=True)


def complain(text: str) -> None:
    """Prints a text on stderr like `say`. The controller shows its last lines when the worker dies."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def count(number: int, thing: str, things: str = "") -> str:
    """`1 sample`, `1,200 samples`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {things or f'{thing}s'}"
