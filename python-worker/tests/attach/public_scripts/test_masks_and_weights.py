"""Weights, masks and choices of samples as public scripts have them, compared with weights by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from public_scripts import Script, Trained, differences

nan = float("nan")


def fixmatch(script: Script) -> None:
    """Labelled and unlabelled samples in one forward pass, pseudo-labels above a threshold."""
    model = script.model(3, 4)
    supervised = script.wrap(nn.CrossEntropyLoss())

    def loss(number: int) -> Tensor:
        x, weak, strong, y = script.randn(3, 3), script.randn(6, 3), script.randn(6, 3), script.randint(4, 3)
        out = model(torch.cat([x, weak, strong]))
        of_x = out[:3]
        of_weak, of_strong = out[3:].chunk(2)
        sure, pseudo = torch.softmax(of_weak.detach(), dim=-1).max(dim=-1)
        mask = sure.ge(2.0 if number == 2 else 0.4).double()
        if script.is_by_hand:
            lx = F.cross_entropy(of_x, y, reduction="none")
            lu = F.cross_entropy(of_strong, pseudo, reduction="none")
            first = (script.factors(lx, "x") * lx).mean()
            return first + 2.0 * (script.factors(lu.masked_fill(mask == 0, nan), "u") * lu * mask).mean()
        unsupervised = script.wrap(nn.CrossEntropyLoss(reduction="none"))
        lx = supervised(of_x, y)
        lu = (unsupervised(of_strong, pseudo) * mask).mean()
        return lx + 2.0 * lu

    script.train(model, loss)


def prioritized_replay(script: Script) -> None:
    """DQN: the action's value, importance weights of the replay buffer."""
    model, target_net = script.model(3, 4), script.model(3, 4)
    criterion = script.wrap(nn.SmoothL1Loss(reduction="none"))

    def loss(number: int) -> Tensor:
        state, action, reward = script.randn(6, 3), script.randint(4, 6, 1), script.randn(6, 1)
        importance = script.rand(6, 1) + 0.1
        q = model(state).gather(1, action)
        with torch.no_grad():
            aim = reward + 0.9 * target_net(state).max(1, keepdim=True)[0]
        if script.is_by_hand:
            losses = F.smooth_l1_loss(q, aim, reduction="none")
            return (script.factors(losses.squeeze(1))[:, None] * losses * importance).mean()
        return (criterion(q, aim) * importance).mean()

    script.train(model, loss)


def physics_informed(script: Script) -> None:
    """Residuals inside and boundary values: two sets of points of different sizes, gradients of inputs."""
    inner, outer = script.model(2, 5), script.model(5, 1)
    model = nn.Sequential(inner, nn.Tanh(), outer)
    residual, boundary = script.wrap(nn.MSELoss()), script.wrap(nn.MSELoss())

    def loss(number: int) -> Tensor:
        x, edge, known = script.randn(8, 2).requires_grad_(), script.randn(3, 2), script.randn(3, 1)
        u = model(x)
        du = torch.autograd.grad(u, x, torch.ones_like(u), create_graph=True)[0]
        f = du[:, 0:1] - u * du[:, 1:2]
        if script.is_by_hand:
            a, b = (f**2).squeeze(1), ((model(edge) - known) ** 2).squeeze(1)
            return (script.factors(a, "f") * a).mean() + (script.factors(b, "b") * b).mean()
        loss_f = residual(f, torch.zeros_like(f))
        loss_b = boundary(model(edge), known)
        return loss_f + loss_b

    script.train(model, loss)


def mean_teacher(script: Script) -> None:
    model, teacher = script.model(3, 4), script.model(3, 4)
    classify, agree = script.wrap(nn.CrossEntropyLoss()), script.wrap(nn.MSELoss())

    def loss(number: int) -> Tensor:
        x, y = script.randn(6, 3), script.randint(4, 6)
        y[number] = -100
        out = model(x)
        with torch.no_grad():
            known = teacher(x + 0.1).softmax(1)
        if script.is_by_hand:
            ce = F.cross_entropy(out, y, reduction="none").masked_fill(y == -100, nan)
            se = ((out.softmax(1) - known) ** 2).mean(1)
            first = (script.factors(ce, "ce") * ce.nan_to_num()).sum() / (y != -100).sum()
            return first + 0.5 * (script.factors(se, "se") * se).mean()
        first = classify(out, y)
        return first + 0.5 * agree(out.softmax(1), known)

    script.train(model, loss)


def uncertain_regression(script: Script) -> None:
    model = script.model(3, 2)
    criterion = script.wrap(nn.GaussianNLLLoss())

    def loss(number: int) -> Tensor:
        x, y = script.randn(6, 3), script.randn(6)
        mean, var = model(x).unbind(1)
        if script.is_by_hand:
            losses = F.gaussian_nll_loss(mean, y, F.softplus(var), reduction="none")
            return (script.factors(losses) * losses).mean()
        return criterion(mean, y, F.softplus(var))

    script.train(model, loss)


def last_batch_of_one(script: Script) -> None:
    """`drop_last=False` and `squeeze()`: the scores of a batch of 1 have no dimension."""
    model = script.model(3, 1)
    criterion = script.wrap(nn.BCEWithLogitsLoss())

    def loss(number: int) -> Tensor:
        size = (4, 1, 3, 1)[number]
        x, y = script.randn(size, 3), script.randint(2, size, 1).double().squeeze()
        out = model(x).squeeze()
        if script.is_by_hand:
            losses = F.binary_cross_entropy_with_logits(out, y, reduction="none").reshape(-1)
            return (script.factors(losses) * losses).mean()
        return criterion(out, y)

    script.train(model, loss)


def smoothing_with_class_weights(script: Script) -> None:
    model, weight = script.model(3, 4), script.rand(4) + 0.3
    criterion = script.wrap(nn.CrossEntropyLoss(weight=weight, label_smoothing=0.2))

    def loss(number: int) -> Tensor:
        x, y = script.randn(6, 3), script.randint(4, 6)
        out = model(x)
        if script.is_by_hand:
            losses = F.cross_entropy(out, y, reduction="none", weight=weight, label_smoothing=0.2)
            plain = F.cross_entropy(out, y, reduction="none", label_smoothing=0.2)
            return (script.factors(plain) * losses).sum() / weight[y].sum()
        return criterion(out, y)

    script.train(model, loss)


def curriculum(script: Script) -> None:
    """A weight for each sample of the data set, some of them 0, looked up by the batch's numbers."""
    model, weights = script.model(3, 4), script.rand(20)
    weights[::4] = 0
    criterion = script.wrap(nn.CrossEntropyLoss(reduction="none"))

    def loss(number: int) -> Tensor:
        order = torch.randperm(20, generator=script.generator)[:8]
        x, y, w = script.randn(8, 3), script.randint(4, 8), weights[order]
        if script.is_by_hand:
            losses = F.cross_entropy(model(x), y, reduction="none")
            return (script.factors(losses.masked_fill(w == 0, nan)) * losses * w).sum() / w.sum()
        if script.is_reduced:
            losses = F.cross_entropy(model(x), y, reduction="none")
            return script.reduce(losses * w) * 8 / w.sum()
        return (criterion(model(x), y) * w).sum() / w.sum()

    script.train(model, loss)


def diffusion(script: Script) -> None:
    """diffusers' training scripts: the mean of each picture, times a weight of its noise (min-SNR)."""
    model = script.model(3, 4)
    criterion = script.wrap(nn.MSELoss(reduction="none"))

    def loss(number: int) -> Tensor:
        out, noise = model(script.randn(6, 3)).view(6, 1, 2, 2), script.randn(6, 1, 2, 2)
        of_time = script.rand(6) + 0.2
        if script.is_by_hand:
            losses = ((out - noise) ** 2).mean([1, 2, 3])
            return (script.factors(losses) * losses * of_time).mean()
        found = criterion(out, noise)
        found = found.mean(dim=list(range(1, len(found.shape)))) * of_time
        return found.mean()

    script.train(model, loss)


def batch_that_is_skipped(script: Script) -> None:
    """`if not torch.isfinite(loss): continue`: the batch moves no estimate."""
    model = script.model(3, 4)
    criterion = script.wrap(nn.CrossEntropyLoss())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    with script.training():
        for number in range(len(script.lambdas) + 1):
            x, y = script.randn(6, 3), script.randint(4, 6)
            if number == 2:
                x[1] = nan
            if script.is_by_hand:
                losses = F.cross_entropy(model(x), y, reduction="none")
                loss = losses.mean() if number == 2 else (script.factors(losses) * losses).mean()
            else:
                loss = criterion(model(x), y)
            if not torch.isfinite(loss):
                continue
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            script.print(loss, *model.parameters())
            script.step += 1


CASES: list[tuple[Trained, str]] = [
    (fixmatch, "capture wrap"),
    (prioritized_replay, "capture wrap"),
    (physics_informed, "capture wrap"),
    (mean_teacher, "capture wrap"),
    (uncertain_regression, "capture wrap"),
    (last_batch_of_one, "capture wrap"),
    (smoothing_with_class_weights, "capture wrap"),
    (curriculum, "capture wrap weigh"),
    (diffusion, "capture wrap"),
    (batch_that_is_skipped, "capture wrap"),
]


@pytest.mark.parametrize(
    ("train", "way"),
    [pytest.param(train, way, id=f"{train.__name__}-{way}") for train, ways in CASES for way in ways.split()],
)
def test_a_public_script_is_weighed_as_by_hand_and_is_itself_with_lambda_off(
    train: Trained, way: str
) -> None:
    assert differences(train, way) == []
