"""Who decides the controls of a session, and who records it."""

from __future__ import annotations

from pathlib import Path

import pytest

from absgd_worker.attach.recording.journal import Journal
from absgd_worker.attach.recording.run_directory import RunPlan
from absgd_worker.attach.source.constant import ConstantSource
from absgd_worker.attach.source.controller import ControllerSource
from absgd_worker.attach.source.criterion_settings import CriterionSource
from absgd_worker.attach.source.recorder import ControlsAndRecorder, NoRecorder, Recorder, with_recorder
from absgd_worker.attach.source.source import ControlSource
from absgd_worker.link.environment import Address


def members_of(protocol: type) -> set[str]:
    return {name for name in vars(protocol) if not name.startswith("_")}


def a_controller() -> ControllerSource:
    return ControllerSource(Address("ipc:///nowhere", Path("/runs/a")))


@pytest.mark.parametrize("source", [ConstantSource(), CriterionSource()], ids=["constant", "criterion"])
def test_a_source_without_a_controller_records_nothing(source):
    controls, recorder = with_recorder(source)
    assert controls is source
    assert isinstance(recorder, NoRecorder)
    assert (recorder.attempt, recorder.is_recording, recorder.run_state()) == (1, False, None)


def test_a_controller_decides_the_controls_and_records():
    controller = a_controller()
    assert with_recorder(controller) == (controller, controller)


def test_a_run_directory_records_whatever_decides_the_controls():
    journal = Journal(RunPlan("a", "train.py", {}))
    pair = ControlsAndRecorder(ConstantSource(), journal)
    assert with_recorder(pair) is pair
    assert isinstance(journal, Recorder)
    assert journal.is_recording


def test_a_recorder_has_no_member_of_a_control_source():
    assert members_of(Recorder).isdisjoint(members_of(ControlSource))
    assert members_of(ControlSource).isdisjoint(dir(Journal))
