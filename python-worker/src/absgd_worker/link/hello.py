"""The Hello of a script, and the check of the controller's Welcome."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

import torch

from absgd_worker.link.wire.messages import Hello, Position, Welcome
from absgd_worker.version import VERSION


def script_hello(
    run: str,
    *,
    incarnation: int,
    position: Position,
    planned_through: int = 0,
    initial: Mapping[str, float] | None = None,
) -> Hello:
    """The Hello of a script, whose dataset is unknown.

    Args:
        initial: the values of the optimizers at the start, by control.
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
    """Why this worker cannot accept a Welcome; None if it can. `earlier`: the Welcome before it, if any."""
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
