"""Losses without reduction: weighed with the samples that they are of, whatever a script makes of them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach.provenance.granularity import GranularityError
from recorder import a_model
from unreduced_losses import B, C, Made, T, factors, labels, points, weighed

mask = torch.rand(B, T, generator=torch.Generator().manual_seed(2)) > 0.4


class TestASumOverADimension:
    @pytest.mark.parametrize(
        "made",
        [
            lambda one: one.mean(0),
            lambda one: one.mean(dim=-1),
            lambda one: torch.mean(one, dim=0),
            lambda one: one.mean(dim=None),
            lambda one: one.mean(dtype=torch.float32),
            lambda one: one.sum(0) / B,
            lambda one: one.mean((0,), keepdim=True)[0],
            lambda one: one.view(2, 4).mean(1).mean(),
            lambda one: torch.stack([one.mean(), one.mean()]).sum() / 2,
        ],
    )
    def test_of_the_batch_is_its_mean(self, made: Made) -> None:
        model, _ = a_model()
        plain = F.cross_entropy(model(points), labels, reduction="none").detach()
        total, losses = weighed(lambda: made(F.cross_entropy(model(points), labels, reduction="none")))
        assert torch.equal(losses, plain)
        assert total == pytest.approx((plain * factors(plain)).mean().item(), rel=1e-5)

    @pytest.mark.parametrize(
        ("made", "of"),
        [
            # Over the batch first: tasks are no samples.
            (lambda one: one.mean(0).sum(), lambda one: one.mean(1)),
            (lambda one: one.t().sum(1).mean(), lambda one: one.mean(1)),
            (lambda one: one.sum(1).mean(0), lambda one: one.sum(1)),
            (lambda one: one.mean(1, keepdim=True).mean(), lambda one: one.mean(1)),
            (lambda one: one.view(B, 2, 2).sum(2).mean(), lambda one: one.view(B, 2, 2).sum(2).mean(1)),
        ],
    )
    def test_of_the_classes_leaves_samples(self, made: Made, of: Made) -> None:
        model, _ = a_model()
        y = torch.nn.functional.one_hot(labels, C).float()

        def loss() -> Tensor:
            return F.binary_cross_entropy_with_logits(model(points), y, reduction="none")

        plain = loss().detach()
        total, losses = weighed(lambda: made(loss()))
        assert torch.allclose(losses, of(plain))
        assert total == pytest.approx(made(plain * factors(losses)[:, None]).item(), rel=1e-5)

    def test_over_time_leaves_samples_where_it_is_said_that_time_comes_first(self) -> None:
        model, _ = a_model()
        x = torch.randn(T, B, 4)
        y = torch.randint(0, C, (T, B))

        def loss() -> Tensor:
            return F.cross_entropy(model(x).view(-1, C), y.view(-1), reduction="none").view(T, B)

        plain = loss().detach()
        _, losses = weighed(lambda: loss().sum(0).mean(), "time-first")
        assert torch.allclose(losses, plain.sum(0))


class TestChosenElements:
    @pytest.mark.parametrize(
        "made",
        [
            lambda one: one[mask].mean(),
            lambda one: one.masked_select(mask).mean(),
            lambda one: one.view(-1)[mask.view(-1)].mean(),
            lambda one: one.t()[mask.t()].mean(),
            lambda one: (one * mask).sum() / mask.sum(),
            lambda one: one.transpose(0, 1).reshape(-1)[mask.t().reshape(-1)].sum() / mask.sum(),
        ],
    )
    def test_belong_to_their_sequence(self, made: Made) -> None:
        model, _ = a_model()
        x, y = torch.randn(B, T, 4), torch.randn(B, T, 4)

        def loss() -> Tensor:
            return F.mse_loss(model(x), y, reduction="none").mean(-1)

        plain = loss().detach()
        total, losses = weighed(lambda: made(loss()))
        expected = (plain * mask).sum(1) / mask.sum(1)
        assert torch.allclose(losses, expected[mask.any(1)])
        every = torch.zeros(B)
        every[mask.any(1)] = factors(losses)
        assert total == pytest.approx((plain * every[:, None])[mask].mean().item(), rel=1e-5)

    def test_the_hardest_pixels_belong_to_their_image(self) -> None:
        model = nn.Conv2d(3, C, 1)
        images, y = torch.randn(B, 3, 6, 6), torch.randint(0, C, (B, 6, 6))

        def hardest() -> Tensor:
            return F.cross_entropy(model(images), y, reduction="none").view(-1).topk(100).values.mean()

        _, losses = weighed(hardest)
        assert losses.shape[0] <= B

    def test_that_were_mixed_are_refused(self) -> None:
        model, _ = a_model()
        mixing = torch.rand(3, B)

        def loss() -> Tensor:
            return (mixing @ F.mse_loss(model(points), points, reduction="none")).mean()

        with pytest.raises(GranularityError, match="does not tell their samples"):
            weighed(loss)


def test_a_loss_within_a_margin_counts_as_the_sample_that_it_is() -> None:
    model, _ = a_model()

    def loss() -> Tensor:
        return (F.cross_entropy(model(points), labels, reduction="none") - 1.5).clamp(min=0)

    _, losses = weighed(lambda: loss().mean())
    assert 0 < int((losses == 0).sum()) < losses.shape[0] == B


class TestClassWeights:
    weights = torch.tensor([0.2, 1.0, 3.0, 0.0])

    @pytest.mark.parametrize(
        "made",
        [
            lambda one: one.mean(),
            lambda one: one.view(2, 4).sum() / B,
            lambda one: torch.cat([one[:4], one[4:]]).sum() / B,
        ],
    )
    def test_stay_outside_of_the_exponent_without_reduction(self, made: Made) -> None:
        model, _ = a_model()
        plain = F.cross_entropy(model(points), labels, reduction="none").detach()

        def loss() -> Tensor:
            return made(F.cross_entropy(model(points), labels, weight=self.weights, reduction="none"))

        _, losses = weighed(loss)
        kept = plain[self.weights[labels] > 0]
        assert torch.allclose(losses, kept)

    def test_of_elements_too(self) -> None:
        model, _ = a_model()
        y = torch.nn.functional.one_hot(labels, C).float()
        positive = torch.full((C,), 5.0)
        plain = F.binary_cross_entropy_with_logits(model(points), y, reduction="none").detach()

        def loss() -> Tensor:
            scores = model(points)
            losses = F.binary_cross_entropy_with_logits(scores, y, pos_weight=positive, reduction="none")
            return losses.sum(1).mean()

        assert torch.allclose(weighed(loss)[1], plain.sum(1))

    def test_of_zero_leave_a_class_out(self) -> None:
        """As of padding, before there was `ignore_index`."""
        model, _ = a_model()
        x, y = torch.randn(B, T, 4), torch.randint(0, C, (B, T))

        def loss(**options: object) -> Tensor:
            return F.cross_entropy(model(x).view(-1, C), y.view(-1), reduction="sum", **options)  # type: ignore[arg-type]

        weights = torch.tensor([0.0, 1.0, 1.0, 1.0])
        ignored, weighted = weighed(lambda: loss(ignore_index=0)), weighed(lambda: loss(weight=weights))
        assert weighted[0] == pytest.approx(ignored[0], rel=1e-6)
        assert torch.allclose(weighted[1], ignored[1])
