"""The weights of samples, from the log of a run. Shapes: N samples of the data set."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

import absgd_worker
from absgd_worker.link.courier.log_file import LogFile
from absgd_worker.link.wire.messages import Hello, Position
from absgd_worker.link.wire.record_codec import encode_record
from absgd_worker.link.wire.records import Body, Joined, Rewind, SampleBatch, StepSamples


def samples(step: int, weights: dict[int, float], *, attempt: int = 1, weighing: str = "") -> SampleBatch:
    return SampleBatch(
        attempt,
        [
            StepSamples(
                step,
                len(weights),
                array("f", weights.values()).tobytes(),
                array("f", weights.values()).tobytes(),
                array("I", weights).tobytes(),
                weighing=weighing,
            )
        ],
    )


def write(directory: Path, bodies: list[Body]) -> Path:
    directory.mkdir(parents=True)
    (directory / "manifest.json").write_text("{}")
    for stream in ("steps", "samples"):
        log = LogFile(directory / f"{stream}.log", stream)
        for seq, body in enumerate(bodies, 1):
            if isinstance(body, SampleBatch) == (stream == "samples"):
                log.append(encode_record(body, origin="w", incarnation=1, seq=seq, time_ms=0))
        log.close()
    return directory


def test_a_run_in_this_process_gives_its_weights(runs: Path) -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 4)
    y = (x[:, 0] > 0).long()
    y[:8] = 1 - y[:8]
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    criterion = absgd_worker.wrap(nn.CrossEntropyLoss())
    with absgd_worker.session(run="mine", lam=-0.5):
        for _ in range(20):
            for a, b in absgd_worker.track(DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)):
                optimizer.zero_grad()
                criterion(model(a), b).backward()
                optimizer.step()
    weights = absgd_worker.sample_weights("mine")
    assert weights.dtype == torch.float32
    assert weights.shape == (64,)
    assert weights.mean().item() == pytest.approx(1, abs=1e-5)
    assert weights[:8].mean() < 0.7 < weights[8:].mean()
    assert torch.equal(absgd_worker.sample_weights(runs / "mine"), weights)
    assert len(list(WeightedRandomSampler(weights.tolist(), len(weights)))) == 64


def test_the_last_times_count_and_the_mean_is_one(tmp_path: Path) -> None:
    run = write(
        tmp_path / "run",
        [
            samples(0, {0: 0.9, 1: 0.1}),
            samples(1, {0: 0.25, 1: 0.75}),
            samples(2, {0: 0.25, 1: 0.75}),
            samples(3, {3: 1.0, 0: 0.0}),
        ],
    )
    # Weight times batch size, the last two of each: 0.25 and 0; 1.5 and 1.5; never; 2.
    plain = torch.tensor([0.25, 1.5, 0, 2.0])
    expected = plain / (plain.sum() / 3)
    expected[2] = 1
    assert torch.allclose(absgd_worker.sample_weights(run, last=2), expected)


def test_steps_that_a_rewind_hides_and_other_losses_do_not_count(tmp_path: Path) -> None:
    visible: list[Body] = [samples(0, {0: 0.5, 1: 0.5}), samples(1, {0: 0.25, 1: 0.75}, attempt=2)]
    hidden = [samples(1, {0: 0.9, 1: 0.1}), samples(1, {0: 1.0, 1: 0.0}, weighing="aux")]
    run = write(tmp_path / "a", [visible[0], *hidden, Rewind(2, 1), visible[1]])
    plain = write(tmp_path / "b", visible)
    assert torch.equal(absgd_worker.sample_weights(run), absgd_worker.sample_weights(plain))


def test_a_sample_that_is_twice_in_a_batch_was_seen_twice(tmp_path: Path) -> None:
    twice = StepSamples(0, 3, b"", array("f", [0.2, 0.4, 0.4]).tobytes(), array("I", [0, 0, 1]).tobytes())
    weights = absgd_worker.sample_weights(write(tmp_path / "run", [SampleBatch(1, [twice])]))
    assert torch.allclose(weights, torch.tensor([0.3, 0.4]) / 0.35)


def test_the_size_is_that_of_the_data_set(tmp_path: Path) -> None:
    hello = Hello(
        run="run",
        peer="worker",
        incarnation=1,
        pid=1,
        steps_per_epoch=0,
        dataset_size=5,
        num_classes=0,
        position=Position(1, 0),
        planned_through=0,
        versions={},
        device="cpu",
        initial={},
        batch_size=0,
    )
    run = write(tmp_path / "run", [Joined(hello, 1), samples(0, {2: 0.5, 1: 0.5})])
    assert absgd_worker.sample_weights(run).tolist() == [1] * 5
    assert absgd_worker.sample_weights(run, size=7).shape == (7,)
    with pytest.raises(absgd_worker.ReviewError, match=r"size is 2, and the run in .* has seen sample 2"):
        absgd_worker.sample_weights(run, size=2)


def test_a_run_without_samples_is_refused(tmp_path: Path, runs: Path) -> None:
    with pytest.raises(absgd_worker.ReviewError, match="there is no run 'nobody' in"):
        absgd_worker.sample_weights("nobody")
    with pytest.raises(absgd_worker.ReviewError, match="has no samples with an index"):
        absgd_worker.sample_weights(write(tmp_path / "run", [Rewind(1, 0)]))
    with pytest.raises(ValueError, match="last is 0"):
        absgd_worker.sample_weights(tmp_path / "run", last=0)


def test_an_incomplete_last_record_ends_the_log(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [samples(0, {0: 0.25, 1: 0.75})])
    before = absgd_worker.sample_weights(run)
    with (run / "samples.log").open("ab") as file:
        file.write(b"\x09\0\0\0abcd")
    assert torch.equal(absgd_worker.sample_weights(run), before)
