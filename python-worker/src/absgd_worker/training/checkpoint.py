"""Writes, reads and deletes checkpoint files. A file with a checkpoint's name is always complete.

A file contains a dictionary of plain values and tensors (`Trainer.state_dict`), which
`torch.load(weights_only=True)` reads.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

import torch

from absgd_worker.errors import CheckpointError
from absgd_worker.link.wire.messages import Position
from absgd_worker.link.wire.records import CheckpointWritten


def check_cost(state: Mapping[str, Any], bytes_per_second: float | None) -> None:
    """Refuses an automatic checkpoint that would delay training.

    Args:
        state: what would be written.
        bytes_per_second: the speed of the last checkpoint; None if there is none.

    Raises:
        CheckpointError: it would take more than 2 GB or 5 s.
    """
    size = _tensor_bytes(state)
    if size > AUTOMATIC_BYTES:
        raise CheckpointError(f"an automatic checkpoint would take {size / 1e9:.1f} GB, more than 2 GB")
    seconds = size / (bytes_per_second or _GUESSED_BYTES_PER_SECOND)
    if seconds > AUTOMATIC_SECONDS:
        raise CheckpointError(f"an automatic checkpoint would take {seconds:.0f} s, more than 5 s")


def write_checkpoint(
    run_dir: Path,
    position: Position,
    state: Mapping[str, Any],
    *,
    keep: int,
    automatic: bool = False,
    before_naming: Callable[[], object] = lambda: None,
) -> CheckpointWritten:
    """Writes `state` to a temporary file, syncs it, and renames it. Does not delete earlier checkpoints.

    `deleted` in the record names those that are no longer needed: all but the `keep` newest (none if it is
    0), and all but the last three automatic ones. `delete_checkpoints` deletes them, once the record is on
    disk.

    Args:
        before_naming: called when the file is complete, before it gets its name. A run can be resumed from a
            file with its name, so this function must put on disk what has to be there by then.

    Raises:
        CheckpointError: the disk refuses.
    """
    began = time.perf_counter()
    directory = run_dir / DIRECTORY
    mark = ".auto" if automatic else ""
    path = directory / f"step-{position.step:09d}.{position.attempt}{mark}.pt"
    unfinished = path.with_suffix(".unfinished")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(unfinished, "wb", opener=_private) as file:
            hashing = _HashingFile(file)
            torch.save({"format": FORMAT, **state}, cast("IO[bytes]", hashing))
            hashing.check()
            file.flush()
            os.fsync(file.fileno())
        size = unfinished.stat().st_size
        before_naming()
        os.replace(unfinished, path)
        _sync_directory(directory)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise CheckpointError(
            f"no checkpoint could be written to {directory}: {error.strerror or error}; "
            "earlier ones are untouched"
        ) from None
    return CheckpointWritten(
        position=position,
        path=f"{DIRECTORY}/{path.name}",
        sha256=hashing.sha256.hexdigest(),
        bytes=size,
        seconds=time.perf_counter() - began,
        deleted=_superseded(directory, path, AUTOMATIC_KEPT if automatic else keep),
    )


def delete_checkpoints(run_dir: Path, paths: Sequence[str]) -> None:
    """Deletes checkpoints by path, and unfinished files of a worker that was killed.

    A file that cannot be deleted stays; the record of the next checkpoint names it again.
    """
    leftovers = (run_dir / DIRECTORY).glob("*.unfinished")
    for file in (*(run_dir / path for path in paths), *leftovers):
        with contextlib.suppress(OSError):
            file.unlink()


def read_checkpoint(run_dir: Path, path: str, sha256: str) -> dict[str, Any]:
    """Loads a checkpoint onto the CPU. A relative path is below the run directory.

    The SHA-256 of the file is checked unless `sha256` is empty.

    Raises:
        CheckpointError: it is missing, differs from what was written, or has a format that cannot be read.
    """
    file = run_dir / path
    try:
        found = _sha256_of(file)
    except OSError as error:
        raise CheckpointError(f"the checkpoint {file} cannot be read: {error.strerror or error}") from None
    if sha256 and found != sha256.lower():
        raise CheckpointError(
            f"the checkpoint {file} is not the one that was written: its SHA-256 is {found}, not {sha256}; "
            "take an earlier one"
        )
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many classes for a file that is not its own.
        raise CheckpointError(f"{file} is no checkpoint that can be loaded safely: {error}") from None
    form = state.get("format") if isinstance(state, dict) else None
    if form != FORMAT:
        raise CheckpointError(f"the checkpoint {file} has format {form}, this version reads format {FORMAT}")
    return state


def _superseded(directory: Path, newest: Path, keep: int) -> tuple[str, ...]:
    """The paths of the checkpoints of the same kind, but the `keep` newest; the new one is always kept."""
    if not keep:
        return ()
    found = []
    for file in directory.iterdir():
        match = _NAME.fullmatch(file.name)
        if match is not None and file != newest and bool(match["auto"]) == newest.name.endswith(".auto.pt"):
            found.append((int(match["attempt"]), int(match["step"]), file))
    return tuple(f"{DIRECTORY}/{file.name}" for _, _, file in sorted(found, reverse=True)[keep - 1 :])


class _HashingFile:
    """Hashes what is written. `check` raises the errors, since some versions of torch hide them."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._error: OSError | None = None
        self.sha256 = hashlib.sha256()

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        if self._error is None:
            try:
                self._file.write(data)
                self.sha256.update(data)
            except OSError as error:
                self._error = error
        return size

    def flush(self) -> None:
        if self._error is None:
            try:
                self._file.flush()
            except OSError as error:
                self._error = error

    def check(self) -> None:
        if self._error is not None:
            raise self._error


def _tensor_bytes(state: Any) -> int:
    if isinstance(state, torch.Tensor):
        return state.numel() * state.element_size()
    if isinstance(state, Mapping):
        return sum(map(_tensor_bytes, state.values()))
    return sum(map(_tensor_bytes, state)) if isinstance(state, (list, tuple)) else 0


def _sha256_of(file: Path) -> str:
    digest = hashlib.sha256()
    with open(file, "rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


DIRECTORY = "checkpoints"

FORMAT = 1
"""The format of the dictionary in a file. It changes when an older version could not read it."""

AUTOMATIC_KEPT = 3
AUTOMATIC_BYTES = 2e9
AUTOMATIC_SECONDS = 5.0

_GUESSED_BYTES_PER_SECOND = 200e6
"""The assumed speed of the disk before the first checkpoint."""

_NAME = re.compile(r"step-(?P<step>\d{9,})\.(?P<attempt>\d+)(?P<auto>\.auto)?\.pt")
