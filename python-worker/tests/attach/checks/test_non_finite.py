"""A loss or a metric that is NaN or infinite is reported on stderr when it begins and when it ends."""

from __future__ import annotations

import math
import random
import struct

import pytest
import torch
from torch import Tensor

from absgd_worker.attach import api
from absgd_worker.attach.checks import non_finite
from absgd_worker.attach.checks.non_finite import MAX_REPORTS, READ_TOGETHER, Copy, NonFiniteCheck
from absgd_worker.link.courier.step_columns import NOT_A_NUMBER, step_batch
from recorder import a_model
from sent_telemetry import entry, rows

VALUES = [0.5, 0.5, 0.5, math.nan, math.inf, -math.inf]
points = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))


def events_of(name: str, values: list[float]) -> list[str]:
    """The lines for these values, computed one value after the other."""
    lines, since, times = [], None, 0
    for step, value in enumerate(values):
        if not math.isfinite(value) and since is None:
            since, times = step, times + 1
            if times <= MAX_REPORTS:
                more = "; this is not printed again" if times == MAX_REPORTS else ""
                lines.append(f"absgd: {name} is {value} from step {step} on{more}")
        elif math.isfinite(value) and since is not None:
            were = "1 step was" if step - since == 1 else f"{step - since} steps were"
            if times <= MAX_REPORTS:
                lines.append(f"absgd: {name} is finite again from step {step} on: {were} not")
            since = None
    return lines


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("lam", [math.inf, -2.0])
def test_each_stretch_of_non_finite_losses_is_reported_at_its_begin_and_its_end(
    seed: int, lam: float, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = random.Random(seed)
    values = [value for _ in range(12) for value in [draw.choice(VALUES)] * draw.randint(1, 3)]
    model, optimizer = a_model()
    with api.session(lam=lam, announce=False):
        for value in values:
            # The weights stay finite for all losses.
            losses = model(points).sum(1) * 0 + value
            losses.register_hook(torch.zeros_like)
            api.weigh(losses).backward()
            for parameter in model.parameters():
                parameter.grad = torch.zeros_like(parameter)
            optimizer.step()
    # The collapse of the run is reported as well.
    said = [line for line in capsys.readouterr().err.splitlines() if "collapses under lambda" not in line]
    assert said == events_of("train.loss", values)


def test_metrics_of_evaluations_and_numbers_of_steps_are_reported_by_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model, optimizer = a_model()
    with api.session(announce=False) as session:
        for number, accuracy in [(1.0, math.nan), (math.inf, math.nan), (2.0, 0.9)]:
            session.log(gradient=torch.tensor(number))
            api.weigh(model(points).square().mean(1)).backward()
            optimizer.step()
            session.evaluated("val", {"accuracy": accuracy, "\x1b[2J": 1 / 3})
    assert capsys.readouterr().err.splitlines() == [
        "absgd: val.accuracy is nan after 1 step",
        "absgd: train.gradient is inf from step 1 on",
        "absgd: train.gradient is finite again from step 2 on: 1 step was not",
        "absgd: val.accuracy is finite again after 3 steps: 2 evaluations were not",
    ]


def test_a_name_is_printed_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    NonFiniteCheck().evaluated("val", {"\x1b[2J": math.nan}, 3)
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("steps_later", [0, 1, 30, 1000])
def test_numbers_on_a_device_are_read_together_once_copied_and_the_rest_at_the_end(
    steps_later: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0

    def later(values: Tensor) -> Copy:
        there_at = now + steps_later
        return Copy(values, lambda: now >= there_at, lambda: None)

    monkeypatch.setattr(non_finite, "copy_to_host", later)
    monkeypatch.setattr(torch.Tensor, "is_cpu", property(lambda _: False))
    watch = NonFiniteCheck()
    values = [math.nan if 3 <= step < 70 else 0.5 for step in range(2 * READ_TOGETHER + 10)]
    said: list[int] = []
    for now, value in enumerate(values):
        watch.step(now, [("train.loss", torch.tensor(value))])
        said += [now] * capsys.readouterr().err.count("\n")
    first = READ_TOGETHER - 1 + max(1, steps_later)
    assert said[:1] == ([first] if first < len(values) else [])
    watch.close()
    said_at_the_end = capsys.readouterr().err.count("\n")
    assert len(said) + said_at_the_end == len(events_of("train.loss", values))


def test_a_metric_that_is_nan_differs_from_a_missing_one() -> None:
    run = [entry(0, metrics={"a": math.nan}), entry(1), entry(2, metrics={"a": torch.tensor(math.nan)})]
    column = step_batch(rows(run), labels_N=None, num_classes=0).metrics["a"]
    assert [column[i : i + 8] for i in (0, 8, 16)] == [
        NOT_A_NUMBER,
        struct.pack("<d", math.nan),
        NOT_A_NUMBER,
    ]
    assert all(math.isnan(number) for number in struct.unpack("<3d", column))
