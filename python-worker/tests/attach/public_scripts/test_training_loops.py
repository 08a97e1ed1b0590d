"""Training loops as public scripts have them: accumulation, two passes, folds, resumption."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset, TensorDataset

from public_scripts import GAMMA, Script, Trained, differences


def losses_of(script: Script, scores: Tensor, y: Tensor, name: str = "loss", **settings: Any) -> Tensor:
    """By hand: a mean cross-entropy, weighed."""
    losses = F.cross_entropy(scores, y, reduction="none")
    return (script.factors(losses, name, **settings) * losses).mean()


def last_window_that_is_shorter(script: Script) -> None:
    """7 batches in windows of 3, the usual `or i + 1 == len(loader)`, clipping and a scaler that is off."""
    model = script.model(3, 4)
    criterion = script.wrap(nn.CrossEntropyLoss())
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    data = [(script.randn(5, 3), script.randint(4, 5)) for _ in range(7)]
    with script.training(accumulate=3):
        for i, (x, y) in enumerate(data):
            scores = model(x)
            if script.is_by_hand:
                loss = losses_of(script, scores, y, gamma=1 - (1 - GAMMA) ** (1 / 3)) / 3
            else:
                loss = criterion(scores, y) / 3
            scaler.scale(loss).backward()
            if (i + 1) % 3 == 0 or i + 1 == len(data):
                scaler.unscale_(optimizer)
                script.print(loss, nn.utils.clip_grad_norm_(model.parameters(), 1.0))
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad(set_to_none=True)
                script.step += 1
        script.print(*model.parameters())


def sharpness_aware(script: Script) -> None:
    """SAM of davda54: `first_step`, `second_step`, a criterion call for each."""
    model = script.model(3, 4)
    criterion = script.wrap(nn.CrossEntropyLoss())
    base = torch.optim.SGD(model.parameters(), lr=0.05)

    def loss(x: Tensor, y: Tensor, name: str) -> Tensor:
        return losses_of(script, model(x), y, name)

    with script.training():
        for _ in script.lambdas:
            x, y = script.randn(6, 3), script.randint(4, 6)
            found = loss(x, y, "first") if script.is_by_hand else criterion(model(x), y)
            found.backward()
            with torch.no_grad():
                norm = torch.stack(
                    [one.grad.norm() for one in model.parameters() if one.grad is not None]
                ).norm()
                moves = [one.grad * 0.05 / norm for one in model.parameters() if one.grad is not None]
                for one, move in zip(model.parameters(), moves, strict=True):
                    one.add_(move)
            base.zero_grad()
            again = loss(x, y, "second") if script.is_by_hand else criterion(model(x), y)
            again.backward()
            with torch.no_grad():
                for one, move in zip(model.parameters(), moves, strict=True):
                    one.sub_(move)
            base.step()
            base.zero_grad()
            script.print(found, again, *model.parameters())
            script.step += 1


def averages_validation_and_early_stopping(script: Script) -> None:
    """An average of weights, validation by the same criterion, the best model put back, losses logged."""
    model = script.model(3, 4)
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
    )
    criterion = script.wrap(nn.CrossEntropyLoss())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    held_x, held_y = script.randn(7, 3), script.randint(4, 7)
    best, kept = math.inf, copy.deepcopy(model.state_dict())
    with script.training():
        for _ in script.lambdas:
            model.train()
            x, y = script.randn(6, 3), script.randint(4, 6)
            optimizer.zero_grad()
            loss = losses_of(script, model(x), y) if script.is_by_hand else criterion(model(x), y)
            loss.backward()
            optimizer.step()
            average.update_parameters(model)
            script.step += 1
            model.eval()
            with torch.no_grad():
                held = (F.cross_entropy if script.is_by_hand else criterion)(model(held_x), held_y)
                of_average = (F.cross_entropy if script.is_by_hand else criterion)(average(held_x), held_y)
            schedule.step(held)
            if held < best:
                best, kept = held.item(), copy.deepcopy(model.state_dict())
            script.print(loss, held, of_average)
    model.load_state_dict(kept)
    script.print(*model.parameters(), *average.parameters())


def losses_logged_by_the_script(script: Script) -> None:
    """`reduction="none"`, the losses of samples in a list, their mean behind."""
    model = script.model(3, 4)
    criterion = script.wrap(nn.CrossEntropyLoss(reduction="none"))
    logged: list[Tensor] = []

    def loss(number: int) -> Tensor:
        x, y = script.randn(6, 3), script.randint(4, 6)
        losses = (
            (F.cross_entropy(model(x), y, reduction="none")) if script.is_by_hand else criterion(model(x), y)
        )
        logged.append(losses.detach().cpu())
        if script.is_by_hand:
            return (script.factors(losses) * losses).mean()
        return losses.mean()

    script.train(model, loss)
    script.print(*logged, *model.parameters())


def limited_memory_bfgs(script: Script) -> None:
    """One batch, a closure; the loss is weighed at every call of it."""
    model = script.model(3, 4)
    criterion = script.wrap(nn.CrossEntropyLoss())
    x, y = script.randn(9, 3), script.randint(4, 9)
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=1)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = losses_of(script, model(x), y) if script.is_by_hand else criterion(model(x), y)
        loss.backward()
        return loss

    with script.training():
        for _ in script.lambdas:
            found = optimizer.step(closure)
            script.print(found, *model.parameters())
            script.step += 1


def compiled_model(script: Script) -> None:
    model = script.model(3, 4)
    compiled = torch.compile(model, backend="eager")
    criterion = script.wrap(nn.CrossEntropyLoss())

    def loss(number: int) -> Tensor:
        x, y = script.randn(6, 3), script.randint(4, 6)
        return losses_of(script, compiled(x), y) if script.is_by_hand else criterion(compiled(x), y)

    script.train(model, loss)


def data_parallel(script: Script) -> None:
    """Without a GPU `DataParallel` calls the module."""
    model = script.model(3, 4)
    parallel = nn.DataParallel(model)
    criterion = script.wrap(nn.CrossEntropyLoss())

    def loss(number: int) -> Tensor:
        x, y = script.randn(6, 3), script.randint(4, 6)
        return losses_of(script, parallel(x), y) if script.is_by_hand else criterion(parallel(x), y)

    script.train(model, loss)


def truncated_backpropagation(script: Script) -> None:
    """A word language model: the state is handed on and detached, [T·B, V] scores of a time-first batch."""
    cell, head = nn.RNN(3, 4).double(), script.model(4, 5)
    with torch.no_grad():
        for one in cell.parameters():
            one.copy_(0.5 * script.randn(*one.shape))
    model, hidden = nn.ModuleList([cell, head]), [torch.zeros(1, 6, 4, dtype=torch.float64)]
    criterion = script.wrap(nn.CrossEntropyLoss(), granularity="token")

    def loss(number: int) -> Tensor:
        x, y = script.randn(3, 6, 3), script.randint(5, 3, 6)
        out, hidden[0] = cell(x, hidden[0].detach())
        scores = head(out).view(-1, 5)
        return losses_of(script, scores, y.view(-1)) if script.is_by_hand else criterion(scores, y.view(-1))

    script.train(model, loss)


def two_backward_passes(script: Script) -> None:
    """Two heads, a backward pass each over one graph, one step."""
    body, a, b = script.model(3, 4), script.model(4, 3), script.model(4, 2)
    model = nn.ModuleList([body, a, b])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    criterion = script.wrap(nn.CrossEntropyLoss())
    with script.training():
        for _ in script.lambdas:
            x, ya, yb = script.randn(6, 3), script.randint(3, 6), script.randint(2, 6)
            optimizer.zero_grad()
            shared = torch.tanh(body(x))
            one = losses_of(script, a(shared), ya, "a") if script.is_by_hand else criterion(a(shared), ya)
            one.backward(retain_graph=True)
            two = losses_of(script, b(shared), yb, "b") if script.is_by_hand else criterion(b(shared), yb)
            two.backward()
            optimizer.step()
            script.print(one, two, *model.parameters())
            script.step += 1


def resumed_from_a_checkpoint(script: Script) -> None:
    """Saved after two steps, everything made anew, loaded, trained on."""
    data = [(script.randn(6, 3), script.randint(4, 6)) for _ in script.lambdas]
    first = script.model(3, 4)
    saved: dict[str, Any] = {}
    for part in ((0, 1), (2, 3)):
        model = nn.Linear(3, 4).double()
        model.load_state_dict(saved["model"] if saved else first.state_dict())
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        criterion = script.wrap(nn.CrossEntropyLoss())
        with script.training() as session:
            if saved:
                optimizer.load_state_dict(saved["optimizer"])
                if session is not None:
                    session.load_state_dict(saved["session"])
            for number in part:
                x, y = data[number]
                optimizer.zero_grad()
                loss = losses_of(script, model(x), y) if script.is_by_hand else criterion(model(x), y)
                loss.backward()
                optimizer.step()
                script.print(loss)
                script.step += 1
            saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            saved["session"] = session.state_dict() if session is not None else None
            saved = copy.deepcopy(saved)
    script.print(*saved["model"].values())


def folds(script: Script) -> None:
    """A function that trains, called for each fold; a session for each."""
    x, y = script.randn(12, 3), script.randint(4, 12)
    data = TensorDataset(x, y)

    def fit(fold: list[int]) -> None:
        script.again()
        model = script.model(3, 4)
        criterion, optimizer = script.wrap(nn.CrossEntropyLoss()), torch.optim.SGD(model.parameters(), lr=0.1)
        with script.training():
            for inputs, labels in DataLoader(Subset(data, fold), batch_size=3, drop_last=False):
                optimizer.zero_grad()
                loss = (
                    losses_of(script, model(inputs), labels)
                    if script.is_by_hand
                    else criterion(model(inputs), labels)
                )
                loss.backward()
                optimizer.step()
                script.print(loss)
                script.step += 1
        script.print(*model.parameters())

    fit([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    fit([11, 10, 9, 8, 7, 6, 5])


CASES: list[tuple[Trained, str]] = [
    (last_window_that_is_shorter, "capture wrap"),
    (sharpness_aware, "capture wrap"),
    (averages_validation_and_early_stopping, "capture wrap"),
    (losses_logged_by_the_script, "capture wrap"),
    (limited_memory_bfgs, "capture wrap"),
    (compiled_model, "capture wrap"),
    (data_parallel, "capture wrap"),
    (truncated_backpropagation, "wrap"),
    (two_backward_passes, "capture wrap"),
    (resumed_from_a_checkpoint, "capture wrap"),
    (folds, "capture wrap"),
]


@pytest.mark.parametrize(
    ("train", "way"),
    [pytest.param(train, way, id=f"{train.__name__}-{way}") for train, ways in CASES for way in ways.split()],
)
def test_a_public_loop_is_weighed_as_by_hand_and_is_itself_with_lambda_off(train: Trained, way: str) -> None:
    assert differences(train, way) == []
