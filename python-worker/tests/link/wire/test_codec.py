"""What decoding refuses: an answer to every range of the contract."""

from __future__ import annotations

import math
import random
from array import array
from typing import Any

import pytest

from absgd_worker.errors import ProtocolError
from absgd_worker.gen import command_pb2, envelope_pb2, plan_pb2, session_pb2
from absgd_worker.link.wire import messages
from absgd_worker.link.wire.codec import decode_from_controller
from absgd_worker.weights.presets import Rule


def decode(**body: Any) -> Any:
    return decode_from_controller(envelope_pb2.ToPeer(**body).SerializeToString())


def plan(count=2, events=(), **columns):
    made = plan_pb2.Plan(plan_seq=3, attempt=1, first_step=10, count=count, events=events)
    for name, values in columns.items():
        made.columns.add(name=name.rstrip("_"), values=array("d", values).tobytes())
    return decode(plan=made)


def test_a_plan_comes_out_as_columns_by_name():
    event = plan_pb2.PlanEvent(after_step=11, kind=plan_pb2.PlanEvent.KIND_EVALUATE)
    made = plan(lambda_=[-math.inf, 2.0], lr=[0.0], clip_norm=[math.inf], own=[-3.0], events=[event])
    assert {name: values.tolist() for name, values in made.columns.items()} == {
        "lambda": [-math.inf, 2.0],
        "lr": [0.0],
        "clip_norm": [math.inf],
        "own": [-3.0],
    }
    assert made.events == [(11, messages.EventKind.EVALUATE)]


BAD_COLUMNS = {
    "lambda": [[0.0], [1.0, 0.0], [math.nan], [-0.0], [1.0, math.nan]],
    "gamma": [[0.0], [1.1], [math.nan], [0.5, -0.5]],
    "lr": [[-0.1], [math.inf], [math.nan]],
    "momentum": [[1.0], [-0.1], [math.nan]],
    "weight_decay": [[-1e-9], [math.inf]],
    "clip_norm": [[0.0], [-1.0], [math.nan]],
    "own": [[math.nan]],
}


@pytest.mark.parametrize(
    ("name", "values"), [(name, bad) for name, all in BAD_COLUMNS.items() for bad in all]
)
def test_a_column_outside_its_range_is_refused_by_name(name, values):
    with pytest.raises(ProtocolError, match=f"Plan: {name} must be "):
        plan(**{f"{name}_": values})


def test_a_column_of_another_length_is_refused():
    with pytest.raises(ProtocolError, match="column 'lr' has 24 bytes, not 8 or 16"):
        plan(lr=[1.0, 2.0, 3.0])


@pytest.mark.parametrize("count", [0, 262_145])
def test_a_plan_of_no_or_too_many_rows_is_refused(count):
    with pytest.raises(ProtocolError, match=f"count must be 1 to 262144, not {count}"):
        plan(count=count)


def test_an_event_outside_the_rows_is_refused():
    with pytest.raises(ProtocolError, match="an event after step 12 is outside its rows"):
        plan(events=[plan_pb2.PlanEvent(after_step=12, kind=plan_pb2.PlanEvent.KIND_EVALUATE)])


@pytest.mark.parametrize(
    "fields",
    [{"attempt": 0}, {"lease_epoch": 0}, {"orphan_limit_seconds": 0.0}, {"orphan_limit_seconds": math.nan}],
)
def test_a_welcome_outside_its_ranges_is_refused(fields):
    good: dict[str, Any] = {"attempt": 1, "lease_epoch": 1, "orphan_limit_seconds": 600.0}
    assert isinstance(decode(welcome=session_pb2.Welcome(**good)), messages.Welcome)
    with pytest.raises(ProtocolError, match="Welcome: "):
        decode(welcome=session_pb2.Welcome(**{**good, **fields}))


WELCOME = {"attempt": 1, "lease_epoch": 1, "orphan_limit_seconds": 600.0}


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        (None, Rule()),
        ({"preset": 1}, Rule("default")),
        ({"preset": 2}, Rule("paper")),
        ({"preset": 3, "alpha": 0.5}, Rule("reference", 0.5)),
        ({"preset": 3, "alpha": 1.0, "floor": True}, Rule("reference", 1.0, True)),
    ],
)
def test_a_welcome_names_the_rule_of_weights_and_an_older_one_means_the_default(fields, rule):
    welcome = session_pb2.Welcome(**WELCOME)
    if fields is not None:
        welcome.weighting.CopyFrom(session_pb2.Weighting(**fields))
    assert decode(welcome=welcome).weighting == rule


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "knows no preset 0"),
        ({"preset": 4}, "knows no preset 4"),
        ({"preset": 3}, r"alpha is 0\.0, must be finite and above 0"),
        ({"preset": 3, "alpha": math.nan}, "alpha is nan"),
    ],
)
def test_a_rule_of_weights_outside_its_ranges_is_refused(fields, message):
    weighting = session_pb2.Weighting(**fields)
    with pytest.raises(ProtocolError, match=f"Welcome: .*{message}"):
        decode(welcome=session_pb2.Welcome(**WELCOME, weighting=weighting))


def test_every_action_is_understood():
    actions = {
        "pause": ({}, messages.Pause()),
        "resume": ({}, messages.Resume()),
        "step_on": ({"steps": 4}, messages.StepOn(4)),
        "checkpoint": ({"automatic": True}, messages.Checkpoint(automatic=True)),
        "restore": ({"path": "p", "sha256": "s", "attempt": 2}, messages.Restore("p", "s", 2)),
        "evaluate": ({}, messages.Evaluate()),
        "stop": ({"checkpoint": True}, messages.Stop(True)),
    }
    of_operators = {"set", "undo"}
    assert set(actions) | of_operators == {field.name for field in command_pb2.Action.DESCRIPTOR.fields}
    for name, (fields, expected) in actions.items():
        command = command_pb2.Command(lease_epoch=3, id="a", action=command_pb2.Action(**{name: fields}))
        assert decode(command=command) == messages.Command(3, "a", expected)


@pytest.mark.parametrize("frame", [b"", b"\xff\xff\xff", b"\x0a\xff"])
def test_a_frame_that_is_no_message_is_refused(frame):
    with pytest.raises(ProtocolError):
        decode_from_controller(frame)


def test_a_command_that_says_nothing_is_refused():
    for action in (None, command_pb2.Action(undo={}), command_pb2.Action(set={})):
        with pytest.raises(ProtocolError, match="does not understand what is to be done"):
            decode(command=command_pb2.Command(id="a", action=action))
    with pytest.raises(ProtocolError, match="it has no id"):
        decode(command=command_pb2.Command(action=command_pb2.Action(pause={})))


def test_damaged_frames_are_refused_or_understood_but_never_crash():
    numbers = random.Random(1)
    frame = envelope_pb2.ToPeer(
        plan=plan_pb2.Plan(
            count=3, columns=[plan_pb2.PlanColumn(name="lr", values=array("d", [1, 2, 3]).tobytes())]
        )
    ).SerializeToString()
    refused = 0
    for _ in range(3000):
        damaged = bytearray(frame)
        for _ in range(numbers.randint(1, 4)):
            damaged[numbers.randrange(len(damaged))] = numbers.randrange(256)
        try:
            decode_from_controller(bytes(damaged))
        except ProtocolError:
            refused += 1
    assert 0 < refused < 3000
