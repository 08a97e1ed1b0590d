"""Fixtures of all tests: workers under a controller, and a process that no test leaves changed."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fake_controller import FakeController
    from worker_process import Worker

    Start = Callable[..., tuple[FakeController, Worker]]

GROUPS = {
    # Lightning's metrics import transformers, and transformers needs most of what a compiler does.
    "frameworks": (
        "integrations/",
        "test_hugging_face_",
        "test_lightning_",
        "[accelerate_",
        "[hugging_face_",
        "[language_model.py",
        "[lightning_",
        "test_a_loader_that_accelerate_prepared",
        "test_a_snippet_trains_what_it_says",
        "test_the_trainer_gives_",
        "compile",
        "test_transparent_mode.py",
        "test_identity_law.py::test_a_graph_",
        "test_a_whole_graph_breaks",
    ),
    # They share a fixture that takes seconds.
    "carry-over": ("documents/test_carry_over.py",),
}
"""Tests that one process runs, by parts of their names: a framework is then imported by one process alone.

pytest-xdist begins with the groups of most tests.
"""


os.environ.setdefault("ABSGD_COURIER", "thread")
"""Sessions of tests have a thread in place of a process, which takes a tenth of a second to start."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for group, parts in GROUPS.items():
            if any(part in item.nodeid for part in parts):
                item.add_marker(pytest.mark.xdist_group(group))


def pytest_configure(config: pytest.Config) -> None:
    # The process that only hands out the tests needs no torch.
    if "PYTEST_XDIST_WORKER" in os.environ or not config.getoption("numprocesses", None):
        import torch  # noqa: PLC0415

        torch.set_num_threads(1)


def pytest_collection_finish() -> None:
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _without_collecting_what_stays() -> Iterator[None]:
    """Keeps modules and tests out of garbage collections, each of which would take longer than most tests.

    Trainers collect garbage before they train.
    """
    before = len(sys.modules)
    yield
    if len(sys.modules) > before + _MANY_MODULES:
        # Garbage would be kept for ever, and with it the losses that keep captures of later tests awake.
        gc.collect()
        gc.freeze()


_MANY_MODULES = 50


@pytest.fixture(autouse=True)
def _without_loggers_of_other_tests() -> Iterator[None]:
    """Unloads the TensorBoard that a test loads.

    Every later session of the process would search all objects for its writers: longer than most tests take.
    """
    was_loaded = _TENSORBOARD in sys.modules
    yield
    if _TENSORBOARD in sys.modules and not was_loaded:
        for name in [name for name in sys.modules if name.startswith(_TENSORBOARD)]:
            del sys.modules[name]


_TENSORBOARD = "torch.utils.tensorboard"


@pytest.fixture(autouse=True)
def _without_criteria_of_other_tests() -> Iterator[None]:
    """Forgets the lambda of criteria that a test wrapped outside of any session.

    It holds until a criterion is garbage-collected, which may be long after its test.
    """
    yield
    module = sys.modules.get("absgd_worker.attach.source.criterion_settings")
    if module is not None:
        module.criterion_settings.clear()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Start]:
    """Starts a fake controller and a worker, as often as wanted; all are gone after the test.

    Arguments: `name` of the run directory, `params`, `welcome` (fields of Welcome), and those of `Worker`.
    """
    from fake_controller import FakeController, short_directory  # noqa: PLC0415
    from worker_process import Worker  # noqa: PLC0415

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
