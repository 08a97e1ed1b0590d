"""Criteria of batch statistics are refused; criteria that add up losses of samples are weighed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.errors import NotWeighable
from recorder import Recorder

LAM = -0.5
Loss = Callable[[Tensor, Tensor], Tensor]
"""Functions of scores and targets, [B, d…] each."""


def soft_f1(s: Tensor, y: Tensor) -> Tensor:
    p, y = s.sigmoid(), y.sigmoid()
    hit, miss, false = (p * y).sum(), ((1 - p) * y).sum(), (p * (1 - y)).sum()
    return 1 - 2 * hit / (2 * hit + miss + false)


def concordance(s: Tensor, y: Tensor) -> Tensor:
    a, b = s - s.mean(), y - y.mean()
    return 1 - 2 * (a * b).mean() / (a.square().mean() + b.square().mean() + (s.mean() - y.mean()) ** 2)


def pearson(s: Tensor, y: Tensor) -> Tensor:
    a, b = s - s.mean(), y - y.mean()
    return 1 - (a * b).sum() / (a.square().sum() * b.square().sum()).sqrt()


def contrastive(s: Tensor, y: Tensor) -> Tensor:
    flat, aim = F.normalize(s.flatten(1), dim=1), F.normalize(y.flatten(1), dim=1)
    return F.cross_entropy(flat @ aim.t() / 0.1 + flat @ flat.t(), torch.arange(len(s)))


STATISTICS: dict[str, Loss] = {
    "SoftF1": soft_f1,
    "Concordance": concordance,
    "Pearson": pearson,
    "InfoPairs": contrastive,
    "BatchDice": lambda s, y: 1 - (2 * (s.sigmoid() * y).sum() + 1) / (s.sigmoid().sum() + y.sum() + 1),
    "Variance": lambda s, y: (s.flatten(1)[:, 0] - s.flatten(1)[:, 0].mean()).square().mean(),
    "RootOfTheMean": lambda s, y: (s - y).square().flatten(1).mean(1).mean().sqrt(),
    "RootOfTheMeanOfTorch": lambda s, y: F.mse_loss(s, y).sqrt(),
    "Normalised": lambda s, y: F.mse_loss(s, y) / F.mse_loss(s, torch.zeros_like(s)),
    "Product": lambda s, y: (s - y).square().flatten(1).mean(1).mean() * s.flatten(1).sum(1).sum(),
}


OF_ROWS = {"InfoPairs", "Variance", "RootOfTheMean", "Product"}
"""Functions of scores [B, d]."""


@pytest.mark.parametrize("name", list(STATISTICS))
@pytest.mark.parametrize("seed", range(3))
def test_a_batch_statistic_is_refused_by_name_and_unchanged_while_lambda_is_off(
    name: str, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(seed)
    size = random.Random(seed).choice([4, 6, 9])
    shapes = [(size, 3)] if name in OF_ROWS else [(size,), (size, 1), (size, 3)]
    shape = random.Random(seed).choice(shapes)
    model, x, y = nn.Linear(3, math.prod(shape[1:])), torch.randn(size, 3), torch.randn(shape)
    kind = type(name, (nn.Module,), {"forward": lambda _, s, y: STATISTICS[name](s, y)})
    with api.session(lam=LAM), pytest.raises(NotWeighable, match=f"^{name} gives one (figure|number)"):
        api.wrap(kind())(model(x).view(shape), y)
    source = Recorder(**{"lambda": math.inf})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    plain = kind()(model(x).view(shape), y)
    with api.session(source=source, announce=True):
        found = api.wrap(kind())(model(x).view(shape), y)
        assert torch.equal(found, plain)
        found.backward()
        optimizer.step()
    assert not source.entries
    if shape == (size,) or name in OF_ROWS - {"Product"}:
        assert f"not weighed: {name} gives one figure of the whole batch" in capsys.readouterr().err


def per_sample_dice(s: Tensor, y: Tensor) -> Tensor:
    p, y = s.flatten(1).sigmoid(), y.flatten(1).sigmoid()
    return 1 - (2 * (p * y).sum(1) + 1) / (p.sum(1) + y.sum(1) + 1)


def squares(s: Tensor, y: Tensor) -> Tensor:
    return (s - y).flatten(1).square().mean(1)


OF_SAMPLES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], list[tuple[float, Loss]]]] = {
    "dice": (lambda s, y: per_sample_dice(s, y).mean(), [(1, per_sample_dice)]),
    "dice outside of the mean": (
        lambda s, y: 1 - (1 - per_sample_dice(s, y)).mean(),
        [(1, per_sample_dice)],
    ),
    "two terms": (
        lambda s, y: 0.3 * per_sample_dice(s, y).mean() + squares(s, y).sum() / len(s) * 2,
        [(0.3, per_sample_dice), (2, squares)],
    ),
    "stacked": (
        lambda s, y: torch.stack([per_sample_dice(s, y).mean(), squares(s, y).mean()]).sum(),
        [(1, per_sample_dice), (1, squares)],
    ),
    "beside a loss of torch": (
        lambda s, y: F.mse_loss(s, y) + per_sample_dice(s, y).mean(),
        [(1, squares), (1, per_sample_dice)],
    ),
    "logged as well": (
        lambda s, y: squares(s, y).mean() + 0 * squares(s, y).mean().detach(),
        [(1, squares)],
    ),
    "at least something": (lambda s, y: squares(s, y).mean().clamp(min=1e-9), [(1, squares)]),
}


@pytest.mark.parametrize("name", list(OF_SAMPLES))
@pytest.mark.parametrize("seed", range(4))
def test_a_sum_of_losses_of_samples_is_weighed_in_value_and_gradient(name: str, seed: int) -> None:
    torch.manual_seed(seed)
    shape = random.Random(seed).choice([(5, 3), (2, 4), (7, 2, 3), (4, 1)])
    call, terms = OF_SAMPLES[name]
    model = nn.Linear(3, math.prod(shape[1:])).double()
    x, y = torch.randn(shape[0], 3, dtype=torch.float64), torch.randn(shape, dtype=torch.float64)
    kind = type("Own", (nn.Module,), {"forward": lambda _, s, y: call(s, y)})
    expected = torch.zeros((), dtype=torch.float64)
    for factor, term in terms:
        losses = term(model(x).view(shape), y)
        expected = expected + factor * (torch.softmax(losses.detach() / LAM, 0) * losses).sum()
    with api.session(lam=LAM, gamma=1.0):
        found = api.wrap(kind())(model(x).view(shape), y)
        gradient = torch.autograd.grad(found, model.weight)[0]
    assert found.item() == pytest.approx(expected.item(), rel=1e-9)
    assert torch.allclose(gradient, torch.autograd.grad(expected, model.weight)[0], atol=1e-11)
    with api.session():
        assert torch.equal(api.wrap(kind())(model(x).view(shape), y), kind()(model(x).view(shape), y))


def test_a_learned_factor_is_trained_by_the_weighed_loss() -> None:
    class Uncertain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.log_var = nn.Parameter(torch.full((), 0.3, dtype=torch.float64))

        def forward(self, s: Tensor, y: Tensor) -> Tensor:
            return (-self.log_var).exp() * squares(s, y).mean() + self.log_var

    torch.manual_seed(0)
    model, criterion = nn.Linear(3, 2).double(), Uncertain()
    x, y = torch.randn(5, 3, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)
    losses = squares(model(x), y)
    total = (torch.softmax(losses.detach() / LAM, 0) * losses).sum()
    expected = (-criterion.log_var).exp() * total + criterion.log_var
    with api.session(lam=LAM, gamma=1.0):
        found = api.wrap(criterion)(model(x), y)
        gradient = torch.autograd.grad(found, criterion.log_var)[0]
    assert found.item() == pytest.approx(expected.item(), rel=1e-9)
    assert gradient.item() == pytest.approx(torch.autograd.grad(expected, criterion.log_var)[0].item())


def test_each_part_of_a_dict_of_losses_is_weighed() -> None:
    def both(s: Tensor, y: Tensor) -> dict[str, Tensor]:
        return {"squares": squares(s, y).mean(), "dice": per_sample_dice(s, y).mean()}

    torch.manual_seed(0)
    model, x, y = nn.Linear(3, 2), torch.randn(5, 3), torch.randn(5, 2)
    with api.session(lam=LAM, gamma=1.0):
        found = api.wrap(both)(model(x), y)
    for name, term in (("squares", squares), ("dice", per_sample_dice)):
        losses = term(model(x), y).detach()
        assert found[name].item() == pytest.approx(
            (torch.softmax(losses / LAM, 0) * losses).sum().item(), rel=1e-5
        )


def test_hooks_of_a_script_do_not_run_during_the_check_for_mixed_samples() -> None:
    model, x, y = nn.Linear(3, 2), torch.randn(5, 3), torch.randn(5, 2)
    calls: list[int] = []
    with api.session(lam=LAM):
        scores = model(x)
        scores.register_hook(lambda _: calls.append(1))
        loss = api.wrap(lambda s, y: per_sample_dice(s, y).mean())(scores, y)
        assert not calls
        loss.backward()
    assert calls == [1]
