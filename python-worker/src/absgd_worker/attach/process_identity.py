"""What tells a process from another one that has its pid after it, as the locks of runs have it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any


def own_identity() -> dict[str, Any]:
    """Of this process: `pid`, `bootId`, and `processStart`, empty where only a costly call would tell."""
    fields = _fields(os.getpid())
    return {"pid": os.getpid(), "bootId": _boot(), "processStart": fields[19] if fields else ""}


def is_running(identity: Mapping[str, Any]) -> bool:
    """Whether that very process lives. Where no start is known, its pid has to do."""
    pid, start = identity.get("pid"), identity.get("processStart")
    if not isinstance(pid, int) or pid < 1 or identity.get("bootId") != _boot():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # It lives, and is another user's.
        pass
    fields = _fields(pid)
    # One that has ended may still be listed, until its parent takes notice.
    return not fields or (fields[0] not in ("Z", "X") and start in ("", fields[19]))


@lru_cache(maxsize=1)
def _boot() -> str:
    """Of the machine's present boot; "unknown" where the system does not tell."""
    try:
        if sys.platform == "linux":
            return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        command = ["sysctl", "-n", "kern.bootsessionuuid"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _fields(pid: int) -> list[str]:
    """Of /proc/<pid>/stat from the third on: the second is a name in brackets that may contain anything."""
    if sys.platform != "linux":
        return []
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
