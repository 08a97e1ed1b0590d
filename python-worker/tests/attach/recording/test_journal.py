"""A loop that no controller drives is recorded as a run."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import torch
from torch import nn

import fake_device
from absgd_worker.attach import api
from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.source.source import StopTraining
from absgd_worker.device import ordered
from absgd_worker.device.reports import DeviceReports
from absgd_worker.gen import record_pb2
from fake_device import StandInCopier, on_device
from recorder import a_model, batches, labels, points
from run_records import bodies, records

pytestmark = pytest.mark.usefixtures("runs")


def train(steps: int = 4) -> None:
    model, optimizer = a_model()
    criterion = api.wrap(nn.CrossEntropyLoss())
    for batch in list(batches(16))[:steps]:
        criterion(model(points[batch]), labels[batch]).backward()
        optimizer.step()


def test_every_step_and_sample_is_recorded_with_the_last_word(runs: Path) -> None:
    with api.session(run="mine", lam=-1.0):
        train()
    found = records(runs / "mine" / "steps.log")
    assert found[0].WhichOneof("body") == "worker_joined"
    assert found[-1].bye.position.step == 4
    assert sum(record.step_batch.count for record in found) == 4
    samples = records(runs / "mine" / "samples.log")
    assert sum(len(record.sample_batch.steps) for record in samples) == 4
    assert json.loads((runs / "mine" / "manifest.json").read_text())["config"]["controls"]["lambda"] == "-1"
    assert not (runs / "mine" / "lock").exists()


def test_a_name_that_is_taken_is_numbered_and_a_bad_one_is_refused(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        with api.session(run="Mine"):
            train(1)
    assert sorted(path.name for path in runs.iterdir()) == ["Mine", "Mine.2", "Mine.3"]
    assert "a run named Mine exists in" in (said := capsys.readouterr().err)
    assert [said.count(f"recorded as Mine.{number}\n") for number in (2, 3)] == [1, 1]
    with (
        pytest.raises(SessionError, match="'No/such' cannot be the name of a run"),
        api.session(run="No/such"),
    ):
        pass


@pytest.mark.parametrize(
    ("error", "reason"), [(ValueError("oh"), 3), (KeyboardInterrupt(), 2), (StopTraining("enough"), 2)]
)
def test_how_it_ended_is_in_the_log(runs: Path, error: BaseException, reason: int) -> None:
    with pytest.raises(type(error)), api.session(run="mine"):  # noqa: PT012 - the loop is what raises
        train(2)
        raise error
    bye = records(runs / "mine" / "steps.log")[-1].bye
    assert (bye.reason, bye.position.step) == (reason, 2)
    assert ("ValueError: oh" in bye.traceback) is isinstance(error, ValueError)


def test_while_it_trains_its_lock_names_this_process(runs: Path) -> None:
    with api.session(run="mine"):
        train(1)
        assert json.loads((runs / "mine" / "lock").read_text())["pid"] > 0


def test_a_record_that_a_crash_left_half_written_is_cut_off(tmp_path: Path) -> None:
    from absgd_worker.link.courier.log_file import LogFile  # noqa: PLC0415

    path = tmp_path / "steps.log"
    log = LogFile(path, "steps")
    log.append(record_pb2.Record(origin="a", seq=1).SerializeToString())
    log.close()
    whole = path.read_bytes()
    for torn in (whole + b"\x05\0\0", whole + struct.pack("<II", 4, 0) + b"abcd", whole[:7]):
        path.write_bytes(torn)
        again = LogFile(path, "steps")
        again.append(record_pb2.Record(origin="b", seq=1).SerializeToString())
        again.close()
        assert [record.origin for record in records(path)][-1] == "b"


def test_recording_changes_nothing_of_training(runs: Path) -> None:
    def trained(run: str | None) -> torch.Tensor:
        model, optimizer = a_model()
        with api.session(run=run, lam=-0.5), api.capture():
            for batch in batches(16):
                nn.functional.cross_entropy(model(points[batch]), labels[batch]).backward()
                optimizer.step()
        return model.weight.detach()

    assert torch.equal(trained(None), trained("mine"))
    assert (runs / "mine").is_dir()


def test_steps_on_a_device_are_recorded_in_order_and_none_but_the_first_waits(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first call a criterion is examined, and at the end the checks of a session read what is left."""
    copier, waiting = StandInCopier(), fake_device.WAITING
    monkeypatch.setattr(ordered, "DeviceReports", lambda: DeviceReports(lambda _device: copier))
    model, optimizer = a_model()
    with api.session(run="mine", lam=-1.0) as session:
        criterion = api.wrap(nn.CrossEntropyLoss())
        monkeypatch.setattr(fake_device, "WAITING", set())
        for batch in list(batches(16))[:4]:
            criterion(model(on_device(points[batch])), labels[batch]).backward()
            optimizer.step()
            monkeypatch.setattr(fake_device, "WAITING", waiting)
        assert copier.waits == 0
        session.evaluated("val", {"accuracy": 0.5})
        monkeypatch.setattr(fake_device, "WAITING", set())
    names = [name for name in bodies(runs / "mine") if name in ("step_batch", "evaluation", "bye")]
    assert names == ["step_batch", "evaluation", "bye"]
    found = records(runs / "mine" / "steps.log")
    assert sum(record.step_batch.count for record in found) == 4
