from absgd_worker.gen import command_pb2 as _command_pb2
from absgd_worker.gen import plan_pb2 as _plan_pb2
from absgd_worker.gen import session_pb2 as _session_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ToController(_message.Message):
    __slots__ = ("hello", "progress", "plan_ack", "command_result", "bye", "request", "operator_hello")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    PLAN_ACK_FIELD_NUMBER: _ClassVar[int]
    COMMAND_RESULT_FIELD_NUMBER: _ClassVar[int]
    BYE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_HELLO_FIELD_NUMBER: _ClassVar[int]
    hello: _session_pb2.Hello
    progress: _session_pb2.Progress
    plan_ack: _plan_pb2.PlanAck
    command_result: _command_pb2.CommandResult
    bye: _session_pb2.Bye
    request: _command_pb2.Request
    operator_hello: _session_pb2.OperatorHello
    def __init__(self, hello: _Optional[_Union[_session_pb2.Hello, _Mapping]] = ..., progress: _Optional[_Union[_session_pb2.Progress, _Mapping]] = ..., plan_ack: _Optional[_Union[_plan_pb2.PlanAck, _Mapping]] = ..., command_result: _Optional[_Union[_command_pb2.CommandResult, _Mapping]] = ..., bye: _Optional[_Union[_session_pb2.Bye, _Mapping]] = ..., request: _Optional[_Union[_command_pb2.Request, _Mapping]] = ..., operator_hello: _Optional[_Union[_session_pb2.OperatorHello, _Mapping]] = ...) -> None: ...

class ToPeer(_message.Message):
    __slots__ = ("welcome", "reject", "plan", "command", "telemetry_ack", "request_result", "released", "operator_welcome")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    REJECT_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    TELEMETRY_ACK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_RESULT_FIELD_NUMBER: _ClassVar[int]
    RELEASED_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_WELCOME_FIELD_NUMBER: _ClassVar[int]
    welcome: _session_pb2.Welcome
    reject: _session_pb2.Reject
    plan: _plan_pb2.Plan
    command: _command_pb2.Command
    telemetry_ack: TelemetryAck
    request_result: _command_pb2.RequestResult
    released: Released
    operator_welcome: _session_pb2.OperatorWelcome
    def __init__(self, welcome: _Optional[_Union[_session_pb2.Welcome, _Mapping]] = ..., reject: _Optional[_Union[_session_pb2.Reject, _Mapping]] = ..., plan: _Optional[_Union[_plan_pb2.Plan, _Mapping]] = ..., command: _Optional[_Union[_command_pb2.Command, _Mapping]] = ..., telemetry_ack: _Optional[_Union[TelemetryAck, _Mapping]] = ..., request_result: _Optional[_Union[_command_pb2.RequestResult, _Mapping]] = ..., released: _Optional[_Union[Released, _Mapping]] = ..., operator_welcome: _Optional[_Union[_session_pb2.OperatorWelcome, _Mapping]] = ...) -> None: ...

class TelemetryAck(_message.Message):
    __slots__ = ("incarnation", "acked")
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    ACKED_FIELD_NUMBER: _ClassVar[int]
    incarnation: int
    acked: _session_pb2.Acked
    def __init__(self, incarnation: _Optional[int] = ..., acked: _Optional[_Union[_session_pb2.Acked, _Mapping]] = ...) -> None: ...

class Released(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
