"""How a script introduces itself, and whether the controller's answer fits."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

import torch

from absgd_worker.link.messages import Hello, Position, Welcome
from absgd_worker.version import VERSION


def script_hello(
    run: str,
    *,
    incarnation: int,
    position: Position,
    planned_through: int = 0,
    initial: Mapping[str, float] | None = None,
) -> Hello:
    """Describes a stream: nothing is known of the data of a script.

    `initial`: the values that the optimizers begin with.
    """
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


def objection(run: str, welcome: Welcome, earlier: Welcome | None) -> str | None:
    """Why this worker cannot train what it was welcomed to; None when it can. `earlier`: its last Welcome."""
    if welcome.run != run:
        return f"the controller runs {welcome.run!r}, this worker was started for {run!r}"
    if earlier is not None and welcome.weighting != earlier.weighting:
        return (
            f"the controller's rule of weights is {str(welcome.weighting)!r} now, this worker trains by "
            f"{str(earlier.weighting)!r}: start a new worker"
        )
    return None


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
