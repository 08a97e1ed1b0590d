"""The PyTorch side of ABSGD: for tasks that `absgd run` serves, and for training loops of your own.

A task imports `Task`, `Context`, `Evaluated` and `losses`. A loop of your own uses `wrap`, `weigh`, `capture`
and `session`. `absgd_worker.weights` is the rule of weights without the rest. Importing this package imports
torch, but neither sockets nor messages.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from absgd_worker import losses
from absgd_worker.errors import TaskError
from absgd_worker.task.context import Context
from absgd_worker.task.task import Evaluated, Task
from absgd_worker.version import VERSION as __version__

if TYPE_CHECKING:
    from absgd_worker.attach.api import (
        NotApplied,
        NotWeighable,
        Session,
        SessionError,
        StopTraining,
        capture,
        control,
        current,
        evaluated,
        log,
        session,
        track,
        weigh,
        wrap,
    )

__all__ = [
    "Context",
    "Evaluated",
    "NotApplied",
    "NotWeighable",
    "Session",
    "SessionError",
    "StopTraining",
    "Task",
    "TaskError",
    "__version__",
    "capture",
    "control",
    "current",
    "evaluated",
    "log",
    "losses",
    "session",
    "track",
    "weigh",
    "wrap",
]


def __getattr__(name: str) -> Any:
    # Imported on first use, because a served task does not need it.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("absgd_worker.attach.api"), name)
