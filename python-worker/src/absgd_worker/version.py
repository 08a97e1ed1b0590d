"""The version of this package, and of its protocol (proto/README.md)."""

from __future__ import annotations

VERSION = "0.1.0"

PROTOCOL_MAJOR = 1
PROTOCOL_MINOR = 4


def version_number() -> int:
    """major·10⁶ + minor·10³ + patch, in the header of log files."""
    major, minor, patch = (int(part) for part in VERSION.split("."))
    return major * 1_000_000 + minor * 1_000 + patch
