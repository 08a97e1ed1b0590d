from absgd_worker.gen import command_pb2 as _command_pb2
from absgd_worker.gen import common_pb2 as _common_pb2
from absgd_worker.gen import plan_pb2 as _plan_pb2
from absgd_worker.gen import report_pb2 as _report_pb2
from absgd_worker.gen import session_pb2 as _session_pb2
from absgd_worker.gen import stream_pb2 as _stream_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUN_STATUS_UNSPECIFIED: _ClassVar[RunStatus]
    RUN_STATUS_COMPLETED: _ClassVar[RunStatus]
    RUN_STATUS_STOPPED: _ClassVar[RunStatus]
    RUN_STATUS_FAILED: _ClassVar[RunStatus]
    RUN_STATUS_RESUMABLE: _ClassVar[RunStatus]
    RUN_STATUS_INTERRUPTED: _ClassVar[RunStatus]
RUN_STATUS_UNSPECIFIED: RunStatus
RUN_STATUS_COMPLETED: RunStatus
RUN_STATUS_STOPPED: RunStatus
RUN_STATUS_FAILED: RunStatus
RUN_STATUS_RESUMABLE: RunStatus
RUN_STATUS_INTERRUPTED: RunStatus

class Record(_message.Message):
    __slots__ = ("origin", "incarnation", "seq", "time_ms", "covered", "step_batch", "sample_batch", "evaluation", "sample_info", "checkpoint_written", "gap", "plan", "plan_ack", "controller_started", "worker_joined", "worker_left", "progress", "requested", "settled", "rewind", "note", "summary", "run_ended", "bye", "sample_predictions", "edited", "decided")
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    COVERED_FIELD_NUMBER: _ClassVar[int]
    STEP_BATCH_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_BATCH_FIELD_NUMBER: _ClassVar[int]
    EVALUATION_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_INFO_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_WRITTEN_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_ACK_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_STARTED_FIELD_NUMBER: _ClassVar[int]
    WORKER_JOINED_FIELD_NUMBER: _ClassVar[int]
    WORKER_LEFT_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    REWIND_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    RUN_ENDED_FIELD_NUMBER: _ClassVar[int]
    BYE_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    EDITED_FIELD_NUMBER: _ClassVar[int]
    DECIDED_FIELD_NUMBER: _ClassVar[int]
    origin: str
    incarnation: int
    seq: int
    time_ms: int
    covered: Covered
    step_batch: _report_pb2.StepBatch
    sample_batch: _report_pb2.SampleBatch
    evaluation: _report_pb2.Evaluation
    sample_info: _report_pb2.SampleInfo
    checkpoint_written: CheckpointWritten
    gap: _report_pb2.Gap
    plan: _plan_pb2.Plan
    plan_ack: _plan_pb2.PlanAck
    controller_started: ControllerStarted
    worker_joined: WorkerJoined
    worker_left: WorkerLeft
    progress: _session_pb2.Progress
    requested: Requested
    settled: Settled
    rewind: Rewind
    note: Note
    summary: Summary
    run_ended: RunEnded
    bye: _session_pb2.Bye
    sample_predictions: _report_pb2.SamplePredictions
    edited: Edited
    decided: Decided
    def __init__(self, origin: _Optional[str] = ..., incarnation: _Optional[int] = ..., seq: _Optional[int] = ..., time_ms: _Optional[int] = ..., covered: _Optional[_Union[Covered, _Mapping]] = ..., step_batch: _Optional[_Union[_report_pb2.StepBatch, _Mapping]] = ..., sample_batch: _Optional[_Union[_report_pb2.SampleBatch, _Mapping]] = ..., evaluation: _Optional[_Union[_report_pb2.Evaluation, _Mapping]] = ..., sample_info: _Optional[_Union[_report_pb2.SampleInfo, _Mapping]] = ..., checkpoint_written: _Optional[_Union[CheckpointWritten, _Mapping]] = ..., gap: _Optional[_Union[_report_pb2.Gap, _Mapping]] = ..., plan: _Optional[_Union[_plan_pb2.Plan, _Mapping]] = ..., plan_ack: _Optional[_Union[_plan_pb2.PlanAck, _Mapping]] = ..., controller_started: _Optional[_Union[ControllerStarted, _Mapping]] = ..., worker_joined: _Optional[_Union[WorkerJoined, _Mapping]] = ..., worker_left: _Optional[_Union[WorkerLeft, _Mapping]] = ..., progress: _Optional[_Union[_session_pb2.Progress, _Mapping]] = ..., requested: _Optional[_Union[Requested, _Mapping]] = ..., settled: _Optional[_Union[Settled, _Mapping]] = ..., rewind: _Optional[_Union[Rewind, _Mapping]] = ..., note: _Optional[_Union[Note, _Mapping]] = ..., summary: _Optional[_Union[Summary, _Mapping]] = ..., run_ended: _Optional[_Union[RunEnded, _Mapping]] = ..., bye: _Optional[_Union[_session_pb2.Bye, _Mapping]] = ..., sample_predictions: _Optional[_Union[_report_pb2.SamplePredictions, _Mapping]] = ..., edited: _Optional[_Union[Edited, _Mapping]] = ..., decided: _Optional[_Union[Decided, _Mapping]] = ...) -> None: ...

class Covered(_message.Message):
    __slots__ = ("number", "parts")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    number: int
    parts: int
    def __init__(self, number: _Optional[int] = ..., parts: _Optional[int] = ...) -> None: ...

class ControllerStarted(_message.Message):
    __slots__ = ("version", "pid", "manifest_json")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_JSON_FIELD_NUMBER: _ClassVar[int]
    version: str
    pid: int
    manifest_json: str
    def __init__(self, version: _Optional[str] = ..., pid: _Optional[int] = ..., manifest_json: _Optional[str] = ...) -> None: ...

class WorkerJoined(_message.Message):
    __slots__ = ("hello", "lease_epoch", "attempt", "run_steps")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    LEASE_EPOCH_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    RUN_STEPS_FIELD_NUMBER: _ClassVar[int]
    hello: _session_pb2.Hello
    lease_epoch: int
    attempt: int
    run_steps: int
    def __init__(self, hello: _Optional[_Union[_session_pb2.Hello, _Mapping]] = ..., lease_epoch: _Optional[int] = ..., attempt: _Optional[int] = ..., run_steps: _Optional[int] = ...) -> None: ...

class WorkerLeft(_message.Message):
    __slots__ = ("exit_code", "signal", "last_lines", "position")
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    LAST_LINES_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    exit_code: int
    signal: str
    last_lines: str
    position: _common_pb2.Position
    def __init__(self, exit_code: _Optional[int] = ..., signal: _Optional[str] = ..., last_lines: _Optional[str] = ..., position: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class CheckpointWritten(_message.Message):
    __slots__ = ("position", "path", "sha256", "bytes", "seconds", "deleted")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    position: _common_pb2.Position
    path: str
    sha256: str
    bytes: int
    seconds: float
    deleted: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, position: _Optional[_Union[_common_pb2.Position, _Mapping]] = ..., path: _Optional[str] = ..., sha256: _Optional[str] = ..., bytes: _Optional[int] = ..., seconds: _Optional[float] = ..., deleted: _Optional[_Iterable[str]] = ...) -> None: ...

class Requested(_message.Message):
    __slots__ = ("request", "position")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    request: _command_pb2.Request
    position: _common_pb2.Position
    def __init__(self, request: _Optional[_Union[_command_pb2.Request, _Mapping]] = ..., position: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class Settled(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: _command_pb2.RequestResult
    def __init__(self, result: _Optional[_Union[_command_pb2.RequestResult, _Mapping]] = ...) -> None: ...

class Rewind(_message.Message):
    __slots__ = ("attempt", "to_step", "cause")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    TO_STEP_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    to_step: int
    cause: str
    def __init__(self, attempt: _Optional[int] = ..., to_step: _Optional[int] = ..., cause: _Optional[str] = ...) -> None: ...

class Note(_message.Message):
    __slots__ = ("level", "text", "position")
    class Level(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        LEVEL_UNSPECIFIED: _ClassVar[Note.Level]
        LEVEL_INFO: _ClassVar[Note.Level]
        LEVEL_WARNING: _ClassVar[Note.Level]
    LEVEL_UNSPECIFIED: Note.Level
    LEVEL_INFO: Note.Level
    LEVEL_WARNING: Note.Level
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    level: Note.Level
    text: str
    position: _common_pb2.Position
    def __init__(self, level: _Optional[_Union[Note.Level, str]] = ..., text: _Optional[str] = ..., position: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class Summary(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[_common_pb2.Value]
    def __init__(self, values: _Optional[_Iterable[_Union[_common_pb2.Value, _Mapping]]] = ...) -> None: ...

class RunEnded(_message.Message):
    __slots__ = ("status", "reason", "detail", "position")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    status: RunStatus
    reason: str
    detail: str
    position: _common_pb2.Position
    def __init__(self, status: _Optional[_Union[RunStatus, str]] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ..., position: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class Edited(_message.Message):
    __slots__ = ("request", "by", "position", "control", "schedule", "factor", "before", "after")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    request: str
    by: str
    position: _common_pb2.Position
    control: str
    schedule: str
    factor: float
    before: float
    after: float
    def __init__(self, request: _Optional[str] = ..., by: _Optional[str] = ..., position: _Optional[_Union[_common_pb2.Position, _Mapping]] = ..., control: _Optional[str] = ..., schedule: _Optional[str] = ..., factor: _Optional[float] = ..., before: _Optional[float] = ..., after: _Optional[float] = ...) -> None: ...

class Decided(_message.Message):
    __slots__ = ("control", "position", "value", "state_json", "saturated", "mark")
    class Bound(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        BOUND_UNSPECIFIED: _ClassVar[Decided.Bound]
        BOUND_MIN: _ClassVar[Decided.Bound]
        BOUND_MAX: _ClassVar[Decided.Bound]
    BOUND_UNSPECIFIED: Decided.Bound
    BOUND_MIN: Decided.Bound
    BOUND_MAX: Decided.Bound
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    STATE_JSON_FIELD_NUMBER: _ClassVar[int]
    SATURATED_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    control: str
    position: _common_pb2.Position
    value: float
    state_json: str
    saturated: Decided.Bound
    mark: str
    def __init__(self, control: _Optional[str] = ..., position: _Optional[_Union[_common_pb2.Position, _Mapping]] = ..., value: _Optional[float] = ..., state_json: _Optional[str] = ..., saturated: _Optional[_Union[Decided.Bound, str]] = ..., mark: _Optional[str] = ...) -> None: ...
