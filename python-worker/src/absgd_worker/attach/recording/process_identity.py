"""What tells a process from another one that has its pid after it, as the locks of runs have it.

The same rules as src/process/identity.ts; the cases of both are in proto/golden/locks.json.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any


def own_identity() -> dict[str, Any]:
    """Of this process: `pid`, its place, and `processStart`, empty where only a costly call would tell."""
    fields = _fields(os.getpid())
    return {"pid": os.getpid(), "processStart": fields[19] if fields else "", **here()}


def liveness(identity: Mapping[str, Any]) -> str:
    """Whether that very process lives: "running", "gone", or "unknown" where nothing here can tell.

    Where no start is known, its pid has to do.
    """
    verdict = place_verdict(identity, here())
    if verdict != "look":
        return verdict
    pid, start = identity.get("pid"), identity.get("processStart")
    if not isinstance(pid, int) or pid < 1:
        return "gone"
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return "gone"
    except PermissionError:
        # It lives, and is another user's.
        pass
    fields = _fields(pid)
    # One that has ended may still be listed, until its parent takes notice.
    runs = not fields or (fields[0] not in ("Z", "X") and start in ("", fields[19]))
    return "running" if runs else "gone"


def place_verdict(place: Mapping[str, Any], at: Mapping[str, str]) -> str:
    """What can be said of a process of `place` before anything is looked at.

    Returns:
        "look": its pid can be looked at here; "gone": it went with an earlier boot of this machine;
        "unknown": neither. Why: src/process/identity.ts.
    """
    boot, namespace = place.get("bootId"), place.get("pidNamespace")
    is_same_boot = boot == at["bootId"]
    is_known_boot = UNKNOWN not in (boot, at["bootId"])
    # A version that recorded the boot alone.
    if namespace is None:
        return "look" if is_same_boot else "unknown"
    if is_known_boot and is_same_boot:
        return "look" if namespace and namespace == at["pidNamespace"] else "unknown"
    is_same_machine = (
        at["machineId"] != ""
        and place.get("machineId") == at["machineId"]
        and place.get("host") == at["host"]
        and namespace in WHOLE_MACHINE
        and at["pidNamespace"] in WHOLE_MACHINE
    )
    if not is_same_machine:
        return "unknown"
    if is_known_boot:
        return "gone"
    return "look" if is_same_boot else "unknown"


def here() -> dict[str, str]:
    """Where this process runs: its machine's boot, name and id, and its process namespace."""
    return dict(_here())


@lru_cache(maxsize=1)
def _here() -> Mapping[str, str]:
    return {
        "bootId": _boot(),
        "host": os.uname().nodename,
        "machineId": _machine(),
        "pidNamespace": _namespace(),
    }


def _boot() -> str:
    try:
        if sys.platform == "linux":
            return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return _said_by("sysctl", "-n", "kern.bootsessionuuid").strip()
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN


def _machine() -> str:
    """Hashed: a machine's own id is not to be told to whoever can read a file of ours."""
    found = _machine_file() if sys.platform == "linux" else _platform_uuid()
    return hashlib.sha256(f"absgd {found}".encode()).hexdigest()[:32] if found else ""


def _machine_file() -> str:
    for file in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        try:
            text = Path(file).read_text().strip()
        except (OSError, ValueError):
            continue
        if re.fullmatch(r"[0-9a-f]{32}", text):
            return text
    return ""


def _platform_uuid() -> str:
    try:
        text = _said_by("ioreg", "-rd1", "-c", "IOPlatformExpertDevice")
    except (OSError, subprocess.CalledProcessError):
        return ""
    found = re.search(r'"IOPlatformUUID" = "([^"]+)"', text)
    return "" if found is None else found[1]


def _namespace() -> str:
    if sys.platform != "linux":
        return "none"
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _said_by(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _fields(pid: int) -> list[str]:
    """Of /proc/<pid>/stat from the third on: the second is a name in brackets that may contain anything."""
    if sys.platform != "linux":
        return []
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


UNKNOWN = "unknown"
"""The boot, where the system does not tell."""

WHOLE_MACHINE = ("pid:[4026531836]", "none")
"""The namespace that every Linux begins with (the kernel fixes its number), and systems without others."""
