from absgd_worker.gen import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_WORKER: _ClassVar[Role]
    ROLE_OPERATOR: _ClassVar[Role]

class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PHASE_UNSPECIFIED: _ClassVar[Phase]
    PHASE_STARTING: _ClassVar[Phase]
    PHASE_TRAINING: _ClassVar[Phase]
    PHASE_PAUSED: _ClassVar[Phase]
    PHASE_WAITING: _ClassVar[Phase]
    PHASE_EVALUATING: _ClassVar[Phase]
    PHASE_CHECKPOINTING: _ClassVar[Phase]
    PHASE_ENDING: _ClassVar[Phase]

class RejectCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REJECT_CODE_UNSPECIFIED: _ClassVar[RejectCode]
    REJECT_CODE_PROTOCOL: _ClassVar[RejectCode]
    REJECT_CODE_LEASE_HELD: _ClassVar[RejectCode]
    REJECT_CODE_WRONG_RUN: _ClassVar[RejectCode]
    REJECT_CODE_NO_LEASE: _ClassVar[RejectCode]
    REJECT_CODE_MALFORMED: _ClassVar[RejectCode]

class ByeReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BYE_REASON_UNSPECIFIED: _ClassVar[ByeReason]
    BYE_REASON_COMPLETED: _ClassVar[ByeReason]
    BYE_REASON_STOPPED: _ClassVar[ByeReason]
    BYE_REASON_FAILED: _ClassVar[ByeReason]
    BYE_REASON_ORPHANED: _ClassVar[ByeReason]
    BYE_REASON_LOST: _ClassVar[ByeReason]

class WeightingPreset(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WEIGHTING_PRESET_UNSPECIFIED: _ClassVar[WeightingPreset]
    WEIGHTING_PRESET_DEFAULT: _ClassVar[WeightingPreset]
    WEIGHTING_PRESET_PAPER: _ClassVar[WeightingPreset]
    WEIGHTING_PRESET_REFERENCE: _ClassVar[WeightingPreset]
ROLE_UNSPECIFIED: Role
ROLE_WORKER: Role
ROLE_OPERATOR: Role
PHASE_UNSPECIFIED: Phase
PHASE_STARTING: Phase
PHASE_TRAINING: Phase
PHASE_PAUSED: Phase
PHASE_WAITING: Phase
PHASE_EVALUATING: Phase
PHASE_CHECKPOINTING: Phase
PHASE_ENDING: Phase
REJECT_CODE_UNSPECIFIED: RejectCode
REJECT_CODE_PROTOCOL: RejectCode
REJECT_CODE_LEASE_HELD: RejectCode
REJECT_CODE_WRONG_RUN: RejectCode
REJECT_CODE_NO_LEASE: RejectCode
REJECT_CODE_MALFORMED: RejectCode
BYE_REASON_UNSPECIFIED: ByeReason
BYE_REASON_COMPLETED: ByeReason
BYE_REASON_STOPPED: ByeReason
BYE_REASON_FAILED: ByeReason
BYE_REASON_ORPHANED: ByeReason
BYE_REASON_LOST: ByeReason
WEIGHTING_PRESET_UNSPECIFIED: WeightingPreset
WEIGHTING_PRESET_DEFAULT: WeightingPreset
WEIGHTING_PRESET_PAPER: WeightingPreset
WEIGHTING_PRESET_REFERENCE: WeightingPreset

class Hello(_message.Message):
    __slots__ = ("protocol_major", "protocol_minor", "role", "run", "peer", "incarnation", "pid", "steps_per_epoch", "dataset_size", "num_classes", "position", "planned_through", "versions", "device", "initial", "batch_size", "forgotten", "courier_pid")
    PROTOCOL_MAJOR_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_MINOR_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    STEPS_PER_EPOCH_FIELD_NUMBER: _ClassVar[int]
    DATASET_SIZE_FIELD_NUMBER: _ClassVar[int]
    NUM_CLASSES_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    PLANNED_THROUGH_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    INITIAL_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_FIELD_NUMBER: _ClassVar[int]
    COURIER_PID_FIELD_NUMBER: _ClassVar[int]
    protocol_major: int
    protocol_minor: int
    role: Role
    run: str
    peer: str
    incarnation: int
    pid: int
    steps_per_epoch: int
    dataset_size: int
    num_classes: int
    position: _common_pb2.Position
    planned_through: int
    versions: _containers.RepeatedCompositeFieldContainer[Version]
    device: str
    initial: _containers.RepeatedCompositeFieldContainer[_common_pb2.Value]
    batch_size: int
    forgotten: Acked
    courier_pid: int
    def __init__(self, protocol_major: _Optional[int] = ..., protocol_minor: _Optional[int] = ..., role: _Optional[_Union[Role, str]] = ..., run: _Optional[str] = ..., peer: _Optional[str] = ..., incarnation: _Optional[int] = ..., pid: _Optional[int] = ..., steps_per_epoch: _Optional[int] = ..., dataset_size: _Optional[int] = ..., num_classes: _Optional[int] = ..., position: _Optional[_Union[_common_pb2.Position, _Mapping]] = ..., planned_through: _Optional[int] = ..., versions: _Optional[_Iterable[_Union[Version, _Mapping]]] = ..., device: _Optional[str] = ..., initial: _Optional[_Iterable[_Union[_common_pb2.Value, _Mapping]]] = ..., batch_size: _Optional[int] = ..., forgotten: _Optional[_Union[Acked, _Mapping]] = ..., courier_pid: _Optional[int] = ...) -> None: ...

class OperatorHello(_message.Message):
    __slots__ = ("protocol_major", "protocol_minor", "run", "name")
    PROTOCOL_MAJOR_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_MINOR_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    protocol_major: int
    protocol_minor: int
    run: str
    name: str
    def __init__(self, protocol_major: _Optional[int] = ..., protocol_minor: _Optional[int] = ..., run: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class OperatorWelcome(_message.Message):
    __slots__ = ("run", "protocol_major", "protocol_minor")
    RUN_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_MAJOR_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_MINOR_FIELD_NUMBER: _ClassVar[int]
    run: str
    protocol_major: int
    protocol_minor: int
    def __init__(self, run: _Optional[str] = ..., protocol_major: _Optional[int] = ..., protocol_minor: _Optional[int] = ...) -> None: ...

class Version(_message.Message):
    __slots__ = ("name", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("run", "attempt", "lease_epoch", "params_json", "acked", "samples", "sample_quota_bytes", "orphan_limit_seconds", "keep_checkpoints", "restore_path", "restore_sha256", "run_steps", "weighting")
    RUN_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    LEASE_EPOCH_FIELD_NUMBER: _ClassVar[int]
    PARAMS_JSON_FIELD_NUMBER: _ClassVar[int]
    ACKED_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_QUOTA_BYTES_FIELD_NUMBER: _ClassVar[int]
    ORPHAN_LIMIT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    KEEP_CHECKPOINTS_FIELD_NUMBER: _ClassVar[int]
    RESTORE_PATH_FIELD_NUMBER: _ClassVar[int]
    RESTORE_SHA256_FIELD_NUMBER: _ClassVar[int]
    RUN_STEPS_FIELD_NUMBER: _ClassVar[int]
    WEIGHTING_FIELD_NUMBER: _ClassVar[int]
    run: str
    attempt: int
    lease_epoch: int
    params_json: str
    acked: Acked
    samples: SampleRecording
    sample_quota_bytes: int
    orphan_limit_seconds: float
    keep_checkpoints: int
    restore_path: str
    restore_sha256: str
    run_steps: int
    weighting: Weighting
    def __init__(self, run: _Optional[str] = ..., attempt: _Optional[int] = ..., lease_epoch: _Optional[int] = ..., params_json: _Optional[str] = ..., acked: _Optional[_Union[Acked, _Mapping]] = ..., samples: _Optional[_Union[SampleRecording, _Mapping]] = ..., sample_quota_bytes: _Optional[int] = ..., orphan_limit_seconds: _Optional[float] = ..., keep_checkpoints: _Optional[int] = ..., restore_path: _Optional[str] = ..., restore_sha256: _Optional[str] = ..., run_steps: _Optional[int] = ..., weighting: _Optional[_Union[Weighting, _Mapping]] = ...) -> None: ...

class Weighting(_message.Message):
    __slots__ = ("preset", "alpha", "floor")
    PRESET_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    preset: WeightingPreset
    alpha: float
    floor: bool
    def __init__(self, preset: _Optional[_Union[WeightingPreset, str]] = ..., alpha: _Optional[float] = ..., floor: bool = ...) -> None: ...

class Acked(_message.Message):
    __slots__ = ("steps", "samples")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    steps: int
    samples: int
    def __init__(self, steps: _Optional[int] = ..., samples: _Optional[int] = ...) -> None: ...

class SampleRecording(_message.Message):
    __slots__ = ("every",)
    EVERY_FIELD_NUMBER: _ClassVar[int]
    every: int
    def __init__(self, every: _Optional[int] = ...) -> None: ...

class Reject(_message.Message):
    __slots__ = ("code", "hint")
    CODE_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    code: RejectCode
    hint: str
    def __init__(self, code: _Optional[_Union[RejectCode, str]] = ..., hint: _Optional[str] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("lease_epoch", "position", "phase", "waits", "waited_seconds")
    LEASE_EPOCH_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    WAITS_FIELD_NUMBER: _ClassVar[int]
    WAITED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    lease_epoch: int
    position: _common_pb2.Position
    phase: Phase
    waits: int
    waited_seconds: float
    def __init__(self, lease_epoch: _Optional[int] = ..., position: _Optional[_Union[_common_pb2.Position, _Mapping]] = ..., phase: _Optional[_Union[Phase, str]] = ..., waits: _Optional[int] = ..., waited_seconds: _Optional[float] = ...) -> None: ...

class Bye(_message.Message):
    __slots__ = ("lease_epoch", "reason", "position", "message", "traceback", "sent")
    LEASE_EPOCH_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TRACEBACK_FIELD_NUMBER: _ClassVar[int]
    SENT_FIELD_NUMBER: _ClassVar[int]
    lease_epoch: int
    reason: ByeReason
    position: _common_pb2.Position
    message: str
    traceback: str
    sent: Acked
    def __init__(self, lease_epoch: _Optional[int] = ..., reason: _Optional[_Union[ByeReason, str]] = ..., position: _Optional[_Union[_common_pb2.Position, _Mapping]] = ..., message: _Optional[str] = ..., traceback: _Optional[str] = ..., sent: _Optional[_Union[Acked, _Mapping]] = ...) -> None: ...
