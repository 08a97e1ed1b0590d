"""The layout of the shared memory: words of 8 bytes, a table of names, and two rings.

Each word has one writer. A word is written as a whole, but processors may show writes in another order than
that in which they were made: what a word says about a ring is only believed if the record itself agrees.
"""

from __future__ import annotations

import struct
from enum import IntEnum

MAGIC = int.from_bytes(b"ABSGDRNG", "little")

VERSION = 1
"""Of this layout and of the records in it. Both processes run the same version of this package; a courier
that recovers the memory of dead processes may not."""


class Word(IntEnum):
    """The number of each word, and who writes it."""

    # Both, before the courier begins.
    MAGIC = 0
    VERSION = 1

    # The process that trains.
    UP_HEAD = 8
    """Bytes that were ever written into the ring up, counted on from the start."""
    UP_SEQ = 9
    """The number of the last record up, from 1."""
    DOWN_TAIL = 10
    """Bytes that were ever read from the ring down."""
    POSITION = 11
    """Attempt and step, see `pack_position`."""
    PHASE = 12
    WAITS = 13
    WAITED = 14
    """Nanoseconds."""
    PLANNED_THROUGH = 15
    RUN_STEPS = 16
    FLUSH = 17
    """Raised to have the courier read and send at once."""
    CLOSED = 18
    """1: training is over, and the courier is to end."""
    TRAINING_PID = 19
    NAMES = 20
    """Bytes of the table of names that are in use."""
    ADMITTED = 22
    """1 once training has accepted a Welcome of the controller."""
    OVERFLOW = 21
    """The number of the file in which records up go on, from 1; 0 while they fit into the ring."""

    # The courier.
    UP_TAIL = 32
    """Bytes of the ring up that may be written again: all they say is on disk, or was sent."""
    SPOOLED = 33
    """The number of the last record up of which everything is in the spool or in the log."""
    SYNCED_CHECKPOINT = 34
    """The number of the last record up of a checkpoint that is synced to disk."""
    DOWN_HEAD = 35
    """Bytes that were ever written into the ring down."""
    HEARTBEAT = 36
    """`time.monotonic_ns` of the last turn."""
    HEARD = 37
    """`time.monotonic_ns` of the controller's last message."""
    COURIER_PID = 38
    STATE = 39
    FLUSHED = 40
    """The value of FLUSH that the last turn has seen."""


class State(IntEnum):
    """What the courier does."""

    STARTING = 0
    RUNNING = 1
    DONE = 2
    """All is delivered or safely on disk."""
    FAILED = 3
    """It cannot run here: `zmq` does not import, for instance."""


NAMES_START = 1024
NAMES_BYTES = 256 * 1024 - NAMES_START
DOWN_START = NAMES_START + NAMES_BYTES
DOWN_BYTES = 2 << 20
UP_START = DOWN_START + DOWN_BYTES
UP_BYTES = (8 << 20) - UP_START
SIZE = 8 << 20
"""Bytes in all."""


def pack_position(attempt: int, step: int) -> int:
    """One word for both, so that no reader sees the attempt of one and the step of another position."""
    return attempt << 44 | step


def unpack_position(word: int) -> tuple[int, int]:
    """The attempt, and the steps done in it."""
    return word >> 44, word & (1 << 44) - 1


HEAD = struct.Struct("<IIQHHI")
"""Of a record in a ring, of an entry in the table of names and of a record in an overflow file: bytes of the
payload, CRC-32 of all that follows, number, kind, schema, and 0."""

CRC = struct.Struct("<I")


class Kind(IntEnum):
    """What a record holds."""

    SKIP = 0
    """Nothing: the ring goes on at its start."""
    STEP = 1
    """`step_record.py`."""
    PLAIN = 2
    """`plain.py`."""
