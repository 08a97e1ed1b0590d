"""What a training process tells its courier to do. It is the first text in the table of names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from absgd_worker.link.wire.messages import Hello


@dataclass(frozen=True)
class ServeController:
    """Serve a controller, and keep what it does not have yet in a spool."""

    endpoints: tuple[str, str]
    """Of the control socket and of the telemetry socket."""
    spool: str
    """The directory of the spool, and of records that the ring has no room for."""
    prefix: str
    """How the names of the courier's own files in `spool` begin."""
    origin: str
    hello: Hello
    samples: Mapping[str, Any] | None = None
    """See `open_samples`."""


@dataclass(frozen=True)
class WriteLog:
    """Write the log of a run without a controller."""

    directory: str
    """Of the run."""
    spool: str
    prefix: str
    origin: str
    incarnation: int
    lock: Mapping[str, Any]
    """The training process's lock of the run: once the lock is another's, nothing more is written."""
    limit: int
    """Bytes of the log above which samples are not recorded."""
