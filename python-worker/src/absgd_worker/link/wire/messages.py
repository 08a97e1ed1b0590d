"""The messages of the control socket. Their fields are documented in proto/absgd/v1."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, TypeAlias

from absgd_worker.weights.presets import Rule

# The numbers of the enums are those of the protocol.


class Phase(IntEnum):
    """The current activity of the training thread."""

    STARTING = 1
    TRAINING = 2
    PAUSED = 3
    WAITING = 4
    EVALUATING = 5
    CHECKPOINTING = 6
    ENDING = 7


class Reason(IntEnum):
    """How a worker's session ended."""

    COMPLETED = 1
    STOPPED = 2
    FAILED = 3
    ORPHANED = 4
    LOST = 5
    """The process that trained ended without a Bye; its courier says so."""


class EventKind(IntEnum):
    """An action right after a step; several actions at one step are done in this order."""

    EVALUATE = 1
    CHECKPOINT = 2


class RejectCode(IntEnum):
    """Why a peer was refused or cut off."""

    PROTOCOL = 1
    LEASE_HELD = 2
    WRONG_RUN = 3
    NO_LEASE = 4
    MALFORMED = 5


class Position(NamedTuple):
    """`step` steps are done in `attempt`, which is 0 before the first Welcome."""

    attempt: int
    step: int


class Acked(NamedTuple):
    """Sequence numbers of telemetry, per stream; 0 for none."""

    steps: int = 0
    samples: int = 0


NONE_ACKED = Acked()


# From the controller.

_DEFAULT_RULE = Rule()


@dataclass(frozen=True)
class Welcome:
    run: str
    attempt: int
    lease_epoch: int
    params_json: str
    acked: Acked
    sample_every: int
    sample_quota_bytes: int
    orphan_limit_seconds: float
    keep_checkpoints: int
    restore_path: str = ""
    restore_sha256: str = ""
    run_steps: int = 0
    weighting: Rule = _DEFAULT_RULE


@dataclass(frozen=True)
class Reject:
    code: int
    hint: str


@dataclass(frozen=True)
class Plan:
    """Rows for the steps [first_step, first_step + count); a column has `count` values or one for all."""

    lease_epoch: int
    plan_seq: int
    attempt: int
    first_step: int
    count: int
    columns: Mapping[str, array[float]]
    events: Sequence[tuple[int, EventKind]] = ()
    run_steps: int = 0


@dataclass(frozen=True)
class Pause:
    pass


@dataclass(frozen=True)
class Resume:
    pass


@dataclass(frozen=True)
class StepOn:
    steps: int


@dataclass(frozen=True)
class Checkpoint:
    automatic: bool = False


@dataclass(frozen=True)
class Restore:
    path: str
    sha256: str
    attempt: int


@dataclass(frozen=True)
class Evaluate:
    pass


@dataclass(frozen=True)
class Stop:
    checkpoint: bool


Action: TypeAlias = "Pause | Resume | StepOn | Checkpoint | Restore | Evaluate | Stop"


@dataclass(frozen=True)
class Command:
    lease_epoch: int
    id: str
    action: Action


@dataclass(frozen=True)
class TelemetryAck:
    incarnation: int
    acked: Acked


@dataclass(frozen=True)
class Released:
    pass


@dataclass(frozen=True)
class Abort:
    """The worker must end: the controller refuses it, or its courier failed (`is_internal`)."""

    message: str
    is_internal: bool = False


FromController: TypeAlias = "Welcome | Reject | Plan | Command | TelemetryAck | Released"


# To the controller.


@dataclass(frozen=True)
class Hello:
    run: str
    peer: str
    incarnation: int
    pid: int
    steps_per_epoch: int
    dataset_size: int
    num_classes: int
    position: Position
    planned_through: int
    versions: Mapping[str, str]
    device: str
    initial: Mapping[str, float]
    batch_size: int
    forgotten: Acked = NONE_ACKED
    """Telemetry that the worker cannot send any more: an earlier controller acknowledged it."""
    courier_pid: int = 0
    """The process id of the courier; 0 without one."""


@dataclass(frozen=True)
class Progress:
    position: Position
    phase: Phase
    waits: int
    waited_seconds: float


@dataclass(frozen=True)
class PlanAck:
    plan_seq: int
    attempt: int
    effective_from: int


@dataclass(frozen=True)
class CommandResult:
    id: str
    ok: bool
    step: int
    message: str
    follows: int = 0
    """Sequence of the last record of steps before this result; `Telemetry` sets it."""


@dataclass(frozen=True)
class Bye:
    reason: Reason
    position: Position
    message: str = ""
    traceback: str = ""
    sent: Acked = NONE_ACKED


ToController: TypeAlias = "Hello | Progress | PlanAck | CommandResult | Bye"
