"""Captured losses of torch.nn.functional, compared with formulas in float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from absgd_worker.attach import api
from absgd_worker.attach.errors import NotWeighable
from absgd_worker.attach.provenance.granularity import GranularityError

LAM = -0.7


def weights_of(losses_G: Tensor) -> Tensor:
    """The weights of the first batch: its own mean is the estimate, so that Σw is 1."""
    return torch.softmax(losses_G.double() / LAM, 0)


def captured(compute: Callable[[], Tensor], **options: object) -> Tensor:
    with api.session(lam=LAM), api.capture(**options):  # type: ignore[arg-type]
        return compute()


logits = torch.randn(12, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
target = torch.arange(12) % 5
class_weights = torch.tensor([1.0, 2.0, 0.5, 3.0, 1.5], dtype=torch.float64)
x = logits.clone().requires_grad_()


def test_the_mean_of_a_batch_becomes_its_weighted_sum() -> None:
    losses = F.cross_entropy(logits, target, reduction="none")
    expected = (weights_of(losses) * losses).sum()
    assert captured(lambda: F.cross_entropy(x, target)).item() == pytest.approx(expected.item(), rel=1e-12)


def test_class_weights_stay_outside_the_exponent_and_in_the_denominator() -> None:
    for smoothing in (0.0, 0.1):
        plain = F.cross_entropy(logits, target, reduction="none", label_smoothing=smoothing)
        weighted = F.cross_entropy(logits, target, class_weights, reduction="none", label_smoothing=smoothing)
        expected = (12 * weights_of(plain) * weighted).sum() / class_weights[target].sum()
        found = captured(lambda s=smoothing: F.cross_entropy(x, target, class_weights, label_smoothing=s))
        assert found.item() == pytest.approx(expected.item(), rel=1e-12)


def test_ignored_elements_have_no_weight_and_do_not_count() -> None:
    ignoring = target.where(torch.arange(12) % 3 > 0, -100)
    kept = ignoring != -100
    losses = F.cross_entropy(logits[kept], target[kept], reduction="none")
    expected = (weights_of(losses) * losses).sum()
    assert captured(lambda: F.cross_entropy(x, ignoring)).item() == pytest.approx(expected.item(), rel=1e-12)


def test_a_sum_stays_a_sum() -> None:
    losses = F.cross_entropy(logits, target, reduction="none")
    found = captured(lambda: F.cross_entropy(x, target, reduction="sum"))
    assert found.item() == pytest.approx((12 * weights_of(losses) * losses).sum().item(), rel=1e-12)


def test_a_loss_with_several_elements_per_sample_is_weighed_by_their_mean() -> None:
    aims = torch.rand(12, 5, dtype=torch.float64)
    for loss in (F.mse_loss, F.binary_cross_entropy_with_logits, F.smooth_l1_loss):
        elements = loss(logits, aims, reduction="none")
        expected = (weights_of(elements.mean(1)) * elements.mean(1)).sum()
        found = captured(lambda call=loss: call(x, aims))
        assert found.item() == pytest.approx(expected.item(), rel=1e-12)


def test_a_batchmean_divides_by_the_batch_and_weighs_sums() -> None:
    aims = torch.softmax(torch.rand(12, 5, dtype=torch.float64), 1)
    elements = F.kl_div(F.log_softmax(logits, 1), aims, reduction="none")
    expected = (12 * weights_of(elements.sum(1)).unsqueeze(1) * elements).sum() / 12
    found = captured(lambda: F.kl_div(F.log_softmax(x, 1), aims, reduction="batchmean"))
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)


class TestTokens:
    """[4, 3] tokens, some of which are padding."""

    labels = target.where(torch.arange(12) % 3 < torch.tensor([1, 2, 3, 0]).repeat_interleave(3), -100)
    tokens = F.cross_entropy(logits, labels, reduction="none", ignore_index=-100).view(4, 3)
    counts = (labels != -100).view(4, 3).sum(1)

    def loss(self) -> Tensor:
        out = x.view(4, 3, 5) * 1
        return F.cross_entropy(out.view(-1, 5), self.labels)

    def test_a_sequence_is_weighed_by_the_mean_of_its_tokens_and_keeps_their_denominator(self) -> None:
        kept = self.counts > 0
        means = (self.tokens.sum(1) / self.counts)[kept]
        factors = kept.sum() * weights_of(means)
        expected = (factors.unsqueeze(1) * self.tokens[kept]).sum() / self.counts.sum()
        assert captured(self.loss).item() == pytest.approx(expected.item(), rel=1e-12)

    def test_on_request_each_token_is_one_sample(self) -> None:
        flat = self.tokens.view(-1)[self.labels != -100]
        expected = (weights_of(flat) * flat).sum()
        assert captured(self.loss, granularity="token").item() == pytest.approx(expected.item(), rel=1e-12)

    def test_a_sequence_that_cannot_be_told_is_refused(self) -> None:
        with pytest.raises(GranularityError, match=r"12 elements.*what is one sample.*\"token\""):
            captured(lambda: F.cross_entropy(x, target), granularity="sequence")


def test_a_loss_without_samples_of_its_own_is_refused_by_name_unless_lambda_is_off() -> None:
    def ctc() -> Tensor:
        given = F.log_softmax(x.view(4, 3, 5), 2)
        return F.ctc_loss(given, target[:6].view(3, 2) + 0 * 1, torch.tensor([4] * 3), torch.tensor([2] * 3))

    with pytest.raises(NotWeighable, match=r"ctc_loss cannot be weighed per sample.*weigh\(losses\)"):
        captured(ctc)
    with api.session(), api.capture():
        inside = ctc()
    assert torch.equal(inside, ctc())


def test_without_gradients_nothing_is_weighed() -> None:
    with api.session(lam=LAM) as session, api.capture(), torch.no_grad():
        assert torch.equal(F.cross_entropy(x, target), F.cross_entropy(logits, target))
    assert session.captured == 0


class TestWeigh:
    losses = F.cross_entropy(logits, target, reduction="none")

    def weighed(self, losses: Tensor, lam: float = LAM, **options: object) -> Tensor:
        with api.session(lam=lam):
            return api.weigh(losses.clone().requires_grad_(), **options)  # type: ignore[arg-type]

    def test_gives_a_scalar_or_on_request_the_weighted_losses(self) -> None:
        weights = weights_of(self.losses)
        assert self.weighed(self.losses).item() == pytest.approx((weights * self.losses).sum().item())
        each = self.weighed(self.losses, reduction="none")
        assert each.detach().tolist() == pytest.approx((12 * weights * self.losses).tolist())

    def test_while_lambda_is_off_is_the_reduction_itself(self) -> None:
        rows = self.losses.view(4, 3)
        mask = torch.rand(4, 3) > 0.3
        for lam in (math.inf, -math.inf):
            assert torch.equal(self.weighed(rows, lam), rows.mean())
            assert torch.equal(self.weighed(rows, lam, reduction="sum"), rows.sum())
            assert torch.equal(self.weighed(rows, lam, mask=mask), (rows * mask).sum() / mask.sum())

    def test_losses_outside_of_the_mask_change_nothing_where_a_factor_of_0_takes_out_others(self) -> None:
        numbers = torch.arange(12)
        mask, factors = numbers % 3 != 0, (numbers % 4 != 0).to(self.losses.dtype)
        found = []
        for losses in (self.losses, self.losses.where(mask, torch.tensor(50.0, dtype=self.losses.dtype))):
            with api.session(lam=LAM):
                found.append(api.weigh(losses.clone().requires_grad_() * factors, mask=mask).item())
        assert found[0] == found[1]

    def test_a_group_is_one_sample(self) -> None:
        group = torch.tensor([0, 0, 1, 1, 1, 2, 3, 3, 3, 3, 3, 3])
        means = torch.stack([self.losses[group == g].mean() for g in range(4)])
        expected = (4 * weights_of(means)[group] * self.losses).mean()
        found = self.weighed(self.losses, group=group)
        assert found.item() == pytest.approx(expected.item(), rel=1e-12)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"reduction": "avg"}, 'must be "mean"'),
            ({"mask": torch.ones(3)}, r"mask has shape \[3\], must have that of the losses, \[12\]"),
            ({"group": torch.zeros(3, dtype=torch.long)}, "one entry for each of the 12 losses"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, options: dict[str, object], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            self.weighed(self.losses, **options)  # type: ignore[arg-type]


class TestALossOfPairs:
    pairs = torch.ones(12)

    def loss(self, *, detached: bool = False, reduction: str = "mean") -> Tensor:
        scores = x.detach() if detached else x
        return F.cosine_embedding_loss(scores, x.detach() + 1, self.pairs, reduction=reduction)

    def test_is_no_matter_where_nothing_is_trained_on_it(self) -> None:
        assert not captured(lambda: self.loss(detached=True)).requires_grad

    def test_without_reduction_is_for_the_script_to_weigh(self) -> None:
        """The remedy that the error names."""
        elements = self.loss(reduction="none")
        weighed = captured(lambda: api.weigh(self.loss(reduction="none")))
        assert weighed.item() == pytest.approx(
            (torch.softmax(elements / LAM, 0) * elements).sum().item(), rel=1e-5
        )

    def test_is_left_alone_where_that_is_asked_for(self) -> None:
        both = captured(lambda: self.loss() + F.mse_loss(x, x.detach() + 1), leave=["cosine_embedding_loss"])
        assert both.requires_grad
        assert torch.equal(
            captured(lambda: F.cross_entropy(x, target), leave=["cross_entropy"]), F.cross_entropy(x, target)
        )

    def test_that_nobody_knows_cannot_be_left_alone(self) -> None:
        with pytest.raises(ValueError, match=r"leave names focal_loss, must be of .*cross_entropy"):
            captured(self.loss, leave=["focal_loss"])


def test_ctc_without_reduction_has_a_loss_of_each_sample() -> None:
    lengths = torch.tensor([2, 1, 2])

    def losses() -> Tensor:
        given = F.log_softmax(x.view(4, 3, 5), 2)
        targets = torch.tensor([[1, 2], [3, 0], [4, 1]])
        return F.ctc_loss(given, targets, torch.tensor([4] * 3), lengths, reduction="none") / lengths

    plain = losses()
    assert captured(lambda: losses().mean()).item() == pytest.approx(
        (torch.softmax(plain / LAM, 0) * plain).sum().item(), rel=1e-5
    )


@pytest.mark.parametrize("lam", [math.inf, -1.0])
@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((torch.zeros(2, 3, requires_grad=True),), {}),
        ((torch.zeros(2, 3, requires_grad=True), torch.zeros(2).long()), {"target": torch.zeros(2).long()}),
        ((torch.zeros(2, 3, requires_grad=True), torch.zeros(2).long()), {"weights": None}),
        ((torch.zeros(2, 3, requires_grad=True), *[None] * 9), {}),
    ],
    ids=["missing", "given twice", "unknown", "too many"],
)
def test_wrong_arguments_of_a_loss_are_a_type_error_as_in_torch(args, kwargs, lam: float) -> None:
    with api.session(lam=lam), api.capture(), pytest.raises(TypeError):
        F.cross_entropy(*args, **kwargs)
