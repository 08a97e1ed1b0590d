"""The directory of a run that no controller drives, as `absgd watch` and `absgd show` read it."""

from __future__ import annotations

import json
import os
import re
import sys
import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from absgd_worker.attach.errors import SessionError
from absgd_worker.version import VERSION


def make_run_directory(name: str, *, task: str, controls: Mapping[str, str]) -> Path:
    """Makes the directory of a new run below `$ABSGD_RUNS`, else `./runs`.

    It has the name asked for, or `name-2` and so on where that is taken.

    Raises:
        SessionError: the name cannot be a run's, or nothing can be written there.
    """
    if re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,59}", name) is None:
        raise SessionError(
            f"{name!r} cannot be the name of a run: use 1 to 60 of a-z 0-9 . _ -, beginning with a letter "
            "or a digit"
        )
    root = Path(os.environ.get("ABSGD_RUNS") or "runs")
    number = 1
    while True:
        directory = root / (name if number == 1 else f"{name}-{number}")
        try:
            directory.mkdir(mode=0o700, parents=True)
            break
        except FileExistsError:
            number += 1
        except OSError as error:
            raise SessionError(f"the run cannot be recorded in {directory}: {error}") from None
    for part in ("spool", "checkpoints"):
        (directory / part).mkdir(mode=0o700)
    _write(directory / "manifest.json", _manifest(directory.name, task, controls), indent=2)
    return directory


class Presence:
    """Shows, as the lock of a controller does, that somebody trains the run; one that died is not there."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        self._id = str(uuid.uuid4())
        identity = {"pid": os.getpid(), "bootId": _boot(), "processStart": _start(), "id": self._id}
        draft = directory / f"lock.{self._id}.draft"
        _write(draft, identity)
        draft.replace(self._path)

    def leave(self) -> None:
        try:
            if json.loads(self._path.read_text())["id"] == self._id:
                self._path.unlink()
        except (OSError, ValueError, KeyError):
            # Somebody else has it by now.
            return


def _manifest(run: str, task: str, controls: Mapping[str, str]) -> dict[str, Any]:
    return {
        "format": 1,
        "run": run,
        "experiment": Path(task.split(" ", maxsplit=1)[0]).stem or "script",
        "createdAt": datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "version": VERSION,
        "params": {},
        "config": {
            "task": task,
            "length": "until the script ends",
            "evaluate": "by the script",
            "checkpoint": "by the script",
            "controls": dict(controls),
            "sampleEvery": 1,
            "sampleQuotaBytes": 10 * 2**30,
            "orphanLimitSeconds": 0,
            "keepCheckpoints": 0,
        },
    }


def _write(path: Path, value: object, indent: int | None = None) -> None:
    path.write_text(json.dumps(value, indent=indent) + "\n", encoding="utf-8")
    path.chmod(0o600)


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def _start() -> str:
    """Ticks since boot at which this process started; empty where only a costly call would tell."""
    if sys.platform != "linux":
        return ""
    # Behind the name in brackets, which may contain anything.
    return Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[19]
