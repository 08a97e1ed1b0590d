"""The identity of a process in the lock of a run: distinguishes it from a later process with the same pid.

The rules are those of src/process/identity.ts; proto/golden/locks.json has cases for both.
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
    """The identity of this process: `pid`, machine, and `processStart` (empty where it is slow to read)."""
    fields = process_fields(os.getpid())
    return {"pid": os.getpid(), "processStart": fields[19] if fields else "", **here()}


def liveness(identity: Mapping[str, Any]) -> str:
    """Whether that process lives: "running", "gone", or "unknown" if it cannot be known from here.

    Without a known start time only the pid is compared.
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
        # It lives, and belongs to another user.
        pass
    fields = process_fields(pid)
    # A process that has ended stays in the list until its parent waits for it.
    runs = not fields or (fields[0] not in ("Z", "X") and start in ("", fields[19]))
    return "running" if runs else "gone"


def place_verdict(place: Mapping[str, Any], at: Mapping[str, str]) -> str:
    """Judges whether a process may be alive by its machine, boot and process namespace, without its pid.

    Returns:
        "look": its pid can be looked up here; "gone": it ended with an earlier boot of this machine;
        "unknown": neither. src/process/identity.ts explains the rules.
    """
    boot, namespace = place.get("bootId"), place.get("pidNamespace")
    is_same_boot = boot == at["bootId"]
    is_known_boot = UNKNOWN not in (boot, at["bootId"])
    # Written by a version that recorded only the boot.
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
    """The boot, name and id of this machine, and the process namespace of this process."""
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
        return _output_of("sysctl", "-n", "kern.bootsessionuuid").strip()
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN


def _machine() -> str:
    """A hash of the machine's id, since others may read the lock file; empty if there is none."""
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
        text = _output_of("ioreg", "-rd1", "-c", "IOPlatformExpertDevice")
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


def _output_of(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def process_fields(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the third on; the second is a name with any characters."""
    if sys.platform != "linux":
        return []
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


UNKNOWN = "unknown"
"""The boot, if the system does not give one."""

WHOLE_MACHINE = ("pid:[4026531836]", "none")
"""The first namespace of every Linux, whose number is fixed, and that of systems without namespaces."""
