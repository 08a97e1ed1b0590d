"""The lock of a run directory: one writer a run, and none where its process is gone.

The same as `src/log/lock/run-lock.ts`.
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

from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.recording.process_identity import here, liveness, own_identity


class RunLock:
    """Shows that this process writes the run, until `leave`.

    Args:
        take_over: takes the lock also of a process of which nothing here can tell whether it lives.

    Raises:
        SessionError: a living process writes it, or one that cannot be judged from here.
    """

    def __init__(self, directory: Path, take_over: bool = False) -> None:
        self._path = directory / "lock"
        taken, holder = _take(self._path, take_over)
        if taken is None:
            raise held(directory, holder)
        self._identity = taken
        self._has_left = False
        if holder is not None:
            # The one before looks at its lock once a second at least: by then it has stopped writing.
            time.sleep(TAKE_OVER_SECONDS)

    @property
    def is_held(self) -> bool:
        """Whether the lock names nobody else: another process may have taken the run over.

        One that somebody deleted by hand is put back.
        """
        try:
            found = _read(self._path)
            if found is None and not self._has_left and not _place(self._path, self._identity, os.link):
                found = _read(self._path)
        except OSError:
            # The directory is gone, and with it whoever could write there.
            return True
        return found is None or found["id"] in (self._identity["id"], _NOBODY["id"])

    def leave(self) -> None:
        """May be called twice."""
        self._has_left = True
        _release(self._path, self._identity["id"])


def held(directory: Path, holder: dict[str, Any] | None = None) -> SessionError:
    """That a process writes the run: one that lives, or one that cannot be judged from here."""
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


def is_held(directory: Path, take_over: bool = False) -> bool:
    """Whether a living process writes the run or, unless `take_over`, one that cannot be judged from here."""
    state = liveness(_read(directory / "lock") or {**here(), **_NOBODY})
    return state == "running" or (state == "unknown" and not take_over)


def is_take_over_asked() -> bool:
    """Whether the user says that a holder elsewhere has certainly ended."""
    return os.environ.get(TAKE_OVER_VARIABLE, "") not in ("", "0")


def _why(holder: dict[str, Any]) -> str:
    if holder.get("pidNamespace") is None:
        return "of another boot or another machine (its lock is of an older version)"
    if holder.get("bootId") == here()["bootId"]:
        return f"in another process namespace (a container): {holder['pidNamespace'] or 'unknown'}"
    return "of another boot, or another machine of this name"


def _take(path: Path, take_over: bool) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Several processes may find the same stale lock. Only who holds the lock that is named after it may
    replace it; that one may be stale as well, and is then taken in the same way.

    Returns:
        the lock, None where somebody else holds it; and its holder, or the one that could not be judged and
        from whom it was taken.
    """
    while True:
        since = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        identity = {**own_identity(), "id": str(uuid.uuid4()), "since": since}
        if _place(path, identity, os.link):
            return identity, None
        holder = _read(path)
        if holder is None:
            continue
        state = liveness(holder)
        if state == "running" or (state == "unknown" and not take_over):
            return None, holder
        succession_path = path.with_name(f"{path.name}.{holder['id']}")
        succession, before = _take(succession_path, take_over)
        if succession is None:
            return None, before
        try:
            if (_read(path) or {}).get("id") == holder["id"] and _place(path, identity, os.replace):
                return identity, holder if state == "unknown" else None
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
    """None where there is no file. A lock is put there whole, so that text which is none is what a crash of
    the file system left: it counts as one of nobody, and is replaced."""
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
"""Before the first record: longer than a holder that still lives takes to see that it has lost the lock."""
