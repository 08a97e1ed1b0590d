"""The bodies of a worker's records. Their fields are documented in proto/absgd/v1/report.proto, record.proto.

Arrays are little-endian bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from absgd_worker.link.wire.messages import Bye, Hello, Position


class GapReason(IntEnum):
    """Why samples were not kept. The numbers are those of the protocol."""

    QUOTA = 1
    SPOOL = 2
    SIZE = 3


@dataclass(frozen=True)
class Weighing:
    """The statistics of one weighed loss, as columns by the names in report.proto."""

    name: str
    columns: Mapping[str, bytes]


@dataclass(frozen=True)
class StepBatch:
    attempt: int
    first_step: int
    count: int
    controls: Mapping[str, bytes]
    weighings: Sequence[Weighing]
    metrics: Mapping[str, bytes]
    step_seconds: bytes
    waits: int
    without_main: bool = False
    """Whether these steps do not have the main loss of the run."""


@dataclass(frozen=True)
class StepSamples:
    step: int
    n: int
    losses: bytes
    weights: bytes
    indices: bytes
    labels: bytes = b""
    weighing: str = ""
    """Empty for "loss"."""


@dataclass(frozen=True)
class SampleBatch:
    attempt: int
    steps: Sequence[StepSamples]


@dataclass(frozen=True)
class SampleInfo:
    first_index: int
    count: int
    labels: bytes = b""
    true_labels: bytes = b""
    ids: Sequence[str] = ()


@dataclass(frozen=True)
class SamplePredictions:
    attempt: int
    step: int
    first_index: int
    count: int
    labels: bytes
    label_probabilities: bytes = b""


@dataclass(frozen=True)
class Evaluation:
    attempt: int
    step: int
    split: str
    metrics: Mapping[str, float]
    num_classes: int
    confusion: bytes
    seconds: float


@dataclass(frozen=True)
class CheckpointWritten:
    position: Position
    path: str
    sha256: str
    bytes: int
    seconds: float
    deleted: Sequence[str] = ()


@dataclass(frozen=True)
class Gap:
    attempt: int
    first_step: int
    reason: GapReason


INFO_LEVEL, WARNING_LEVEL = 1, 2
"""Levels of a note, as in record.proto."""


@dataclass(frozen=True)
class Note:
    """One or two sentences for the user, and the position of training."""

    text: str
    position: Position
    level: int = WARNING_LEVEL


@dataclass(frozen=True)
class Joined:
    """Written by a worker without a controller: describes the process that trains."""

    hello: Hello
    attempt: int


@dataclass(frozen=True)
class Rewind:
    """Written by a worker without a controller that continues an earlier run."""

    attempt: int
    to_step: int
    cause: str = "resume"


@dataclass(frozen=True)
class Change:
    """A control from a step on: a schedule that begins there, or a factor of what it would be."""

    control: str
    schedule: str
    """Empty for a factor."""
    factor: float
    at: Position


@dataclass(frozen=True)
class EditRequested:
    """Written without a controller: a recipe, or its guard, changes a control."""

    id: str
    by: str
    why: str
    change: Change
    position: Position


@dataclass(frozen=True)
class EditMade:
    """The change is in effect. `before`, `after`: the control's value at its step without and with it."""

    id: str
    by: str
    change: Change
    before: float
    after: float


@dataclass(frozen=True)
class EditSettled:
    """The first step of the change has its value."""

    id: str
    step: int
    message: str


OfSamples: TypeAlias = "SampleBatch | SampleInfo | SamplePredictions"
Report: TypeAlias = "OfSamples | StepBatch | Evaluation | CheckpointWritten | Gap | Note | Bye"
Body: TypeAlias = "Report | Joined | Rewind | EditRequested | EditMade | EditSettled"

FIELDS: dict[type, str] = {
    StepBatch: "step_batch",
    SampleBatch: "sample_batch",
    Evaluation: "evaluation",
    SampleInfo: "sample_info",
    SamplePredictions: "sample_predictions",
    CheckpointWritten: "checkpoint_written",
    Gap: "gap",
    Note: "note",
    Joined: "worker_joined",
    Rewind: "rewind",
    EditRequested: "requested",
    EditMade: "edited",
    EditSettled: "settled",
    Bye: "bye",
}
"""The field of Record for each class of body."""
