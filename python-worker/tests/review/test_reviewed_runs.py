"""Runs on corrected data: their logs name the review, and samples by their old numbers."""

from __future__ import annotations

from array import array
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import absgd_worker
from absgd_worker.link.courier.samples import open_samples
from absgd_worker.link.describe_samples import describe_samples
from absgd_worker.link.wire.records import Note, SamplePredictions
from absgd_worker.review.corrected import Corrected
from absgd_worker.task.prediction import predict
from in_one_thread import served_task, train_rows
from run_records import records

N = 12
LABELS = torch.arange(N) % 3
KEPT = [0, 2, 3, 4, 5, 6, 7, 8, 9, 10]
CORRECTED = [2 if i == 4 else i % 3 for i in KEPT]
NOTE = "review: 2 dropped, 1 relabelled (sha256 "


def corrected(tmp_path: Path) -> Corrected:
    file = tmp_path / "review.csv"
    file.write_text("index,action\n1,drop\n4,relabel:2\n11,drop\n")
    return absgd_worker.apply_review(TensorDataset(torch.arange(N)[:, None].float(), LABELS), file)


def train(loader: DataLoader[tuple[torch.Tensor, ...]], epochs: int = 2) -> None:
    torch.manual_seed(0)
    model = nn.Linear(1, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    criterion = absgd_worker.wrap(nn.CrossEntropyLoss())
    for _ in range(epochs):
        for x, y in absgd_worker.track(loader):
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()


def notes(directory: Path) -> list[tuple[int, str]]:
    found = [record.note for record in records(directory / "steps.log") if record.HasField("note")]
    return [(note.level, note.text) for note in found]


def test_a_recorded_loop_names_the_review_once_and_the_old_numbers(tmp_path: Path, runs: Path) -> None:
    with absgd_worker.session(run="before"):
        train(DataLoader(TensorDataset(torch.arange(N)[:, None].float(), LABELS), batch_size=4))
    data = corrected(tmp_path)
    with absgd_worker.session(run="after"):
        train(DataLoader(data, batch_size=5, shuffle=True))
    assert notes(runs / "before") == []
    assert notes(runs / "after") == [(1, f"{NOTE}{data.digest})")]
    seen: set[int] = set()
    labels: dict[int, int] = {}
    for record in records(runs / "after" / "samples.log"):
        for step in record.sample_batch.steps:
            seen |= set(array("I", step.indices))
        for offset, label in enumerate(array("I", record.sample_info.labels)):
            labels[record.sample_info.first_index + offset] = label
    assert sorted(seen) == KEPT
    assert [labels[number] for number in KEPT] == CORRECTED


def test_a_review_applied_while_a_run_is_recorded_is_named_too(tmp_path: Path, runs: Path) -> None:
    with absgd_worker.session(run="both"):
        train(DataLoader(TensorDataset(torch.arange(N)[:, None].float(), LABELS), batch_size=4), epochs=1)
        data = corrected(tmp_path)
        train(DataLoader(data, batch_size=5), epochs=1)
    assert notes(runs / "both") == [(1, f"{NOTE}{data.digest})")]


def task_on(data: Corrected) -> absgd_worker.Task:
    torch.manual_seed(0)
    model = nn.Linear(1, 3)
    return absgd_worker.Task(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data=data,
        batch_size=5,
        loss=lambda model, batch: nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="none"),
        predict=lambda model, batch: model(batch[0]),
        labels=LABELS,
        ids=[f"img/{i}.png" for i in range(N)],
    )


def test_a_served_task_takes_the_columns_of_all_samples_and_reports_the_old_numbers(tmp_path: Path) -> None:
    data = corrected(tmp_path)
    task = task_on(data)
    assert task.size == 10
    assert isinstance(task.labels, torch.Tensor)
    assert task.labels.tolist() == CORRECTED
    assert task.ids == [f"img/{i}.png" for i in KEPT]
    served = served_task(task)
    entries = train_rows(served, [{"lambda": -1.0, "gamma": 0.9, "lr": 0.1}] * 2)
    numbers = [
        number for entry in entries if entry.indices_B is not None for number in entry.indices_B.tolist()
    ]
    assert sorted(numbers) == KEPT
    outgoing: Any = served.exchange.outgoing
    said = [item.text for item in list(outgoing) if isinstance(item, Note)]
    assert said == [f"{NOTE}{data.digest})"]


def test_predictions_and_descriptions_of_a_served_task_have_the_old_numbers(tmp_path: Path) -> None:
    task = task_on(corrected(tmp_path))
    emitted: list[SamplePredictions] = []
    assert predict(task, emitted.append, attempt=1, step=0, seed=0)
    assert [
        number for one in emitted for number in range(one.first_index, one.first_index + one.count)
    ] == KEPT
    described = open_samples(describe_samples(task, tmp_path / "described"))
    [info] = described.infos(100)
    labels = array("I", info.labels)
    assert (info.count, labels[1], labels[11], info.ids[1]) == (N, 2**32 - 1, 2**32 - 1, "")
    assert [labels[number] for number in KEPT] == CORRECTED
    assert [info.ids[number] for number in KEPT] == [f"img/{i}.png" for i in KEPT]


def test_a_sample_that_cannot_be_read_is_named_by_its_old_number(tmp_path: Path) -> None:
    from absgd_worker.task.batches import Batches  # noqa: PLC0415
    from absgd_worker.task.sampler import Sampler  # noqa: PLC0415

    task = task_on(corrected(tmp_path))
    assert Batches(task, Sampler(10, 5, seed=0)).name(1) == "sample 2 (img/2.png)"


def test_columns_that_fit_neither_are_refused(tmp_path: Path) -> None:
    task = task_on(corrected(tmp_path))
    with pytest.raises(absgd_worker.TaskError, match="one entry for each of the 10 samples"):
        replace(task, labels=torch.zeros(11, dtype=torch.int64))
