"""Which records of the shared memory a frame of telemetry covers (record.proto, `covered`)."""

from __future__ import annotations

from typing import NamedTuple


class Covered(NamedTuple):
    """The records before `number` are in the stream, and `parts` of that record. Greater is later."""

    number: int = 0
    parts: int = 0
    """`WHOLE` if all of it is."""


WHOLE = 0xFFFF_FFFF

NOTHING_COVERED = Covered()
