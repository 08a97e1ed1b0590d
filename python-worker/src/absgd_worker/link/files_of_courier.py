"""The files of a courier beside its memory: where it is, and what it was given."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from absgd_worker.link.process_identity import own_identity
from absgd_worker.link.ring.memory import SharedMemory


def write_pointer(memory: SharedMemory, spool: Path, prefix: str) -> None:
    """Says where the memory is: if both processes are killed, whoever takes up the run finds it by this file.

    The process that trains calls it.
    """
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(spool, prefix, {"memory": str(memory.path or ""), "training": own_identity()})


def add_courier(spool: Path, prefix: str) -> None:
    """Adds this process, the courier, to the file of `write_pointer`."""
    with contextlib.suppress(OSError, ValueError):
        content = json.loads(pointer_path(spool, prefix).read_text())
        _write(spool, prefix, {**content, "courier": own_identity()})


def _write(spool: Path, prefix: str, content: dict[str, Any]) -> None:
    draft = spool / f"{prefix}.courier.draft"
    draft.write_text(json.dumps(content))
    draft.chmod(0o600)
    os.replace(draft, pointer_path(spool, prefix))


def pointer_path(spool: Path, prefix: str) -> Path:
    return spool / f"{prefix}.courier.json"


def samples_path(spool: Path, prefix: str) -> Path:
    """The file of `describe_samples`."""
    return spool / f"{prefix}.courier.samples"


def remove_files(memory: SharedMemory, spool: Path, prefix: str) -> None:
    """Deletes the memory's file, and all that stands beside it."""
    memory.unlink()
    for path in (
        samples_path(spool, prefix),
        *spool.glob(f"{prefix}.overflow.*"),
        pointer_path(spool, prefix),
    ):
        path.unlink(missing_ok=True)
