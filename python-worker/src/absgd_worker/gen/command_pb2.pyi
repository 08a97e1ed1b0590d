from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Action(_message.Message):
    __slots__ = ("pause", "resume", "step_on", "checkpoint", "restore", "evaluate", "stop", "set", "undo")
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    STEP_ON_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    RESTORE_FIELD_NUMBER: _ClassVar[int]
    EVALUATE_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    SET_FIELD_NUMBER: _ClassVar[int]
    UNDO_FIELD_NUMBER: _ClassVar[int]
    pause: Pause
    resume: Resume
    step_on: StepOn
    checkpoint: Checkpoint
    restore: Restore
    evaluate: Evaluate
    stop: Stop
    set: Set
    undo: Undo
    def __init__(self, pause: _Optional[_Union[Pause, _Mapping]] = ..., resume: _Optional[_Union[Resume, _Mapping]] = ..., step_on: _Optional[_Union[StepOn, _Mapping]] = ..., checkpoint: _Optional[_Union[Checkpoint, _Mapping]] = ..., restore: _Optional[_Union[Restore, _Mapping]] = ..., evaluate: _Optional[_Union[Evaluate, _Mapping]] = ..., stop: _Optional[_Union[Stop, _Mapping]] = ..., set: _Optional[_Union[Set, _Mapping]] = ..., undo: _Optional[_Union[Undo, _Mapping]] = ...) -> None: ...

class Pause(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Resume(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StepOn(_message.Message):
    __slots__ = ("steps",)
    STEPS_FIELD_NUMBER: _ClassVar[int]
    steps: int
    def __init__(self, steps: _Optional[int] = ...) -> None: ...

class Checkpoint(_message.Message):
    __slots__ = ("automatic",)
    AUTOMATIC_FIELD_NUMBER: _ClassVar[int]
    automatic: bool
    def __init__(self, automatic: bool = ...) -> None: ...

class Restore(_message.Message):
    __slots__ = ("step", "path", "sha256", "attempt")
    STEP_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    step: int
    path: str
    sha256: str
    attempt: int
    def __init__(self, step: _Optional[int] = ..., path: _Optional[str] = ..., sha256: _Optional[str] = ..., attempt: _Optional[int] = ...) -> None: ...

class Evaluate(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Stop(_message.Message):
    __slots__ = ("checkpoint",)
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    checkpoint: bool
    def __init__(self, checkpoint: bool = ...) -> None: ...

class Set(_message.Message):
    __slots__ = ("edits", "checkpoint")
    EDITS_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    edits: _containers.RepeatedCompositeFieldContainer[ControlEdit]
    checkpoint: bool
    def __init__(self, edits: _Optional[_Iterable[_Union[ControlEdit, _Mapping]]] = ..., checkpoint: bool = ...) -> None: ...

class ControlEdit(_message.Message):
    __slots__ = ("control", "schedule", "factor", "at_step", "after_steps")
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    AT_STEP_FIELD_NUMBER: _ClassVar[int]
    AFTER_STEPS_FIELD_NUMBER: _ClassVar[int]
    control: str
    schedule: str
    factor: float
    at_step: int
    after_steps: int
    def __init__(self, control: _Optional[str] = ..., schedule: _Optional[str] = ..., factor: _Optional[float] = ..., at_step: _Optional[int] = ..., after_steps: _Optional[int] = ...) -> None: ...

class Undo(_message.Message):
    __slots__ = ("all",)
    ALL_FIELD_NUMBER: _ClassVar[int]
    all: bool
    def __init__(self, all: bool = ...) -> None: ...

class Command(_message.Message):
    __slots__ = ("lease_epoch", "id", "action")
    LEASE_EPOCH_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    lease_epoch: int
    id: str
    action: Action
    def __init__(self, lease_epoch: _Optional[int] = ..., id: _Optional[str] = ..., action: _Optional[_Union[Action, _Mapping]] = ...) -> None: ...

class CommandResult(_message.Message):
    __slots__ = ("lease_epoch", "id", "ok", "step", "message", "follows")
    LEASE_EPOCH_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FOLLOWS_FIELD_NUMBER: _ClassVar[int]
    lease_epoch: int
    id: str
    ok: bool
    step: int
    message: str
    follows: int
    def __init__(self, lease_epoch: _Optional[int] = ..., id: _Optional[str] = ..., ok: bool = ..., step: _Optional[int] = ..., message: _Optional[str] = ..., follows: _Optional[int] = ...) -> None: ...

class Request(_message.Message):
    __slots__ = ("id", "by", "why", "action")
    ID_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    id: str
    by: str
    why: str
    action: Action
    def __init__(self, id: _Optional[str] = ..., by: _Optional[str] = ..., why: _Optional[str] = ..., action: _Optional[_Union[Action, _Mapping]] = ...) -> None: ...

class RequestResult(_message.Message):
    __slots__ = ("id", "ok", "step", "message")
    ID_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    id: str
    ok: bool
    step: int
    message: str
    def __init__(self, id: _Optional[str] = ..., ok: bool = ..., step: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...
