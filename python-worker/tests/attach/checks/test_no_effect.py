"""A lambda without effect is reported; batches of lists have their number of samples."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.checks.no_effect import NoEffectCheck
from absgd_worker.attach.hooks.batch_sizes import BatchSizes
from absgd_worker.attach.provenance.granularity import GranularityError
from absgd_worker.weights import Normaliser
from recorder import Recorder, a_model, labels, points


def reports(
    capsys: pytest.CaptureFixture[str],
    *,
    lam: float,
    scale: float,
    size: int = 8,
    steps: int = 250,
    on_device: bool = False,
) -> int:
    """How often a run of these losses reports it."""
    effect, normaliser = NoEffectCheck(), Normaliser(on_device=on_device)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        losses = scale * torch.rand(size, generator=generator)
        statistics = normaliser.weigh(losses, lam=lam, gamma=0.9).statistics
        effect.add([statistics], lam, is_off=math.isinf(lam))
    return capsys.readouterr().err.count("lambda had no effect in 100 steps")


@pytest.mark.parametrize("size", [2, 8, 128])
@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("ratio", [0.01, 1.0, 5.0, 300.0, 1e5])
def test_a_lambda_that_is_large_compared_with_the_losses_is_reported_once(
    capsys: pytest.CaptureFixture[str], size: int, sign: int, ratio: float
) -> None:
    for scale in (0.01, 1.0, 100.0):
        assert reports(capsys, lam=sign * ratio * scale, scale=scale, size=size) == (ratio >= 300)


@pytest.mark.parametrize("ratio", [1.0, 1e5])
def test_statistics_on_a_device_are_judged_alike(capsys: pytest.CaptureFixture[str], ratio: float) -> None:
    assert reports(capsys, lam=-ratio, scale=1.0, on_device=True) == (ratio == 1e5)


def test_lambda_off_single_samples_and_fewer_steps_are_not_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert reports(capsys, lam=math.inf, scale=1.0) == 0
    assert reports(capsys, lam=-1e6, scale=1.0, size=1) == 0
    assert reports(capsys, lam=-1e6, scale=1.0, steps=99) == 0


def test_a_script_prints_it_on_stderr_and_names_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    model, optimizer = a_model()
    with api.session(source=Recorder(**{"lambda": -1e6})):
        criterion = api.wrap(nn.CrossEntropyLoss())
        for _ in range(210):
            optimizer.zero_grad()
            criterion(model(points), labels).backward()
            optimizer.step()
    err = capsys.readouterr().err
    assert err.count("lambda = -1e+06 is large compared with") == 1
    assert "absgd suggest" in err


def images(*heights: int, channels: int = 3) -> list[Tensor]:
    return [torch.zeros(channels, height, 9) for height in heights]


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        ((torch.zeros(6, 3),), [6]),
        ((images(8, 9, 7, 8, 6),), [5]),
        ((images(8, 8),), [2]),
        ((tuple(images(8, 9, 7, 8)), [{"boxes": torch.zeros(2, 4)}]), [4]),
        ((images(8, 9, channels=1),), [2]),
        (([torch.zeros(5, 3), torch.zeros(7, 3), torch.zeros(2, 3)],), [3]),
        (([torch.zeros(8, 9, 3), torch.zeros(7, 5, 3)],), [2]),
        (([torch.zeros(16, 5, 3), torch.zeros(16, 2, 3)],), [16, 2]),
        (([torch.zeros(16, 5), torch.zeros(2, 16, 8)],), [16, 2]),
        (((torch.zeros(16, 5), torch.zeros(16, 8)),), [16]),
        (({"ids": torch.zeros(4, 7)},), [4]),
        (([{"image": torch.zeros(3, 8, 9)}] * 2,), [3, 2]),
        ((nn.utils.rnn.pack_sequence([torch.zeros(3, 2), torch.zeros(1, 2)]),), [2]),
        ((1, None, torch.zeros(4, 2)), [4]),
    ],
)
def test_the_batch_of_a_model_is_read_from_its_arguments(given: tuple[object, ...], sizes: list[int]) -> None:
    assert BatchSizes().of(given) == sizes


def test_a_small_last_batch_of_several_inputs_is_not_taken_for_images() -> None:
    sizes = BatchSizes()
    assert sizes.of(([torch.zeros(16, 5, 3), torch.zeros(16, 2, 3)],)) == [16, 2]
    assert sizes.of(([torch.zeros(3, 5, 3), torch.zeros(3, 2, 3)],)) == [3, 2]


class Detector(nn.Module):
    """Losses of boxes, like those of torchvision's detectors in training."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 4)

    def forward(self, given: list[Tensor], boxes: list[Tensor]) -> dict[str, Tensor]:
        of_boxes = torch.cat(
            [self.head(image.mean((1, 2))).expand(len(b), 4) for image, b in zip(given, boxes, strict=True)]
        )
        return {
            "classes": F.cross_entropy(of_boxes, torch.zeros(len(of_boxes), dtype=torch.long)),
            "boxes": F.smooth_l1_loss(of_boxes, torch.cat(boxes)),
        }


@pytest.mark.parametrize("counts", [(2, 1), (1, 1, 1, 1, 2), (3, 0), (4, 3)])
def test_losses_of_boxes_are_refused_by_function_name_and_may_be_left(
    counts: tuple[int, ...],
) -> None:
    """Three boxes are not the samples of images with three channels."""
    model = Detector()
    given, boxes = images(*[8 + k for k in range(len(counts))]), [torch.zeros(k, 4) for k in counts]
    with (
        api.session(lam=-1.0),
        api.capture(),
        pytest.raises(GranularityError, match=r"^cross_entropy mean: .*--leave cross_entropy"),
    ):
        model(given, boxes)
    with api.session() as session, api.capture():
        plain = model(given, boxes)
    assert session.captured == 0
    leave = ["cross_entropy", "smooth_l1_loss"]
    with api.session(lam=-1.0) as session, api.capture(leave=leave):
        found = model(given, boxes)
    assert session.captured == 0
    assert {name: one.item() for name, one in found.items()} == {
        name: one.item() for name, one in plain.items()
    }
