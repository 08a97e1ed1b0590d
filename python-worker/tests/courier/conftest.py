"""Processes that report to couriers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from publishing import Publishing


@pytest.fixture
def publish(tmp_path: Path) -> Iterator[Callable[..., Publishing]]:
    """Starts a process that does what it is told; all are gone after the test."""
    from fake_controller import short_directory  # noqa: PLC0415
    from publishing import Publishing  # noqa: PLC0415

    numbers = count()
    with ExitStack() as stack:

        def start(*does: Any, log: bool = False, run_dir: Path | None = None, **variables: str) -> Publishing:
            sockets = Path(stack.enter_context(short_directory()))
            made = Publishing(
                run_dir or tmp_path / f"run-{next(numbers)}", sockets, list(does), variables, log=log
            )
            stack.callback(made.controller.close)
            stack.callback(made.process.kill)
            return made

        yield start
