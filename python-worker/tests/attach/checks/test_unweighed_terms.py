"""The training loss is compared with the weighed losses; unweighed terms are reported or refused."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.errors import NotWeighable
from recorder import Recorder, a_model, labels, points

Term = Callable[[nn.Module, Tensor], Tensor]
SAID = re.compile(r"absgd: a part of the training loss is not weighed: (\S+) of the (\S+) that")


def dice(_model: nn.Module, scores: Tensor) -> Tensor:
    shares, aims = scores.softmax(1), F.one_hot(labels, 4).float()
    return 1 - 2 * (shares * aims).sum() / (shares.sum() + aims.sum())


def latent(_model: nn.Module, scores: Tensor) -> Tensor:
    """Like the latent loss of a variational autoencoder."""
    mean, log_variance = scores.split(2, 1)
    return -0.5 * (1 + log_variance - mean.pow(2) - log_variance.exp()).sum(1).mean()


def another_pass(model: nn.Module, scores: Tensor) -> Tensor:
    return (model(points + 0.1) - scores).square().sum(1).max()


def smooth(_model: nn.Module, scores: Tensor) -> Tensor:
    return scores.logsumexp(1).square().max()


UNWEIGHED: list[Term] = [dice, latent, another_pass, smooth]

PENALTIES: list[Term] = [
    lambda model, _: torch.stack([one.pow(2).sum() for one in model.parameters()]).sum(),
    lambda model, _: torch.stack([one.abs().mean() for one in model.parameters()]).sum(),
    lambda model, _: (model.weight @ model.weight.T - torch.eye(4)).norm(),  # type: ignore[operator,union-attr]
    lambda model, _: F.mse_loss(model.bias, torch.ones(4)),  # type: ignore[arg-type]
    lambda model, _: 0.0 * nn.utils.parameters_to_vector(model.parameters()).sum(),
]

SCALES: list[Callable[[Tensor, nn.Module], Tensor]] = [
    lambda loss, _: loss,
    lambda loss, _: loss / 4,
    lambda loss, _: 0.3 * loss,
    lambda loss, _: loss * 1024.0,
    lambda loss, _: 2 - loss.neg(),
    lambda loss, model: torch.exp(-model.bias[0]) * loss + model.bias[0],  # type: ignore[index]
    lambda loss, _: torch.stack([loss, loss]).mean(),
    lambda loss, _: loss.to(torch.float64),
]


def cross_entropy(_model: nn.Module, scores: Tensor) -> Tensor:
    return F.cross_entropy(scores, labels)


def unreduced(_model: nn.Module, scores: Tensor) -> Tensor:
    return F.cross_entropy(scores, labels, reduction="none").mean()


def per_sample(_model: nn.Module, scores: Tensor) -> Tensor:
    return api.weigh(F.mse_loss(scores, points, reduction="none").mean(1))


def wrapped(_model: nn.Module, scores: Tensor) -> Tensor:
    return api.wrap(nn.CrossEntropyLoss(label_smoothing=0.1))(scores, labels)


WEIGHED: list[Term] = [cross_entropy, unreduced, per_sample, wrapped]


@pytest.mark.parametrize("scaled", [False, True])
def test_a_random_sum_of_terms_is_reported_if_a_term_is_not_weighed(
    scaled: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(int(scaled), 40, 2):
        source = random.Random(seed)
        weighed = source.sample(WEIGHED, source.randint(1, 2))
        past = source.sample(UNWEIGHED, source.choice([0, 1, 2]))
        penalties = source.sample(PENALTIES, source.randint(0, 1))
        scale = SCALES[0] if past else source.choice(SCALES)
        model, optimizer = a_model()
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**6, enabled=scaled)
        with api.session(lam=-1.0), api.capture():
            first: dict[str, float] = {}
            for step in range(4):
                optimizer.zero_grad()
                scores = model(points)
                terms = [
                    term(model, scores)
                    for term in source.sample(
                        [*weighed, *past, *penalties], k=len([*weighed, *past, *penalties])
                    )
                ]
                loss = scale(sum(terms), model)  # type: ignore[arg-type]
                if step == 0:
                    with torch.no_grad():
                        rest = sum(float(term(model, scores)) for term in [*past, *penalties])
                    first = {"rest": rest, "loss": loss.item()}
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
        said = SAID.findall(capsys.readouterr().err)
        assert bool(said) is bool(past), (seed, weighed, past, penalties)
        if past:
            factor = 64 if scaled else 1
            found, whole = (float(number) / factor for number in said[0])
            assert whole == pytest.approx(first["loss"], rel=1e-3)
            assert found == pytest.approx(first["rest"], rel=1e-2, abs=2e-3), (seed, past)


def test_each_unweighed_term_is_reported_once_and_a_later_one_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model, optimizer = a_model()
    with api.session(lam=-1.0), api.capture():
        for step in range(40):
            optimizer.zero_grad()
            scores = model(points)
            loss = F.cross_entropy(scores, labels) + latent(model, scores)
            if step >= 21:
                loss = loss + smooth(model, scores)
            loss.backward()
            optimizer.step()
            if step == 20:
                assert len(SAID.findall(capsys.readouterr().err)) == 1
    err = capsys.readouterr().err
    assert len(SAID.findall(err)) == 1
    assert "logsumexp" in err


def test_a_backward_pass_without_a_weighed_loss_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """Like a generator whose loss is a mean of scores."""
    (one, optimizer), (other, other_optimizer) = a_model(), a_model()
    with api.session(lam=-1.0), api.capture():
        for _ in range(4):
            F.cross_entropy(one(points), labels).backward()
            optimizer.step()
            (-other(points)).mean().backward()
            other_optimizer.step()
    assert capsys.readouterr().err.count("goes through no weighed loss") == 1


def test_unweighed_terms_are_reported_while_lambda_is_off_only_if_announced(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def trained(lam: Callable[[int], float], *, announce: bool) -> Tensor:
        model, optimizer = a_model()
        with api.session(lam=lam, announce=announce), api.capture():
            for _ in range(6):
                optimizer.zero_grad()
                scores = model(points)
                (F.cross_entropy(scores, labels) + dice(model, scores)).backward()
                optimizer.step()
        return model.weight.detach()  # type: ignore[return-value]

    trained(lambda step: math.inf, announce=False)
    assert "not weighed" not in capsys.readouterr().err
    trained(lambda step: math.inf, announce=True)
    assert len(SAID.findall(capsys.readouterr().err)) == 1
    trained(lambda step: math.inf if step < 5 else -1.0, announce=False)
    assert len(SAID.findall(capsys.readouterr().err)) == 1


def test_a_loss_left_by_its_name_is_not_reported(capsys: pytest.CaptureFixture[str]) -> None:
    model, optimizer = a_model()
    with api.session(lam=-1.0), api.capture(leave=["mse_loss"]):
        for _ in range(4):
            scores = model(points)
            (F.cross_entropy(scores, labels) + F.mse_loss(scores, points)).backward()
            optimizer.step()
    assert "not weighed" not in capsys.readouterr().err


def test_no_graph_is_kept_and_torch_autograd_grad_is_not_checked() -> None:
    model, _ = a_model()
    with api.session(source=Recorder()), api.capture():
        scores = model(points)
        loss = F.cross_entropy(scores, labels) + dice(model, scores)
        gone = Gone()
        scores.register_hook(lambda gradient, held=gone: None)  # type: ignore[misc]
        torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
        torch.autograd.backward([loss, dice(model, scores)])
        Gone.count = 0
        del scores, loss, gone
        assert Gone.count == 1
    assert torch.autograd.backward.__module__ == "torch.autograd"


class Gone:
    count = 0

    def __del__(self) -> None:
        Gone.count += 1


def halves(model: nn.Module) -> tuple[Tensor, Tensor]:
    one, other = model(torch.cat([points, points + 0.1])).split(64)
    return one, other


def mixed(*shares: Tensor) -> Tensor:
    return (sum(shares) / len(shares)).clamp(1e-7, 1).log()  # type: ignore[union-attr]


def jsd(model: nn.Module) -> Tensor:
    one, other = (scores.softmax(1) for scores in halves(model))
    mixture = mixed(one, other)
    return F.kl_div(mixture, one, reduction="batchmean") + F.kl_div(mixture, other, reduction="batchmean")


def jsd_of_logs(model: nn.Module) -> Tensor:
    one, other = (scores.log_softmax(1) for scores in halves(model))
    mixture = torch.logsumexp(torch.stack([one, other]), 0) - math.log(2)
    return F.kl_div(mixture, one, reduction="sum", log_target=True)


def jsd_the_other_way(model: nn.Module) -> Tensor:
    one, other = (scores.softmax(1) for scores in halves(model))
    return F.kl_div(one.log(), (one + other) / 2, reduction="batchmean")


class Views(nn.Module):
    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        return nn.KLDivLoss(reduction="batchmean")(mixed(one.softmax(1), other.softmax(1)), one.softmax(1))


def jsd_of_a_wrapped_criterion(model: nn.Module) -> Tensor:
    return api.wrap(Views())(*halves(model))


def of_two_passes(model: nn.Module) -> Tensor:
    one, other = halves(model)
    return F.kl_div(one.log_softmax(1), other.softmax(1), reduction="batchmean")


def of_a_teacher(model: nn.Module) -> Tensor:
    with torch.no_grad():
        aims = model(points).softmax(1)
    return F.kl_div(model(points).log_softmax(1), aims, reduction="batchmean")


def of_a_mixture_that_is_not_trained(model: nn.Module) -> Tensor:
    one, other = halves(model)
    mixture = mixed(one.softmax(1), other.softmax(1)).exp().detach()
    return F.kl_div(one.log_softmax(1), mixture, reduction="batchmean")


@pytest.mark.parametrize(
    ("loss", "is_of_mixture"),
    [
        (jsd, True),
        (jsd_of_logs, True),
        (jsd_the_other_way, True),
        (jsd_of_a_wrapped_criterion, True),
        (of_two_passes, False),
        (of_a_teacher, False),
        (of_a_mixture_that_is_not_trained, False),
    ],
)
def test_a_divergence_from_a_mixture_of_views_is_refused_by_name_and_others_are_weighed(
    loss: Callable[[nn.Module], Tensor], is_of_mixture: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    def trained(**options: Any) -> Tensor:
        model, optimizer = a_model()
        with api.session(announce=True, **options.pop("session")) as session, api.capture(**options):
            loss(model).backward()
            optimizer.step()
            assert session.captured > 0 or is_of_mixture
        return model.weight.detach()  # type: ignore[return-value]

    plain, _ = a_model()
    loss(plain).backward()
    off = trained(session={})
    assert ("compares predictions with a mixture" in capsys.readouterr().err) is is_of_mixture
    if not is_of_mixture:
        trained(session={"lam": -1.0})
        return
    name = "Views" if loss is jsd_of_a_wrapped_criterion else "kl_div"
    with pytest.raises(NotWeighable, match=f"^{name} cannot be weighed per sample"):
        trained(session={"lam": -1.0})
    if loss is not jsd_of_a_wrapped_criterion:
        assert torch.equal(trained(session={"lam": -1.0}, leave=["kl_div"]), off)
