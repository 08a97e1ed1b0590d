"""Losses in the style of timm: made of log_softmax and sums, with soft targets, of several labels."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.errors import NotWeighable
from recorder import Recorder, a_model, points

hard = points.argmax(1)
soft = torch.softmax(points * 3, 1)
several = (points > 0.3).float()


class LabelSmoothing(nn.Module):
    """Of primitives, as its own library has it."""

    def forward(self, scores: Tensor, target: Tensor) -> Tensor:
        log_p = F.log_softmax(scores, dim=-1)
        likely = -log_p.gather(-1, target[:, None])[:, 0]
        return (0.9 * likely - 0.1 * log_p.mean(-1)).mean()


class SoftTargets(nn.Module):
    def forward(self, scores: Tensor, target: Tensor) -> Tensor:
        return (-target * F.log_softmax(scores, dim=-1)).sum(-1).mean()


class OneAgainstAll(nn.Module):
    """Binary cross-entropy; classes are summed where asked for, and averaged otherwise."""

    def __init__(self, *, sums: bool, weighs: bool = False) -> None:
        super().__init__()
        self.sums = sums
        self.pos_weight = torch.tensor([1.0, 2.0, 3.0, 4.0]) if weighs else None

    def forward(self, scores: Tensor, target: Tensor) -> Tensor:
        reduction = "none" if self.sums else "mean"
        losses = F.binary_cross_entropy_with_logits(
            scores, target, pos_weight=self.pos_weight, reduction=reduction
        )
        return losses.sum(-1).mean() if self.sums else losses


class OneNumber(nn.Module):
    def forward(self, scores: Tensor, target: Tensor) -> Tensor:
        return -(target * F.logsigmoid(scores)).sum()


def per_sample(criterion: nn.Module, scores: Tensor, target: Tensor) -> Tensor:
    return torch.stack([criterion(scores[i : i + 1], target[i : i + 1]) for i in range(len(scores))])


@pytest.mark.parametrize(
    ("criterion", "target"),
    [
        (LabelSmoothing(), hard),
        (SoftTargets(), soft),
        (OneAgainstAll(sums=True), several),
        (OneAgainstAll(sums=False), several),
        (nn.CrossEntropyLoss(label_smoothing=0.1), hard),
        (nn.CrossEntropyLoss(), soft),
    ],
    ids=["smoothing", "soft", "sums", "means", "torch's smoothing", "torch's soft targets"],
)
def test_each_sample_has_its_weight_and_without_lambda_the_loss_is_what_it_was(
    criterion: nn.Module, target: Tensor
) -> None:
    model, _ = a_model()
    weighed = api.wrap(criterion)
    with api.session(lam=math.inf) as session:
        assert torch.equal(weighed(model(points), target), criterion(model(points), target))
        assert session.captured == 1
    with api.session(lam=-0.5, gamma=1.0):
        found = weighed(model(points), target)
    losses = per_sample(criterion, model(points), target).detach()
    weights = torch.softmax(losses.double() / -0.5, 0)
    assert found.item() == pytest.approx(float((weights * losses).sum()), rel=1e-5)


def test_weights_of_positives_stay_outside_the_exponent() -> None:
    model, optimizer = a_model()
    source = Recorder(**{"lambda": -0.5, "gamma": 1.0})
    with api.session(source=source):
        api.wrap(OneAgainstAll(sums=False, weighs=True))(model(points), several).backward()
        optimizer.step()
    plain = per_sample(OneAgainstAll(sums=False), a_model()[0](points), several).detach()
    assert torch.allclose(source.entries[0].losses_B, plain)


def test_a_sum_that_hides_its_samples_is_refused_when_lambda_is_on() -> None:
    model, _ = a_model()
    with (
        api.session(lam=-1.0),
        pytest.raises(NotWeighable, match=r'OneNumber gives one number.*reduction="none"'),
    ):
        api.wrap(OneNumber())(model(points), several)


@pytest.mark.parametrize("make", [LabelSmoothing, SoftTargets])
def test_without_wrap_a_loss_of_primitives_is_missed_loudly(make: Callable[[], nn.Module]) -> None:
    model, optimizer = a_model()
    criterion, target = make(), hard if make is LabelSmoothing else soft

    def loop() -> None:
        for _ in range(30):
            optimizer.zero_grad()
            criterion(model(points), target).backward()
            optimizer.step()

    with (
        api.session(lam=-1.0),
        api.capture(),
        pytest.raises(RuntimeError, match=r"20 optimizer steps.*absgd_worker\.wrap"),
    ):
        loop()
