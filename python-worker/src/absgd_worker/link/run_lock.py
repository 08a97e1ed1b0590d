"""The lock of a run directory: only one process writes a run, and a process that has ended locks nothing.

The rules are the same as in `src/log/lock/run-lock.ts`.
"""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from absgd_worker.errors import SessionError
from absgd_worker.link.process_identity import here, liveness, own_identity


class RunLock:
    """Locks a run for this process, until `release`.

    Args:
        take_over: also replaces the lock of a process of which it cannot be known here whether it lives.

    Raises:
        SessionError: a process that lives, or may live, has locked the run.
    """

    def __init__(self, directory: Path, take_over: bool = False) -> None:
        self._path = directory / "lock"
        own, holder = _acquire(self._path, take_over)
        if own is None:
            raise locked_error(directory, holder)
        self.identity = own
        """Of this process, with the id of the lock."""
        self._is_released = False
        if holder is not None:
            # The former holder reads its lock at least once a second, and stops writing within this time.
            time.sleep(TAKE_OVER_SECONDS)

    @property
    def is_own(self) -> bool:
        """See `holds_lock`."""
        return self._is_released or holds_lock(self._path, self.identity)

    def release(self) -> None:
        """Deletes the lock. May be called twice."""
        self._is_released = True
        _delete_own(self._path, self.identity["id"])


def holds_lock(path: Path, identity: dict[str, Any]) -> bool:
    """Whether the lock names no other process than this one, which would have taken the run over.

    A lock file that was deleted by hand is written again.
    """
    try:
        found = _read(path)
        if found is None and not _put(path, identity, os.link):
            found = _read(path)
    except OSError:
        # The directory is gone, so that no other process can write there.
        return True
    return found is None or found["id"] in (identity["id"], _NOBODY["id"])


def release_lock(path: Path, identity: dict[str, Any]) -> None:
    """Deletes the lock, if it is that of this process."""
    _delete_own(path, identity["id"])


def locked_error(directory: Path, holder: dict[str, Any] | None = None) -> SessionError:
    """The error for a run that a process has locked which lives, or may live."""
    holder = holder or _read(directory / "lock") or {}
    if liveness(holder) != "unknown":
        return SessionError(
            f"the run in {directory} is being written by the living process {holder.get('pid')}: end that "
            "one first, or record this one under another name"
        )
    host, since = holder.get("host"), holder.get("since")
    return SessionError(
        f"the run in {directory} is held elsewhere: process {holder.get('pid')}"
        f"{'' if host is None else f' on the host {host!r}'}, {_why(holder)}"
        f"{'' if since is None else f', since {since}'}; from here ({here()['host']!r}) nobody can see "
        "whether it still runs: end it there, or record this one under another name; only where "
        f"it has certainly ended: absgd-run --take-over, or {TAKE_OVER_VARIABLE}=1"
    )


def is_locked(directory: Path, take_over: bool = False) -> bool:
    """Whether a process has locked the run that lives or, unless `take_over`, of which that is unknown."""
    state = liveness(_read(directory / "lock") or {**here(), **_NOBODY})
    return state == "running" or (state == "unknown" and not take_over)


def is_take_over_asked() -> bool:
    """Whether the user has confirmed that a process of unknown state has ended."""
    return os.environ.get(TAKE_OVER_VARIABLE, "") not in ("", "0")


def _why(holder: dict[str, Any]) -> str:
    if holder.get("pidNamespace") is None:
        return "of another boot or another machine (its lock is of an older version)"
    if holder.get("bootId") == here()["bootId"]:
        return f"in another process namespace (a container): {holder['pidNamespace'] or 'unknown'}"
    return "of another boot, or another machine of this name"


def _acquire(path: Path, take_over: bool) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Locks the run.

    Several processes may find the same stale lock. To replace it, a process must first acquire a second lock
    that is named after it; a stale second lock is replaced in the same way.

    Returns:
        The own lock, or None if another process has locked the run; and that process, or the process of
        unknown state whose lock was replaced.
    """
    while True:
        since = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        identity = {**own_identity(), "id": str(uuid.uuid4()), "since": since}
        if _put(path, identity, os.link):
            return identity, None
        holder = _read(path)
        if holder is None:
            continue
        state = liveness(holder)
        if state == "running" or (state == "unknown" and not take_over):
            return None, holder
        succession_path = path.with_name(f"{path.name}.{holder['id']}")
        succession, before = _acquire(succession_path, take_over)
        if succession is None:
            return None, before
        try:
            if (_read(path) or {}).get("id") == holder["id"] and _put(path, identity, os.replace):
                return identity, holder if state == "unknown" else None
        finally:
            _delete_own(succession_path, succession["id"])


def _put(path: Path, identity: dict[str, Any], move: Any) -> bool:
    """Moves a complete file to `path`, so that no process reads an incomplete lock."""
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


def _delete_own(path: Path, own: str) -> None:
    if (_read(path) or {}).get("id") == own:
        path.unlink()


def _read(path: Path) -> dict[str, Any] | None:
    """The lock, or None if there is no file.

    Locks are moved to their place whole: other text comes from a crash of the file system. It counts as the
    lock of no process, and is replaced."""
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {**here(), **_NOBODY}
    is_lock = isinstance(found, dict) and isinstance(found.get("pid"), int)
    if is_lock and re.fullmatch(r"[0-9a-f-]{36}", str(found.get("id"))):
        return {"bootId": "", "processStart": "", **found}
    return {**here(), **_NOBODY}


_NOBODY = {"pid": 0, "processStart": "", "id": "damaged"}

TAKE_OVER_VARIABLE = "ABSGD_TAKE_OVER"

TAKE_OVER_SECONDS = 3.0
"""The wait before the first record. In this time a former holder notices that it has lost the lock."""
