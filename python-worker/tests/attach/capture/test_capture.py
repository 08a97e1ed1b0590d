"""A capture in loops with several losses, micro-batches, sequences, and losses that it cannot weigh."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.errors import NotApplied, NotWeighable
from absgd_worker.attach.provenance.granularity import GranularityError
from absgd_worker.weights import Rule
from recorder import Recorder, a_model, labels, points

LAM = -0.5


def first_weights(losses: Tensor) -> Tensor:
    """The factors of a first batch, with mean 1."""
    return torch.softmax(losses.detach().double() / LAM, 0) * len(losses)


def test_losses_of_different_call_sites_have_an_estimate_each() -> None:
    model, optimizer = a_model()
    seen: list[float] = []
    with api.session(lam=-1.0, gamma=0.5) as session, api.capture():
        for _ in range(6):
            scores = model(points[:8])
            # Every sample of a head has the same loss, so that the weights are equal.
            low = F.mse_loss(scores[:, 0] * 0, torch.ones(8))
            high = F.mse_loss(scores[:, 1] * 0, torch.full((8,), 3.0))
            seen += [low.item(), high.item()]
            (low + high).backward()
            optimizer.step()
    assert seen == pytest.approx([1.0, 9.0] * 6, rel=1e-6)
    assert (session.step, session.captured) == (6, 12)


def test_micro_batches_of_one_call_site_share_an_estimate_and_two_calls_in_one_line_do_not() -> None:
    model, optimizer = a_model()
    source = Recorder(**{"lambda": math.inf})
    with api.session(source=source), api.capture():
        for batch in torch.arange(64).split(16):
            F.cross_entropy(model(points[batch]), labels[batch]).backward()
        optimizer.step()
        scores = model(points)
        (0.3 * F.cross_entropy(scores, labels) + 0.7 * F.cross_entropy(scores, labels.flip(0))).backward()
        optimizer.step()
    accumulated, mixed = source.entries
    assert (len(accumulated.losses_B), len(accumulated.others)) == (64, 0)
    assert (len(mixed.losses_B), len(mixed.others)) == (64, 1)


def test_a_loss_that_is_not_trained_on_is_no_loss_of_the_step(capsys: pytest.CaptureFixture[str]) -> None:
    model, optimizer = a_model()
    with api.session(lam=-1.0) as session, api.capture():
        for batch in torch.arange(64).split(16):
            optimizer.zero_grad()
            scores = model(points[batch])
            F.l1_loss(scores, points[batch])
            F.cross_entropy(scores, labels[batch]).backward()
            optimizer.step()
        F.cross_entropy(model(points), labels)
    assert (session.step, session.captured) == (4, 4)


def test_a_loss_whose_backward_pass_comes_after_the_step_of_another_optimizer_counts() -> None:
    model, optimizer = a_model()
    other, other_optimizer = a_model()
    with api.session(lam=-1.0) as session, api.capture():
        for _ in range(3):
            first = F.cross_entropy(model(points), labels)
            second = F.cross_entropy(other(points), labels)
            first.backward()
            optimizer.step()
            second.backward()
            other_optimizer.step()
    assert (session.step, session.captured) == (6, 6)


class TestWithoutReduction:
    def test_the_elements_that_are_reduced_are_weighed_and_a_penalty_is_not(self) -> None:
        model, _ = a_model()
        with api.session(lam=LAM, gamma=1.0) as session, api.capture():
            scores = model(points)
            elements = F.cross_entropy(scores, labels, reduction="none")
            penalty = scores.logsumexp(1).square()
            assert penalty.mean().item() == pytest.approx(scores.logsumexp(1).square().detach().mean().item())
            expected = (first_weights(elements) * elements.detach()).mean().item()
            assert elements.mean().item() == pytest.approx(expected, rel=1e-5)
            assert session.captured == 1

    def test_two_of_them_are_told_apart(self) -> None:
        model, _ = a_model()
        with api.session(lam=LAM, gamma=1.0), api.capture():
            scores = model(points)
            one = F.cross_entropy(scores, labels, reduction="none")
            two = F.cross_entropy(-scores, labels, reduction="none")
            for elements in (one, two):
                expected = (first_weights(elements) * elements.detach()).mean().item()
                assert elements.mean().item() == pytest.approx(expected, rel=1e-5)

    def test_the_same_elements_reduced_for_the_log_and_for_training_are_one_loss(self) -> None:
        model, optimizer = a_model()
        with api.session(lam=LAM, gamma=1.0) as session, api.capture():
            elements = F.cross_entropy(model(points), labels, reduction="none")
            logged = elements.mean().item()
            trained = elements.mean()
            trained.backward()
            optimizer.step()
        assert logged == trained.item()
        assert session.captured == 1

    def test_what_a_mask_leaves_out_counts_for_nothing(self) -> None:
        model, _ = a_model()
        mask = torch.tensor([[1.0, 1, 1, 1], [1, 1, 0, 0]])
        model(points[:2])
        losses = torch.full((2, 4), 2.0, requires_grad=True)
        with api.session(lam=LAM, gamma=1.0), api.capture():
            model(points[:2])
            elements = F.l1_loss(losses * 1, torch.zeros(2, 4), reduction="none")
            # Both sequences have a loss of 2 per element that counts, so that their weights are equal.
            assert ((elements * mask).sum() / mask.sum()).item() == pytest.approx(2.0)

    def test_the_hardest_of_a_batch_are_weighed_among_themselves(self) -> None:
        model, _ = a_model()
        with api.session(lam=LAM, gamma=1.0), api.capture():
            hardest = F.cross_entropy(model(points), labels, reduction="none").topk(16).values
            expected = (first_weights(hardest) * hardest.detach()).mean().item()
            assert hardest.mean().item() == pytest.approx(expected, rel=1e-5)


class Recurrent(nn.Module):
    """A recurrent model from [T, B, 4] to [T, B, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0]


class TestTimeFirst:
    inputs = torch.randn(6, 5, 4, generator=torch.Generator().manual_seed(2))
    targets = torch.arange(30) % 3

    def loss(self, model: nn.Module) -> Tensor:
        return F.nll_loss(F.log_softmax(model(self.inputs).view(-1, 3), 1), self.targets)

    def test_is_refused_as_it_cannot_be_told_and_left_alone_while_lambda_is_off(self) -> None:
        with (
            api.session(lam=LAM),
            api.capture(),
            pytest.raises(GranularityError, match=r'batch_first=False.*"time-first"'),
        ):
            self.loss(Recurrent())
        with api.session() as session, api.capture():
            self.loss(Recurrent()).backward()
        assert session.captured == 0

    def test_is_weighed_by_columns_where_it_is_said(self) -> None:
        torch.manual_seed(0)
        model = Recurrent()
        elements = F.nll_loss(
            F.log_softmax(model(self.inputs).view(-1, 3), 1), self.targets, reduction="none"
        ).view(6, 5)
        expected = (first_weights(elements.mean(0)) * elements).mean().item()
        with api.session(lam=LAM, gamma=1.0), api.capture(granularity="time-first"):
            assert self.loss(model).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        lambda scores: F.cross_entropy(torch.cat([scores, scores[:24]]), labels.repeat(2)[:88]),
        lambda scores: F.cross_entropy(torch.cat([scores] * 2), labels.repeat(2), reduction="sum"),
        lambda scores: F.mse_loss(scores.view(-1, 2), points.view(-1, 2)),
    ],
)
def test_elements_of_unknown_samples_are_refused_and_unchanged_while_lambda_is_off(
    loss: Callable[[Tensor], Tensor],
) -> None:
    model, _ = a_model()
    with api.session() as session, api.capture():
        assert torch.equal(loss(model(points)), loss(a_model()[0](points)))
    assert session.captured == 0
    with (
        api.session(lam=LAM),
        api.capture(),
        pytest.raises(GranularityError, match="absgd-run --granularity"),
    ):
        loss(model(points))
    with api.session(lam=LAM) as session, api.capture(granularity="sample"):
        loss(model(points)).backward()
        assert session.captured == 1


def test_a_penalty_on_a_parameter_has_no_samples() -> None:
    model, _ = a_model()
    with api.session(lam=LAM) as session, api.capture():
        penalty = F.l1_loss(model.weight, torch.zeros(4, 4), reduction="sum")
    assert penalty.item() == pytest.approx(model.weight.abs().sum().item())
    assert session.captured == 0


def test_a_teacher_in_eval_mode_does_not_hide_that_the_student_trains() -> None:
    student, optimizer = a_model()
    teacher = a_model()[0].eval()
    with api.session(lam=LAM) as session, api.capture():
        scores = student(points)
        F.mse_loss(scores, teacher(points).detach()).backward()
        optimizer.step()
    assert (session.step, session.captured) == (1, 1)


def test_a_model_that_trains_in_eval_mode_is_named_as_the_reason() -> None:
    model, optimizer = a_model()
    model.eval()

    def loop() -> None:
        for _ in range(25):
            F.cross_entropy(model(points), labels).backward()
            optimizer.step()

    with api.session(lam=LAM), api.capture(), pytest.raises(NotApplied, match=r"in eval mode.*model\.train"):
        loop()


def test_while_lambda_is_off_an_unweighed_loss_is_reported_and_training_continues(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model, optimizer = a_model()
    with api.session() as session, api.capture():
        for _ in range(25):
            model(points).square().max().backward()
            optimizer.step()
    assert session.captured == 0
    assert capsys.readouterr().err.count("20 optimizer steps were made and no loss was weighed") == 1


def test_several_losses_of_one_backward_pass_are_reported_as_separate_losses(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model, optimizer = a_model()
    with api.session(lam=LAM, announce=True), api.capture():
        for _ in range(2):
            sum(F.cross_entropy(model(part), part.argmax(1)) for part in points.split(16)).backward()  # type: ignore[union-attr]
            optimizer.step()
    assert capsys.readouterr().err.count("one backward pass goes through several losses") == 1


def test_a_loss_inside_vmap_is_refused() -> None:
    model, _ = a_model()
    parameters = {name: one.detach() for name, one in model.named_parameters()}

    def loss(own: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        scores = torch.func.functional_call(model, own, (x[None],))
        return F.cross_entropy(scores, y[None])

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
    plain = each(parameters, points, labels)
    with api.session() as session, api.capture():
        assert torch.equal(each(parameters, points, labels)["weight"], plain["weight"])
    assert session.captured == 0
    with api.session(lam=LAM), api.capture(), pytest.raises(NotWeighable, match="vmap"):
        each(parameters, points, labels)


def test_losses_that_no_optimizer_follows_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("absgd_worker.attach.session.steps.accumulation.MAX_CALLS", 5)
    model, _ = a_model()

    def loop() -> None:
        for _ in range(12):
            F.cross_entropy(model(points), labels).backward()

    with api.session() as session, api.capture():
        loop()
        assert len(session._steps.training.weighings.of("loss", Rule())._calls) <= 5
    with (
        api.session(lam=LAM),
        api.capture(),
        pytest.raises(NotApplied, match="no torch optimizer has stepped"),
    ):
        loop()
