"""Masks and sample weights stay outside the exponent with wrap, weigh and capture alike."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.provenance.granularity import Granularity
from weight_checks import check, factors

Made = Callable[[Tensor], Tensor]


class Elements(nn.Module):
    """Squared differences, by torch's function or by hand, without reduction."""

    def __init__(self, by_hand: bool) -> None:
        super().__init__()
        self.by_hand = by_hand

    def forward(self, found: Tensor, aim: Tensor) -> Tensor:
        return (found - aim) ** 2 if self.by_hand else F.mse_loss(found, aim, reduction="none")


class Whole(nn.Module):
    """A criterion that reduces the elements itself."""

    def __init__(self, elements: nn.Module, made: Made) -> None:
        super().__init__()
        self.elements, self.made = elements, made

    def forward(self, found: Tensor, aim: Tensor) -> Tensor:
        return self.made(self.elements(found, aim))


def ways(
    model: nn.Module, x: Tensor, aim: Tensor, made: Made, granularity: Granularity = "auto"
) -> dict[str, Callable[[], Tensor]]:
    """The same script with wrap, weigh and capture."""

    def captured() -> Tensor:
        with api.capture(granularity=granularity):
            return made(Elements(False)(model(x), aim))

    def wrapped(criterion: nn.Module) -> Tensor:
        return api.wrap(criterion, granularity=granularity)(model(x), aim)

    found: dict[str, Callable[[], Tensor]] = {
        "captured": captured,
        "wrapped": lambda: made(wrapped(Elements(False))),
        "wrapped by hand": lambda: made(wrapped(Elements(True))),
        "whole": lambda: wrapped(Whole(Elements(False), made)),
    }
    if aim.ndim == 1:
        found["whole by hand"] = lambda: wrapped(Whole(Elements(True), made))
    return found


@pytest.mark.parametrize("seed", range(30))
def test_one_factor_per_sample_stays_outside_the_exponent_in_every_spelling(seed: int) -> None:
    draw, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    size = draw.choice([2, 5, 8])
    shape: tuple[int, ...] = draw.choice([(size,), (size, 1), (size, 4), (size, 3, 2)])
    model = nn.Linear(3, math.prod(shape[1:])).double()
    inputs = torch.randn(size, 3, dtype=torch.float64, generator=generator)
    aim = torch.randn(shape, dtype=torch.float64, generator=generator)
    weight = torch.rand(size, dtype=torch.float64, generator=generator) * draw.choice([0.5, 1.0, 4.0])
    weight[torch.rand(size, generator=generator) < draw.choice([0.0, 0.4])] = 0
    weight[0] = 0.7
    if draw.random() < 0.3:
        # Only a mask, of numbers or bools.
        weight = (weight != 0).to(draw.choice([torch.float64, torch.bool, torch.int64]))
    wide = weight.view(-1, *[1] * (len(shape) - 1))
    dims = tuple(range(1, len(shape)))
    mean: Made = (lambda one: one.mean(dims)) if dims else (lambda one: one)
    spelling, made = draw.choice(
        [
            ("times, mean", lambda one: (one * wide).mean()),
            ("reversed", lambda one: (wide * one).mean()),
            ("in two steps", lambda one: (one * wide * wide).mean()),
            ("scaled sum", lambda one: (one * wide).sum() / (wide.sum() * one.numel() / size)),
            ("of what a sample has lost", lambda one: (mean(one) * weight).mean()),
            ("of the sums", lambda one: (mean(one) * weight).sum() / weight.sum()),
            ("turned", lambda one: (one * wide).flip(0).mean()),
        ]
    )
    elements = (model(inputs).view(shape) - aim) ** 2
    each = factors(mean(elements), weight != 0).view(wide.shape)
    expected = made(elements * each)
    net = nn.Sequential(model, nn.Unflatten(1, shape[1:])) if dims else nn.Sequential(model, nn.Flatten(0))
    kept = weight != 0
    losses = mean(elements).detach()[kept]
    for name, way in ways(net, inputs, aim, made).items():
        if spelling == "turned" and name == "whole by hand":
            # Its elements are not followed, and the graph does not tell their order.
            continue
        check(net, way, expected, None if spelling == "turned" else losses)


@pytest.mark.parametrize("seed", range(30))
def test_a_weight_map_is_part_of_the_loss_and_its_zeros_do_not_count(seed: int) -> None:
    draw, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    size, length = draw.choice([2, 4, 7]), draw.choice([3, 5])
    model = nn.Linear(3, length).double()
    inputs = torch.randn(size, 3, dtype=torch.float64, generator=generator)
    aim = torch.randn(size, length, dtype=torch.float64, generator=generator)
    pixels = torch.rand(size, length, dtype=torch.float64, generator=generator) + 0.5
    pixels[torch.rand(size, length, generator=generator) < 0.4] = 0
    pixels[0, :2] = torch.tensor([0.3, 0.9])
    pixels[1] = 0 if draw.random() < 0.5 else pixels[1]
    counts = (pixels != 0).sum(1)
    elements = (model(inputs) - aim) ** 2 * pixels
    each = factors(elements.sum(1) / counts.clamp(min=1), counts > 0)
    # If all values of each sample were equal, they would be sample weights.
    made: Made = draw.choice(
        [
            lambda one: (one * pixels).sum() / (pixels != 0).sum(),
            lambda one: (pixels * one).sum() / pixels.sum(),
            lambda one: (one * pixels).mean(),
            lambda one: (one.t() * pixels.t()).mean(),
        ]
    )
    expected = made((model(inputs) - aim) ** 2 * each[:, None])
    for way in ways(model, inputs, aim, made).values():
        check(model, way, expected)


@pytest.mark.parametrize("seed", range(20))
def test_padding_that_a_mask_removes_after_the_criterion_does_not_count(seed: int) -> None:
    draw, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    size, length, words = draw.choice([2, 4]), draw.choice([3, 6]), 5
    model = nn.Sequential(nn.Embedding(words, 4), nn.Linear(4, words)).double()
    tokens = torch.randint(0, words, (size, length), generator=generator)
    labels = torch.randint(0, words, (size, length), generator=generator)
    lengths = torch.randint(1, length + 1, (size,), generator=generator)
    mask = (torch.arange(length)[None] < lengths[:, None]).double()
    of_samples = torch.rand(size, dtype=torch.float64, generator=generator) + 0.5

    def losses(criterion: Callable[..., Tensor]) -> Tensor:
        return criterion(model(tokens).view(-1, words), labels.view(-1)).view(size, length)

    made: Made = draw.choice(
        [
            lambda one: (one * mask).sum() / mask.sum(),
            lambda one: one.masked_fill(mask == 0, 0.0).sum() / mask.sum(),
            lambda one: one[mask > 0].mean(),
            lambda one: torch.where(mask > 0, one, 0.0).sum() / mask.sum(),
            lambda one: (one * mask * of_samples[:, None]).sum() / mask.sum(),
            lambda one: ((one * mask).sum(1) / mask.sum(1)).mean(),
            lambda one: ((one * mask).sum(1) / mask.sum(1) * of_samples).sum() / of_samples.sum(),
        ]
    )
    elements = losses(nn.CrossEntropyLoss(reduction="none"))
    each = factors((elements * mask).sum(1) / lengths, lengths > 0)
    expected = made(elements * each[:, None])

    def captured() -> Tensor:
        with api.capture():
            return made(losses(nn.CrossEntropyLoss(reduction="none")))

    check(model, captured, expected)
    check(model, lambda: made(losses(api.wrap(nn.CrossEntropyLoss(reduction="none")))), expected)


class TestOfOneSample:
    torch.manual_seed(22)
    size = 8
    model = nn.Linear(3, 1).double()
    x, y = torch.randn(8, 3, dtype=torch.float64), (torch.arange(8) % 2).double()
    weight = torch.tensor([1, 1, 4, 1, 0.25, 0, 2, 1], dtype=torch.float64)

    def losses(self) -> Tensor:
        return F.binary_cross_entropy_with_logits(self.model(self.x)[:, 0], self.y, reduction="none")

    def expected(self) -> Tensor:
        return (factors(self.losses(), self.weight != 0) * self.losses() * self.weight).sum()

    def test_it_is_the_same_given_to_the_function_or_to_weigh(self) -> None:
        def given() -> Tensor:
            criterion = nn.BCEWithLogitsLoss(weight=self.weight, reduction="sum")
            with api.capture():
                return criterion(self.model(self.x)[:, 0], self.y)

        def wrapped() -> Tensor:
            criterion = api.wrap(nn.BCEWithLogitsLoss(weight=self.weight, reduction="sum"))
            return criterion(self.model(self.x)[:, 0], self.y)

        def weighed() -> Tensor:
            self.model(self.x)
            return api.weigh(self.losses() * self.weight, reduction="sum")

        def weighed_in_a_capture() -> Tensor:
            with api.capture():
                return weighed()

        def weighed_of_a_criterion() -> Tensor:
            losses = api.wrap(nn.BCEWithLogitsLoss(reduction="none"))(self.model(self.x)[:, 0], self.y)
            return api.weigh(losses * self.weight, reduction="none").sum()

        for way in (given, wrapped, weighed, weighed_in_a_capture, weighed_of_a_criterion):
            check(self.model, way, self.expected(), self.losses().detach()[self.weight != 0])

    def test_a_factor_with_a_gradient_is_part_of_the_loss(self) -> None:
        """The factor of a focal loss, computed from the scores or from the loss."""
        by_hand: list[Made] = [
            lambda one: (one * (1 - (-one).exp()) ** 2).mean(),
            lambda one: ((1 - (-one).exp()) ** 2 * one * self.weight).mean(),
        ]
        for made, outside in zip(by_hand, (torch.ones(8), self.weight), strict=True):
            inside = self.losses() * (1 - (-self.losses()).exp()) ** 2
            expected = (factors(inside, outside != 0) * inside * outside).mean()

            def captured(made: Made = made) -> Tensor:
                with api.capture():
                    self.model(self.x)
                    return made(self.losses())

            def wrapped(made: Made = made) -> Tensor:
                criterion = api.wrap(nn.BCEWithLogitsLoss(reduction="none"))
                return made(criterion(self.model(self.x)[:, 0], self.y))

            for way in (captured, wrapped):
                check(self.model, way, expected)

    def test_numbers_of_both_signs_are_no_weights(self) -> None:
        """The advantages of a policy's actions are such factors."""
        advantage = torch.tensor([1.0, -2, 0.5, 1, -1, 3, 0, 1], dtype=torch.float64)
        inside = self.losses() * advantage
        expected = (factors(inside, advantage != 0) * inside).mean()

        def weighed() -> Tensor:
            self.model(self.x)
            return api.weigh(self.losses() * advantage)

        def wrapped() -> Tensor:
            criterion = api.wrap(nn.BCEWithLogitsLoss(reduction="none"))
            return (criterion(self.model(self.x)[:, 0], self.y) * advantage).mean()

        for way in (weighed, wrapped):
            check(self.model, way, expected)
