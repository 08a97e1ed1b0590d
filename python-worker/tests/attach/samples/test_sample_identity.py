"""The indices, classes and names of samples, given by the script or read from the loss."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from absgd_worker import run as command
from absgd_worker.attach import api
from absgd_worker.link.courier.step_columns import step_batch
from absgd_worker.link.step_entry import StepEntry
from recorder import Recorder, a_model, batches, labels, points
from run_records import records
from sent_telemetry import rows

pytestmark = pytest.mark.usefixtures("runs")


def trained(directory: Path | None = None, **arguments: Any) -> list[StepEntry]:
    """Two steps of 32 samples."""
    model, optimizer = a_model()
    source = Recorder()
    with api.session(source=source) if directory is None else api.session(run=directory.name, lam=-1.0):
        for batch in list(batches(32))[:2]:
            given: dict[str, Any] = {
                name: value[batch] if isinstance(value, torch.Tensor) else value
                for name, value in arguments.items()
            }
            losses = F.cross_entropy(model(points[batch]), labels[batch], reduction="none")
            api.weigh(losses, **given).backward()
            optimizer.step()
    return source.entries


def test_given_labels_give_the_weight_of_each_class() -> None:
    entry, _ = trained(label=labels)
    columns = step_batch(rows([entry]), labels_N=None, num_classes=0).weighings[0].columns
    mass = torch.tensor(struct.unpack(f"<{len(columns['class_mass']) // 4}f", columns["class_mass"]))
    expected = torch.zeros(mass.shape[0]).index_add_(0, labels[:32], entry.weights_B)
    assert torch.allclose(mass, expected)
    assert "class_mass" not in step_batch(rows(trained()), labels_N=None, num_classes=0).weighings[0].columns


def test_labels_are_sent_with_each_sample_without_an_index_and_once_with_one(runs: Path) -> None:
    trained(runs / "bare", label=labels)
    (first, *_), *_ = [
        record.sample_batch.steps
        for record in records(runs / "bare" / "samples.log")
        if record.HasField("sample_batch")
    ]
    assert struct.unpack("<32I", first.labels) == tuple(labels[:32].tolist())
    assert first.indices == b""

    index = torch.arange(64) % 40
    trained(runs / "known", label=labels[index], index=index)
    found = records(runs / "known" / "samples.log")
    infos = [record.sample_info for record in found if record.HasField("sample_info")]
    assert sum(info.count for info in infos) == 40
    sent = dict(
        pair
        for info in infos
        for pair in enumerate(struct.unpack(f"<{info.count}I", info.labels), info.first_index)
    )
    assert sent == dict(enumerate(labels[:40].tolist()))
    assert all(step.labels == b"" for record in found for step in record.sample_batch.steps)


def test_names_are_sent_once_by_weigh_and_by_a_tracked_loader(runs: Path) -> None:
    def names(run: str) -> dict[int, str]:
        found = [record.sample_info for record in records(runs / run / "samples.log")]
        return {number: name for info in found for number, name in enumerate(info.ids, info.first_index)}

    paths = [f"images/{number}.png" for number in range(64)]
    trained(runs / "hand", index=torch.arange(64) % 32, ids=paths[:32])
    assert names("hand") == dict(enumerate(paths[:32]))

    model, optimizer = a_model()
    loader = DataLoader(TensorDataset(points, labels), batch_size=16, shuffle=True)
    criterion = api.wrap(nn.CrossEntropyLoss())
    with api.session(run="tracked", lam=-1.0):
        for data, targets in api.track(loader, ids=paths):
            criterion(model(data), targets).backward()
            optimizer.step()
    assert names("tracked") == dict(enumerate(paths))


def test_the_classes_of_a_captured_loss_are_its_labels_without_ignored_ones() -> None:
    model, optimizer = a_model()
    source = Recorder()
    targets = labels.where(torch.arange(64) % 4 > 0, -100)
    tokens = torch.randn(6, 4, 3).requires_grad_()
    with api.session(source=source), api.capture():
        for compute in (
            lambda: F.cross_entropy(model(points), targets),
            lambda: F.cross_entropy(model(points), labels, reduction="none").mean(),
            lambda: F.cross_entropy(
                tokens.transpose(1, 2) + model(points[:6])[0, 0], torch.arange(24).reshape(6, 4) % 3
            ),
            lambda: F.mse_loss(model(points), points),
        ):
            compute().backward()
            optimizer.step()
    found = [None if entry.labels_B is None else entry.labels_B.tolist() for entry in source.entries]
    assert found == [targets[targets >= 0].tolist(), labels.tolist(), None, None]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"label": labels.float()}, "label is torch.float32 of shape"),
        ({"index": torch.arange(3).repeat(64, 1)}, "one for each of the 32 samples"),
        ({"ids": ["a"] * 32}, "ids are 32 names without an index"),
        ({"ids": ["a"], "index": torch.arange(64)}, "ids are 1 names, must be one for each of the 32"),
    ],
)
def test_indices_labels_and_names_that_do_not_fit_the_samples_are_refused(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        trained(**given)


def test_unknown_samples_are_reported_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loop = """
import torch, absgd_worker as absgd
from torch.utils.data import DataLoader, TensorDataset
loader = DataLoader(TensorDataset(torch.randn(32, 4), torch.arange(32) % 3), batch_size=8)
model = torch.nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for points, labels in {loader}:
    torch.nn.functional.cross_entropy(model(points), labels).backward()
    optimizer.step()
"""
    for loader, times in (("loader", 1), ("absgd.track(loader)", 0)):
        script = tmp_path / "script.py"
        script.write_text(loop.format(loader=loader))
        assert command.main(["--lam", "-1", str(script)]) == 0
        err = capsys.readouterr().err
        assert err.count("no sample identity: history and suspects are off") == times
