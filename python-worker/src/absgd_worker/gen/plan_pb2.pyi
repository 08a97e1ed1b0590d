from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Plan(_message.Message):
    __slots__ = ("lease_epoch", "plan_seq", "attempt", "first_step", "count", "columns", "events", "run_steps")
    LEASE_EPOCH_FIELD_NUMBER: _ClassVar[int]
    PLAN_SEQ_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    FIRST_STEP_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    RUN_STEPS_FIELD_NUMBER: _ClassVar[int]
    lease_epoch: int
    plan_seq: int
    attempt: int
    first_step: int
    count: int
    columns: _containers.RepeatedCompositeFieldContainer[PlanColumn]
    events: _containers.RepeatedCompositeFieldContainer[PlanEvent]
    run_steps: int
    def __init__(self, lease_epoch: _Optional[int] = ..., plan_seq: _Optional[int] = ..., attempt: _Optional[int] = ..., first_step: _Optional[int] = ..., count: _Optional[int] = ..., columns: _Optional[_Iterable[_Union[PlanColumn, _Mapping]]] = ..., events: _Optional[_Iterable[_Union[PlanEvent, _Mapping]]] = ..., run_steps: _Optional[int] = ...) -> None: ...

class PlanColumn(_message.Message):
    __slots__ = ("name", "values")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    name: str
    values: bytes
    def __init__(self, name: _Optional[str] = ..., values: _Optional[bytes] = ...) -> None: ...

class PlanEvent(_message.Message):
    __slots__ = ("after_step", "kind")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[PlanEvent.Kind]
        KIND_EVALUATE: _ClassVar[PlanEvent.Kind]
        KIND_CHECKPOINT: _ClassVar[PlanEvent.Kind]
    KIND_UNSPECIFIED: PlanEvent.Kind
    KIND_EVALUATE: PlanEvent.Kind
    KIND_CHECKPOINT: PlanEvent.Kind
    AFTER_STEP_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    after_step: int
    kind: PlanEvent.Kind
    def __init__(self, after_step: _Optional[int] = ..., kind: _Optional[_Union[PlanEvent.Kind, str]] = ...) -> None: ...

class PlanAck(_message.Message):
    __slots__ = ("lease_epoch", "plan_seq", "attempt", "effective_from")
    LEASE_EPOCH_FIELD_NUMBER: _ClassVar[int]
    PLAN_SEQ_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_FROM_FIELD_NUMBER: _ClassVar[int]
    lease_epoch: int
    plan_seq: int
    attempt: int
    effective_from: int
    def __init__(self, lease_epoch: _Optional[int] = ..., plan_seq: _Optional[int] = ..., attempt: _Optional[int] = ..., effective_from: _Optional[int] = ...) -> None: ...
