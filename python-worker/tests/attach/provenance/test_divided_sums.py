"""The unit of lambda: a sample's loss is the mean of its elements under a mean, their sum under a sum."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from weight_checks import check, factors

Reduce = Callable[[Tensor], Tensor]


@pytest.mark.parametrize("seed", range(24))
def test_a_sum_is_weighed_by_sums_unless_it_is_divided_by_the_number_of_elements(seed: int) -> None:
    draw, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    size, length = draw.choice([3, 5]), draw.choice([8, 20])
    model = nn.Linear(3, length).double()
    x = torch.randn(size, 3, dtype=torch.float64, generator=generator)
    y = torch.rand(size, length, dtype=torch.float64, generator=generator)
    count = size * length
    unit, divide = draw.choice(
        [
            ("sum", lambda one: one),
            ("sum", lambda one: one / size),
            ("sum", lambda one: one * (1 / size)),
            ("sum", lambda one: 0.5 * one),
            ("mean", lambda one: one / count),
            ("mean", lambda one: one * (1 / count)),
            ("mean", lambda one: one / torch.tensor(count)),
            # Of a step of three micro-batches, as a framework divides.
            ("mean", lambda one: one / (3 * count)),
        ]
    )

    def loss(reduction: str) -> Tensor:
        return F.binary_cross_entropy_with_logits(model(x), y, reduction=reduction)

    elements = loss("none")
    of_samples = elements.sum(1) if unit == "sum" else elements.mean(1)
    each = factors(of_samples, torch.ones(size, dtype=torch.bool))
    expected = divide((each[:, None] * elements).sum())

    def captured() -> Tensor:
        with api.capture():
            return divide(loss("sum"))

    def captured_elements() -> Tensor:
        with api.capture():
            return divide(loss("none").sum())

    def wrapped(reduction: str) -> Tensor:
        return api.wrap(nn.BCEWithLogitsLoss(reduction=reduction))(model(x), y)

    for way in (
        captured,
        captured_elements,
        lambda: divide(wrapped("sum")),
        lambda: divide(wrapped("none").sum()),
        lambda: api.wrap(lambda s, y: divide(F.binary_cross_entropy_with_logits(s, y, reduction="sum")))(
            model(x), y
        ),
    ):
        check(model, way, expected, of_samples.detach())


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_weigh_has_the_unit_of_its_reduction(reduction: str) -> None:
    model, x = nn.Linear(3, 4).double(), torch.randn(5, 3, dtype=torch.float64)
    elements = model(x).square()
    of_samples = elements.sum(1) if reduction == "sum" else elements.mean(1)
    each = factors(of_samples, torch.ones(5, dtype=torch.bool))
    weighed = each[:, None] * elements
    expected = weighed.sum() if reduction == "sum" else weighed.mean()
    check(model, lambda: api.weigh(model(x).square(), reduction=reduction), expected, of_samples.detach())  # type: ignore[arg-type]


def test_a_batchmean_has_sums_and_a_mean_has_means() -> None:
    model, x = nn.Linear(3, 4).double(), torch.randn(5, 3, dtype=torch.float64)
    aims = torch.softmax(torch.randn(5, 4, dtype=torch.float64), 1)
    for reduction in ("batchmean", "mean"):
        elements = F.kl_div(model(x).log_softmax(1), aims, reduction="none")
        of_samples = elements.sum(1) if reduction == "batchmean" else elements.mean(1)
        each = factors(of_samples, torch.ones(5, dtype=torch.bool))
        expected = (each[:, None] * elements).sum() / (5 if reduction == "batchmean" else 20)

        def captured(reduction: str = reduction) -> Tensor:
            with api.capture():
                return F.kl_div(model(x).log_softmax(1), aims, reduction=reduction)

        check(model, captured, expected, of_samples.detach())


def test_the_unit_is_found_out_once_and_a_loss_counts_once() -> None:
    model, x = nn.Linear(3, 9), torch.randn(5, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with api.session(lam=-1.0) as session, api.capture():
        for step in range(3):
            optimizer.zero_grad()
            (F.mse_loss(model(x), torch.zeros(5, 9), reduction="sum") / 45).backward()
            assert session.captured == step + 1
            optimizer.step()
        assert (session.step, session.captured) == (3, 3)
