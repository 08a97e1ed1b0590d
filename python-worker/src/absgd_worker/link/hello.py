"""How a script introduces itself: a stream, as nothing is known of its data."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

import torch

from absgd_worker.link.messages import Hello, Position
from absgd_worker.version import VERSION


def script_hello(
    run: str,
    *,
    incarnation: int,
    position: Position,
    planned_through: int = 0,
    initial: Mapping[str, float] | None = None,
) -> Hello:
    """`initial`: what the optimizers begin with."""
    return Hello(
        run=run,
        peer="script",
        incarnation=incarnation,
        pid=os.getpid(),
        steps_per_epoch=0,
        dataset_size=0,
        num_classes=0,
        position=position,
        planned_through=planned_through,
        versions={
            "python": platform.python_version(),
            "torch": torch.__version__,
            "absgd_worker": VERSION,
            **{name: found for name in ("pyzmq", "protobuf") if (found := _version(name))},
        },
        device=str(torch.get_default_device()) if not torch.cuda.is_available() else "cuda",
        initial=initial or {},
        batch_size=0,
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
