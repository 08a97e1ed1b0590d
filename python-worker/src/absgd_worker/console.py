"""Lines for people on stdout, which is the run's `worker.log`."""

from __future__ import annotations

import contextlib
import sys


def say(line: str) -> None:
    """Prints a line at once. A full disk under `worker.log` must not end training: the line is lost."""
    with contextlib.suppress(OSError, ValueError):
        print(line, flush=True)


def complain(text: str) -> None:
    """As `say`, on stderr, whose last lines the controller shows when the worker dies."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def count(number: int, thing: str, things: str = "") -> str:
    """`1 sample`, `1,200 samples`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {things or f'{thing}s'}"
