"""Weights of samples given to losses of torch, and what a wrapped criterion leaves without reduction."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.errors import NotWeighable
from weight_checks import LAM, check, factors


@pytest.mark.parametrize(
    ("weight", "where"),
    [
        (torch.rand(6, 1, dtype=torch.float64) + 0.1, "outside"),
        (torch.rand(6, 3, dtype=torch.float64) + 0.1, "inside"),
        (torch.rand(3, dtype=torch.float64) + 0.1, "outside"),
        (torch.tensor([0.0, 1, 2], dtype=torch.float64), "outside"),
        (torch.tensor([0.0, 1, 1, 0, 0, 2], dtype=torch.float64)[:, None], "outside"),
    ],
    ids=["of samples", "of elements", "of classes", "of a class that is out", "of samples that are out"],
)
def test_weights_given_to_a_loss_of_elements_are_as_those_by_hand(weight: Tensor, where: str) -> None:
    model, x = nn.Linear(4, 3).double(), torch.randn(6, 4, dtype=torch.float64)
    y = (torch.rand(6, 3) > 0.5).double()

    def loss(**options: Any) -> Tensor:
        return F.binary_cross_entropy_with_logits(model(x), y, **options)

    wide = weight.expand(6, 3)
    kept = wide != 0
    value = loss(reduction="none") * (wide if where == "inside" else kept)
    each = factors(value.sum(1) / kept.sum(1).clamp(min=1), kept.any(1))
    expected = (loss(reduction="none") * wide * each[:, None]).mean()

    def captured() -> Tensor:
        with api.capture():
            return loss(weight=weight)

    def unreduced() -> Tensor:
        with api.capture():
            return loss(weight=weight, reduction="none").mean()

    for way in (captured, unreduced, lambda: api.wrap(nn.BCEWithLogitsLoss(weight=weight))(model(x), y)):
        check(model, way, expected)


def test_a_criterion_that_averages_likelihoods_and_turns_the_sign_is_weighed_by_its_losses() -> None:
    class Likelihood(nn.Module):
        def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
            return -scores.log_softmax(-1).gather(-1, labels[:, None])[:, 0].mean()

    model, x = nn.Linear(3, 4).double(), torch.randn(7, 3, dtype=torch.float64)
    labels = torch.arange(7) % 4
    losses = F.cross_entropy(model(x), labels, reduction="none")
    expected = (factors(losses, torch.ones(7, dtype=torch.bool)) * losses).mean()
    check(model, lambda: api.wrap(Likelihood())(model(x), labels), expected, losses.detach())


def test_losses_of_a_criterion_that_nobody_sees_reduced_are_refused_in_the_backward_pass() -> None:
    model, x = nn.Linear(3, 2), torch.randn(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    criterion = api.wrap(nn.CrossEntropyLoss(reduction="none"))
    for lam in (math.inf, LAM):
        with api.session(lam=lam):
            losses = criterion(model(x), torch.zeros(4, dtype=torch.long))
            total = losses[0] + losses[1] + losses[2] + losses[3]
            if math.isinf(lam):
                total.backward()
            else:
                with pytest.raises(NotWeighable, match=r"CrossEntropyLoss gave .*mean\(\) or sum\(\)"):
                    total.backward()
            optimizer.step()


def test_a_mode_that_a_script_enters_meanwhile_is_left_as_ever() -> None:
    model, x = nn.Linear(3, 2), torch.randn(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    criterion = api.wrap(nn.CrossEntropyLoss(reduction="none"))
    stack = torch.overrides._get_current_function_mode_stack
    before = stack()
    with api.session(lam=LAM) as session:
        for _ in range(2):
            with torch.device("cpu"):
                losses = criterion(model(x), torch.zeros(4, dtype=torch.long))
            assert len(stack()) == len(before) + 1
            losses.mean().backward()
            optimizer.step()
            assert stack() == before
        criterion(model(x), torch.zeros(4, dtype=torch.long))
        assert session.step == 2
    assert stack() == before


def test_under_a_default_device_too() -> None:
    model, x = nn.Linear(3, 2), torch.randn(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    criterion = api.wrap(nn.CrossEntropyLoss(reduction="none"))
    before = torch.get_default_device()
    torch.set_default_device("cpu")
    try:
        with api.session(lam=LAM) as session:
            losses = criterion(model(x), torch.zeros(4, dtype=torch.long))
            torch.set_default_device("meta")
            torch.set_default_device("cpu")
            losses.mean().backward()
            optimizer.step()
            assert session.step == 1
    finally:
        torch.set_default_device(before)
        torch._GLOBAL_DEVICE_CONTEXT.device_context.__exit__(None, None, None)
        del torch._GLOBAL_DEVICE_CONTEXT.device_context
    assert not torch.overrides._get_current_function_mode_stack()


class ReverseCrossEntropy(nn.Module):
    """Of the symmetric cross-entropy for wrong labels: predictions times the logarithm of one-hot labels."""

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        aims = F.one_hot(labels, scores.shape[1]).to(scores.dtype).clamp(1e-4, 1)
        return (-1 * torch.sum(scores.softmax(1) * torch.log(aims), dim=1)).mean()


@pytest.mark.parametrize("lam", [-1.0, 2.0])
def test_the_logarithm_of_one_hot_labels_is_a_scale_of_the_loss_and_no_weight(lam: float) -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 4).double()
    points, labels = torch.randn(8, 3, dtype=torch.float64), torch.arange(8) % 4
    aims = F.one_hot(labels, 4).double().clamp(1e-4, 1)
    losses = -(model(points).softmax(1) * aims.log()).sum(1).detach()
    with api.session(lam=lam):
        found = api.wrap(ReverseCrossEntropy())(model(points), labels)
    assert found.item() == pytest.approx((torch.softmax(losses / lam, 0) * losses).sum().item(), rel=1e-9)
