"""The program: `python -m absgd_worker.mirrors --to wandb --folder RUN < LINES`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from absgd_worker.console import complain
from absgd_worker.mirrors.mirror import Mirror
from absgd_worker.mirrors.target import MirrorError, Target, require_packages
from absgd_worker.mirrors.to_mlflow import MlflowTarget
from absgd_worker.mirrors.to_tensorboard import TensorBoardTarget
from absgd_worker.mirrors.to_wandb import WandbTarget


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 all was passed on, 1 a target failed, 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m absgd_worker.mirrors",
        description="Writes a run to TensorBoard, wandb or MLflow: reads from stdin what "
        "`absgd watch RUN --ui json` prints. `absgd mirror RUN --to …` starts it.",
    )
    parser.add_argument("--to", required=True, help="tensorboard, wandb, mlflow, separated by commas")
    parser.add_argument("--folder", type=Path, required=True, help="the directory of the run")
    parser.add_argument("--project", help="of wandb and MLflow (default: the name of the experiment)")
    parser.add_argument("--check", action="store_true", help="check that the packages are there, and end")
    options = parser.parse_args(arguments)
    names = [name for name in (part.strip() for part in options.to.split(",")) if name]
    try:
        require_packages(names)
    except MirrorError as error:
        complain(f"absgd mirror: {error}")
        return 2
    if options.check:
        return 0
    # Ctrl-C is for the process that feeds this one: what it has sent is still passed on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    targets = {name: _target(name, options.folder, options.project) for name in names}
    return Mirror(options.folder, targets).follow(sys.stdin)


def _target(name: str, folder: Path, project: str | None) -> Target:
    if name == "tensorboard":
        return TensorBoardTarget(folder)
    return WandbTarget(folder, project) if name == "wandb" else MlflowTarget(project)


if __name__ == "__main__":
    sys.exit(main())
