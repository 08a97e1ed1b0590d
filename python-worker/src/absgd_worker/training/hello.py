"""The Hello of a served task, and the check that its parameters are those of the controller."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import torch

from absgd_worker.errors import SettingsError
from absgd_worker.link.environment import Settings, parse_params
from absgd_worker.link.wire.messages import Hello, Position, Welcome
from absgd_worker.training.trainer import Trainer
from absgd_worker.version import VERSION


def introduction(settings: Settings, trainer: Trainer, incarnation: int) -> Hello:
    """The Hello of a worker that has trained nothing yet."""
    task = trainer.task
    return Hello(
        run=settings.address.run,
        peer=settings.worker,
        incarnation=incarnation,
        pid=os.getpid(),
        steps_per_epoch=task.steps_per_epoch,
        dataset_size=task.numbered_size,
        num_classes=task.num_classes or 0,
        position=Position(0, 0),
        planned_through=0,
        versions={
            "python": platform.python_version(),
            "torch": torch.__version__,
            "absgd_worker": VERSION,
            "pyzmq": version("pyzmq"),
            "protobuf": version("protobuf"),
        },
        device=str(task.device),
        initial=trainer.controls.initial | ({} if task.labels is None else {"class_balance": 0.0}),
        batch_size=task.batch_size,
    )


def objection_to_params(built_with: Mapping[str, Any], welcome: Welcome) -> str | None:
    """Why the parameters of a Welcome are not those of `built_with`; None if they are the same."""
    try:
        params = parse_params(welcome.params_json)
    except SettingsError as error:
        return str(error)
    if params == built_with:
        return None
    names = sorted(
        name for name in params.keys() | built_with.keys() if params.get(name) != built_with.get(name)
    )
    return (
        "the task was built with other parameters (ABSGD_PARAMS) than the controller's: "
        f"{', '.join(names)} differ; start a new worker"
    )
