"""The lock of a run directory: one writer a run, and none where its process is gone (src/log/lock.ts)."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.process_identity import is_running, own_identity


class Presence:
    """Shows that this process writes the run, until `leave`.

    Raises:
        SessionError: a living process writes it.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        identity = _take(self._path)
        if identity is None:
            raise held(directory)
        self._id = identity["id"]

    def leave(self) -> None:
        """May be called twice."""
        _release(self._path, self._id)


def held(directory: Path) -> SessionError:
    """That a living process writes the run."""
    pid = (_read(directory / "lock") or {}).get("pid")
    return SessionError(
        f"the run in {directory} is being written by {'a' if pid is None else 'the living'} process"
        f"{'' if pid is None else f' {pid}'}: end that one first, or record this one under another name"
    )


def is_held(directory: Path) -> bool:
    """Whether a living process writes the run."""
    holder = _read(directory / "lock")
    return holder is not None and is_running(holder)


def _take(path: Path) -> dict[str, Any] | None:
    """Several processes may find the same stale lock. Only who holds the lock that is named after it may
    replace it; that one may be stale as well, and is then taken in the same way."""
    while True:
        identity = {**own_identity(), "id": str(uuid.uuid4())}
        if _place(path, identity, os.link):
            return identity
        holder = _read(path)
        if holder is None:
            continue
        if is_running(holder):
            return None
        succession_path = path.with_name(f"{path.name}.{holder['id']}")
        succession = _take(succession_path)
        if succession is None:
            return None
        try:
            if (_read(path) or {}).get("id") == holder["id"] and _place(path, identity, os.replace):
                return identity
        finally:
            _release(succession_path, succession["id"])


def _place(path: Path, identity: dict[str, Any], move: Any) -> bool:
    """Puts a complete file at `path` in one move, so that nobody ever reads half a lock."""
    draft = path.with_name(f"{path.name}.{identity['id']}.draft")
    draft.write_text(json.dumps(identity))
    draft.chmod(0o600)
    try:
        move(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True


def _release(path: Path, own: str) -> None:
    if (_read(path) or {}).get("id") == own:
        path.unlink()


def _read(path: Path) -> dict[str, Any] | None:
    """None where there is no file. What is no lock of ours counts as one of nobody: it is replaced."""
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return dict(_NOBODY)
    is_lock = isinstance(found, dict) and isinstance(found.get("id"), str) and len(found["id"]) == 36
    return {**_NOBODY, **found} if is_lock else dict(_NOBODY)


_NOBODY = {"pid": 0, "bootId": "none", "processStart": "", "id": "damaged"}
