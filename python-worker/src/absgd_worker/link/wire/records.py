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


INFO_LEVEL = 1
"""The level of a note that is no warning."""


@dataclass(frozen=True)
class Note:
    """One or two sentences for the user, and the position of training."""

    text: str
    position: Position
    level: int = 2


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


OfSamples: TypeAlias = "SampleBatch | SampleInfo | SamplePredictions"
Report: TypeAlias = "OfSamples | StepBatch | Evaluation | CheckpointWritten | Gap | Note | Bye"
Body: TypeAlias = "Report | Joined | Rewind"

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
    Bye: "bye",
}
"""The field of Record for each class of body."""
