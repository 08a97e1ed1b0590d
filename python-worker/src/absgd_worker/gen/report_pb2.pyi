from absgd_worker.gen import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StepBatch(_message.Message):
    __slots__ = ("attempt", "first_step", "count", "controls", "weighings", "metrics", "step_seconds", "waits", "without_main")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    FIRST_STEP_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    CONTROLS_FIELD_NUMBER: _ClassVar[int]
    WEIGHINGS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    STEP_SECONDS_FIELD_NUMBER: _ClassVar[int]
    WAITS_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_MAIN_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    first_step: int
    count: int
    controls: _containers.RepeatedCompositeFieldContainer[StepColumn]
    weighings: _containers.RepeatedCompositeFieldContainer[Weighing]
    metrics: _containers.RepeatedCompositeFieldContainer[StepColumn]
    step_seconds: bytes
    waits: int
    without_main: bool
    def __init__(self, attempt: _Optional[int] = ..., first_step: _Optional[int] = ..., count: _Optional[int] = ..., controls: _Optional[_Iterable[_Union[StepColumn, _Mapping]]] = ..., weighings: _Optional[_Iterable[_Union[Weighing, _Mapping]]] = ..., metrics: _Optional[_Iterable[_Union[StepColumn, _Mapping]]] = ..., step_seconds: _Optional[bytes] = ..., waits: _Optional[int] = ..., without_main: bool = ...) -> None: ...

class StepColumn(_message.Message):
    __slots__ = ("name", "values")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    name: str
    values: bytes
    def __init__(self, name: _Optional[str] = ..., values: _Optional[bytes] = ...) -> None: ...

class Weighing(_message.Message):
    __slots__ = ("name", "n", "m", "sum_w", "sum_w2", "sum_wl", "max_w", "mean_loss", "free_energy", "capped", "non_finite", "class_mass", "top_class_share", "bare_kl", "bare_ess")
    NAME_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    M_FIELD_NUMBER: _ClassVar[int]
    SUM_W_FIELD_NUMBER: _ClassVar[int]
    SUM_W2_FIELD_NUMBER: _ClassVar[int]
    SUM_WL_FIELD_NUMBER: _ClassVar[int]
    MAX_W_FIELD_NUMBER: _ClassVar[int]
    MEAN_LOSS_FIELD_NUMBER: _ClassVar[int]
    FREE_ENERGY_FIELD_NUMBER: _ClassVar[int]
    CAPPED_FIELD_NUMBER: _ClassVar[int]
    NON_FINITE_FIELD_NUMBER: _ClassVar[int]
    CLASS_MASS_FIELD_NUMBER: _ClassVar[int]
    TOP_CLASS_SHARE_FIELD_NUMBER: _ClassVar[int]
    BARE_KL_FIELD_NUMBER: _ClassVar[int]
    BARE_ESS_FIELD_NUMBER: _ClassVar[int]
    name: str
    n: bytes
    m: bytes
    sum_w: bytes
    sum_w2: bytes
    sum_wl: bytes
    max_w: bytes
    mean_loss: bytes
    free_energy: bytes
    capped: bytes
    non_finite: bytes
    class_mass: bytes
    top_class_share: bytes
    bare_kl: bytes
    bare_ess: bytes
    def __init__(self, name: _Optional[str] = ..., n: _Optional[bytes] = ..., m: _Optional[bytes] = ..., sum_w: _Optional[bytes] = ..., sum_w2: _Optional[bytes] = ..., sum_wl: _Optional[bytes] = ..., max_w: _Optional[bytes] = ..., mean_loss: _Optional[bytes] = ..., free_energy: _Optional[bytes] = ..., capped: _Optional[bytes] = ..., non_finite: _Optional[bytes] = ..., class_mass: _Optional[bytes] = ..., top_class_share: _Optional[bytes] = ..., bare_kl: _Optional[bytes] = ..., bare_ess: _Optional[bytes] = ...) -> None: ...

class SampleBatch(_message.Message):
    __slots__ = ("attempt", "steps")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    steps: _containers.RepeatedCompositeFieldContainer[StepSamples]
    def __init__(self, attempt: _Optional[int] = ..., steps: _Optional[_Iterable[_Union[StepSamples, _Mapping]]] = ...) -> None: ...

class StepSamples(_message.Message):
    __slots__ = ("step", "n", "losses", "weights", "indices", "labels", "weighing")
    STEP_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    LOSSES_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    INDICES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    WEIGHING_FIELD_NUMBER: _ClassVar[int]
    step: int
    n: int
    losses: bytes
    weights: bytes
    indices: bytes
    labels: bytes
    weighing: str
    def __init__(self, step: _Optional[int] = ..., n: _Optional[int] = ..., losses: _Optional[bytes] = ..., weights: _Optional[bytes] = ..., indices: _Optional[bytes] = ..., labels: _Optional[bytes] = ..., weighing: _Optional[str] = ...) -> None: ...

class SampleInfo(_message.Message):
    __slots__ = ("first_index", "count", "labels", "true_labels", "ids")
    FIRST_INDEX_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TRUE_LABELS_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    first_index: int
    count: int
    labels: bytes
    true_labels: bytes
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, first_index: _Optional[int] = ..., count: _Optional[int] = ..., labels: _Optional[bytes] = ..., true_labels: _Optional[bytes] = ..., ids: _Optional[_Iterable[str]] = ...) -> None: ...

class SamplePredictions(_message.Message):
    __slots__ = ("attempt", "step", "first_index", "count", "labels", "label_probabilities")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    FIRST_INDEX_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LABEL_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    step: int
    first_index: int
    count: int
    labels: bytes
    label_probabilities: bytes
    def __init__(self, attempt: _Optional[int] = ..., step: _Optional[int] = ..., first_index: _Optional[int] = ..., count: _Optional[int] = ..., labels: _Optional[bytes] = ..., label_probabilities: _Optional[bytes] = ...) -> None: ...

class Evaluation(_message.Message):
    __slots__ = ("attempt", "step", "split", "metrics", "num_classes", "confusion", "seconds")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    NUM_CLASSES_FIELD_NUMBER: _ClassVar[int]
    CONFUSION_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    step: int
    split: str
    metrics: _containers.RepeatedCompositeFieldContainer[_common_pb2.Value]
    num_classes: int
    confusion: bytes
    seconds: float
    def __init__(self, attempt: _Optional[int] = ..., step: _Optional[int] = ..., split: _Optional[str] = ..., metrics: _Optional[_Iterable[_Union[_common_pb2.Value, _Mapping]]] = ..., num_classes: _Optional[int] = ..., confusion: _Optional[bytes] = ..., seconds: _Optional[float] = ...) -> None: ...

class Gap(_message.Message):
    __slots__ = ("attempt", "first_step", "reason")
    class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        REASON_UNSPECIFIED: _ClassVar[Gap.Reason]
        REASON_QUOTA: _ClassVar[Gap.Reason]
        REASON_SPOOL: _ClassVar[Gap.Reason]
        REASON_SIZE: _ClassVar[Gap.Reason]
    REASON_UNSPECIFIED: Gap.Reason
    REASON_QUOTA: Gap.Reason
    REASON_SPOOL: Gap.Reason
    REASON_SIZE: Gap.Reason
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    FIRST_STEP_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    first_step: int
    reason: Gap.Reason
    def __init__(self, attempt: _Optional[int] = ..., first_step: _Optional[int] = ..., reason: _Optional[_Union[Gap.Reason, str]] = ...) -> None: ...
