"""The directory of a run without a controller, in the format that `absgd watch` and `absgd show` read."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from absgd_worker.attach.errors import SessionError
from absgd_worker.console import complain
from absgd_worker.version import VERSION


@dataclass(frozen=True)
class RunPlan:
    """A run that is recorded from its first step on.

    Raises:
        SessionError: the name is not a valid name of a run.
    """

    name: str
    task: str
    """The command that started the script."""
    controls: Mapping[str, str]
    """A description of each control."""
    experiment: str = "script"
    """The name of the experiment; runs of one experiment can be compared."""
    is_exact: bool = False
    """Whether a name that exists is refused; otherwise a number is added."""

    def __post_init__(self) -> None:
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", self.name) is None:
            raise SessionError(
                f"{self.name!r} cannot be the name of a run: use 1 to 60 of A-Z a-z 0-9 . _ -, beginning "
                "with a letter or a digit"
            )


def experiment_of(program: str) -> str:
    """The name of an experiment, from folder and file: `mnist-main` for `examples/mnist/main.py`.

    Args:
        program: the program that was started, from `sys.argv[0]`.
    """
    path = Path(program or "python").absolute()
    parts = [path.parent.name, path.stem if path.suffix == ".py" else path.name]
    if parts[1] == "__main__":
        parts.pop()
    return "-".join(part for part in parts if part) or "script"


@dataclass(frozen=True)
class RunPlace:
    """The directory of a recorded run, for the `state_dict` of a session."""

    name: str
    """The name that was asked for. The name of the directory may have a number added."""
    directory: Path
    """Absolute."""
    attempt: int

    def to_state(self) -> dict[str, Any]:
        return {"name": self.name, "directory": str(self.directory), "attempt": self.attempt}

    @staticmethod
    def from_state(state: Mapping[str, Any]) -> RunPlace:
        """Reads what `to_state` returned. Raises ValueError for anything else."""
        name, directory, attempt = (state.get(key) for key in ("name", "directory", "attempt"))
        if not isinstance(name, str) or not isinstance(directory, str) or not isinstance(attempt, int):
            raise ValueError(f"this is no state of a session: it names its run {dict(state)!r}")
        return RunPlace(name, Path(directory), attempt)

    @property
    def exists(self) -> bool:
        return (self.directory / "manifest.json").is_file()


@dataclass(frozen=True)
class Parent:
    """The run, and the step in it, from which another run continues."""

    run: str
    directory: Path
    step: int


def require_free(name: str) -> None:
    """Raises SessionError if a run of that name exists."""
    if (_root() / name).exists():
        raise _exists_error(name, _root())


def _exists_error(name: str, root: Path) -> SessionError:
    return SessionError(
        f"a run named {name} exists in {root}: choose another name, or leave --exact-name out, and this one "
        "gets a number"
    )


def _root() -> Path:
    return Path(os.environ.get("ABSGD_RUNS") or "runs").absolute()


def make_run_directory(plan: RunPlan, parent: Parent | None = None) -> Path:
    """Creates the directory of a new run below `$ABSGD_RUNS`, or `./runs`, and returns its absolute path.

    If the name exists, the run is `name.2`, `name.3` and so on, and a message is printed.

    Raises:
        SessionError: nothing can be written there, or the name exists and must be exact.
    """
    root = _root()
    number = 1
    while True:
        directory = root / (plan.name if number == 1 else f"{plan.name}.{number}")
        try:
            directory.mkdir(mode=0o700, parents=True)
            break
        except FileExistsError:
            if plan.is_exact:
                raise _exists_error(plan.name, root) from None
            number += 1
        except OSError as error:
            raise SessionError(f"the run cannot be recorded in {directory}: {error}") from None
    if number > 1:
        complain(f"absgd: a run named {plan.name} exists in {root}: this one is recorded as {directory.name}")
    for part in ("spool", "checkpoints"):
        (directory / part).mkdir(mode=0o700)
    manifest = directory / "manifest.json"
    manifest.write_text(
        json.dumps(_manifest(directory.name, plan, parent), indent=2) + "\n", encoding="utf-8"
    )
    manifest.chmod(0o600)
    return directory


def _manifest(run: str, plan: RunPlan, parent: Parent | None) -> dict[str, Any]:
    origin = (
        {}
        if parent is None
        else {"parent": {"run": parent.run, "dir": str(parent.directory), "step": parent.step}}
    )
    return {
        "format": 1,
        "run": run,
        "experiment": plan.experiment,
        "createdAt": datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "version": VERSION,
        "params": {},
        **origin,
        "config": {
            "task": plan.task,
            "length": "until the script ends",
            "evaluate": "by the script",
            "checkpoint": "by the script",
            "controls": dict(plan.controls),
            "sampleEvery": 1,
            "sampleQuotaBytes": 10 * 2**30,
            "orphanLimitSeconds": 0,
            "keepCheckpoints": 0,
        },
    }
