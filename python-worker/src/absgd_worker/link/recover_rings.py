"""Records what processes have left in shared memory that were killed together with their couriers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from absgd_worker.console import complain
from absgd_worker.link.courier.work import work
from absgd_worker.link.process_identity import liveness
from absgd_worker.link.ring.layout import MAGIC, VERSION, Word
from absgd_worker.link.ring.memory import open_memory
from absgd_worker.link.ring.rings import words_of


def await_couriers(run_dir: Path, seconds: float) -> None:
    """Waits until no courier works any more whose training process is gone.

    After `seconds` it is killed: it was stopped, or hangs. What it had not written is still in the memory.
    """
    deadline = time.monotonic() + seconds
    while left := [one for one in _pointers(run_dir) if _is_at_work(one)]:
        if time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            continue
        for content in left:
            pid = content["courier"]["pid"]
            complain(f"absgd: the courier {pid} of a process that is gone does not end: it is killed")
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        deadline += KILL_SECONDS


def recover_rings(run_dir: Path, lock: dict[str, Any] | None = None) -> int:
    """Writes what is left into the spool or the log of the run, and deletes the memory.

    Memory of which one of the two processes lives is left alone.

    Args:
        lock: of the run, if this process has it.

    Returns:
        How many processes had left something.
    """
    recovered = 0
    for content in _pointers(run_dir):
        if liveness(content["training"]) != "gone" or _is_at_work(content):
            continue
        try:
            memory = open_memory(Path(content["memory"]))
        except OSError:
            # The machine was started again since, and with it the memory is gone.
            content["pointer"].unlink(missing_ok=True)
            continue
        words = words_of(memory)
        if (words[Word.MAGIC], words[Word.VERSION]) != (MAGIC, VERSION):
            complain(f"absgd: {memory.path} is of another version of absgd_worker: it is left as it is")
            continue
        work(memory, lambda: True, lock)
        recovered += 1
    return recovered


def _pointers(run_dir: Path) -> list[dict[str, Any]]:
    """The contents of the files that say where memory is, each with its path as "pointer"."""
    found = []
    for pointer in sorted((run_dir / "spool").glob("*.courier.json")):
        with contextlib.suppress(OSError, ValueError):
            content = json.loads(pointer.read_text())
            if isinstance(content, dict) and {"memory", "training"} <= content.keys():
                found.append({**content, "pointer": pointer})
    return found


def _is_at_work(content: dict[str, Any]) -> bool:
    """Whether this is a courier that still writes for a training process that is gone."""
    courier = content.get("courier")
    is_alone = liveness(content["training"]) == "gone"
    return courier is not None and is_alone and liveness(courier) == "running"


LOOK_SECONDS = 0.02

KILL_SECONDS = 5.0
"""How long a killed process may take to be gone."""
