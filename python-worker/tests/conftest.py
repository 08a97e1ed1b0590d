"""What the tests of the served loop share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch

from fake_controller import FakeController, short_directory
from worker_process import Worker

torch.set_num_threads(1)

Start = Callable[..., tuple[FakeController, Worker]]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Start]:
    """Starts a fake controller and a worker, as often as wanted; all are gone after the test.

    Arguments: `name` of the run directory, `params`, `welcome` (fields of Welcome), and those of `Worker`.
    """
    with ExitStack() as stack:

        def start(
            *,
            name: str = "run",
            params: dict[str, Any] | None = None,
            welcome: dict[str, Any] | None = None,
            **worker: Any,
        ) -> tuple[FakeController, Worker]:
            sockets = Path(stack.enter_context(short_directory()))
            controller = FakeController(
                sockets, welcome={"params_json": json.dumps(params or {}), **(welcome or {})}
            )
            stack.callback(controller.close)
            process = Worker(tmp_path / name, sockets, params=params, **worker)
            stack.callback(process.kill)
            return controller, process

        yield start
