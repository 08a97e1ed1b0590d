"""The PyTorch side of ABSGD: for tasks that `absgd run` serves, and for training loops of your own.

A task imports `Task`, `Context`, `Evaluated` and `losses`. A loop of your own uses `wrap`, `weigh`, `capture`
and `session`. `absgd_worker.weights` is the rule of weights without the rest. Importing this package imports
neither torch nor sockets: what needs them is imported when it is used first.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from absgd_worker.version import VERSION as __version__

if TYPE_CHECKING:
    from absgd_worker import losses
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
    from absgd_worker.errors import ReviewError, TaskError
    from absgd_worker.review.apply import apply_review
    from absgd_worker.review.sample_weights import sample_weights
    from absgd_worker.task.context import Context
    from absgd_worker.task.task import Evaluated, Task

__all__ = [
    "Context",
    "Evaluated",
    "NotApplied",
    "NotWeighable",
    "ReviewError",
    "Session",
    "SessionError",
    "StopTraining",
    "Task",
    "TaskError",
    "__version__",
    "apply_review",
    "capture",
    "control",
    "current",
    "evaluated",
    "log",
    "losses",
    "sample_weights",
    "session",
    "track",
    "weigh",
    "wrap",
]


_MODULES = {
    "Context": "task.context",
    "Evaluated": "task.task",
    "Task": "task.task",
    "ReviewError": "errors",
    "TaskError": "errors",
    "apply_review": "review.apply",
    "sample_weights": "review.sample_weights",
}
"""Where the names are that `attach.api` does not have."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "losses":
        return importlib.import_module("absgd_worker.losses")
    module = importlib.import_module(f"absgd_worker.{_MODULES.get(name, 'attach.api')}")
    found = globals()[name] = getattr(module, name)
    return found
