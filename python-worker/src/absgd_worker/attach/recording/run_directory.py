"""The directory of a run that no controller drives, as `absgd watch` and `absgd show` read it."""

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
    """A run that is to be recorded, once its first step is trained.

    Raises:
        SessionError: the name cannot be a run's.
    """

    name: str
    task: str
    """As it was started."""
    controls: Mapping[str, str]
    """In words."""
    experiment: str = "script"
    """What is trained: runs of one experiment are compared."""
    is_exact: bool = False
    """Whether a name that is taken is refused; it gets a number otherwise."""

    def __post_init__(self) -> None:
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", self.name) is None:
            raise SessionError(
                f"{self.name!r} cannot be the name of a run: use 1 to 60 of A-Z a-z 0-9 . _ -, beginning "
                "with a letter or a digit"
            )


def experiment_of(program: str) -> str:
    """What is recorded, by its folder and file: `mnist-main` of `examples/mnist/main.py`.

    Args:
        program: what was started, as `sys.argv[0]` names it.
    """
    path = Path(program or "python").absolute()
    parts = [path.parent.name, path.stem if path.suffix == ".py" else path.name]
    if parts[1] == "__main__":
        parts.pop()
    return "-".join(part for part in parts if part) or "script"


@dataclass(frozen=True)
class RunPlace:
    """Where a run is recorded, as `state_dict` names it."""

    name: str
    """That was asked for; the directory's own may have a number behind it."""
    directory: Path
    """Absolute."""
    attempt: int

    def to_state(self) -> dict[str, Any]:
        return {"name": self.name, "directory": str(self.directory), "attempt": self.attempt}

    @staticmethod
    def from_state(state: Mapping[str, Any]) -> RunPlace:
        """ValueError for anything else than `to_state` gave."""
        name, directory, attempt = (state.get(key) for key in ("name", "directory", "attempt"))
        if not isinstance(name, str) or not isinstance(directory, str) or not isinstance(attempt, int):
            raise ValueError(f"this is no state of a session: it names its run {dict(state)!r}")
        return RunPlace(name, Path(directory), attempt)

    @property
    def exists(self) -> bool:
        return (self.directory / "manifest.json").is_file()


@dataclass(frozen=True)
class Parent:
    """The run, and its step, that another one begins at."""

    run: str
    directory: Path
    step: int


def require_free(name: str) -> None:
    """Raises SessionError where there is a run of that name."""
    if (_root() / name).exists():
        raise _taken(name, _root())


def _taken(name: str, root: Path) -> SessionError:
    return SessionError(
        f"a run named {name} exists in {root}: choose another name, or leave --exact-name out, and this one "
        "gets a number"
    )


def _root() -> Path:
    return Path(os.environ.get("ABSGD_RUNS") or "runs").absolute()


def make_run_directory(plan: RunPlan, parent: Parent | None = None) -> Path:
    """Makes the directory of a new run below `$ABSGD_RUNS`, else `./runs`, and returns its absolute path.

    It has the name asked for. Where that is taken, it is `name.2`, `name.3` and so on, and that is said.

    Raises:
        SessionError: nothing can be written there, or the name is taken and must be exact.
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
                raise _taken(plan.name, root) from None
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
