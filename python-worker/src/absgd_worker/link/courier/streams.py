"""What telemetry is made of: items from training, and the storage of frames."""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypeAlias

from absgd_worker.link.ring.step_row import StepRow
from absgd_worker.link.wire.covered import Covered
from absgd_worker.link.wire.messages import CommandResult, PlanAck
from absgd_worker.link.wire.records import Body


class Numbered(NamedTuple):
    """An item from training that is no step, and the number of its record in the shared memory."""

    number: int
    item: Body | CommandResult | PlanAck


FromRing: TypeAlias = "StepRow | Numbered"


class Frames(Protocol):
    """The storage of a stream of frames: a spool, or a log file."""

    last: int
    acked: int

    @property
    def size(self) -> int: ...
    @property
    def is_refused(self) -> bool: ...
    @property
    def forgotten(self) -> int: ...
    @property
    def covered(self) -> Covered:
        """What the last frame covers of the records in the shared memory."""
        ...

    def append(self, payload: bytes) -> int: ...
    def take_back(self, _seq: int, /) -> None: ...
    def read(self, _seq: int, /) -> bytes | None: ...
    def acknowledge(self, _seq: int, /) -> None: ...
    def sync(self) -> bool:
        """Syncs every frame to disk. Returns False if the disk refuses that."""
        ...

    def close(self) -> None: ...
