"""Losses whose figures have no use are only counted, and nothing else of a session changes for that."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.module import _global_forward_hooks, _global_forward_pre_hooks

from absgd_worker.attach import api
from absgd_worker.attach.samples.tracked_batches import batches
from absgd_worker.attach.session.steps import counted_steps
from absgd_worker.attach.session.steps.counted_steps import STEPS_LIKE_THESE

ENOUGH = STEPS_LIKE_THESE + 4
x = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))
y = torch.arange(16) % 3


@pytest.fixture(autouse=True)
def no_uses_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither tracked batches nor loggers are left over."""
    monkeypatch.setattr(batches, "_storages", {})
    for name in ("wandb", "torch.utils.tensorboard.writer", "tensorboardX.writer"):
        monkeypatch.delitem(sys.modules, name, raising=False)


class Loop:
    """A plain training loop."""

    def __init__(self, make: Callable[[], nn.Module] = lambda: nn.Linear(4, 3)) -> None:
        torch.manual_seed(0)
        self.model = make()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.labels = y
        self.copies = 1
        """How often the loss is computed in a step, to train on the last one."""

    def loss(self, given: Tensor = x, target: Tensor | None = None) -> Tensor:
        return F.cross_entropy(self.model(given), self.labels if target is None else target)

    def step(self, loss: Tensor | None = None) -> None:
        self.optimizer.zero_grad()
        if loss is None:
            for _ in range(self.copies):
                loss = self.loss()
        assert loss is not None
        loss.backward()
        self.optimizer.step()

    def steps(self, count: int = ENOUGH) -> None:
        for _ in range(count):
            self.step()


def calls_of(act: Callable[[], object]) -> int:
    """How many Python functions are called."""
    count = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


def test_a_step_whose_loss_is_only_counted_costs_few_calls() -> None:
    def deep() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 4), *(nn.ReLU() for _ in range(20)), nn.Linear(4, 3))

    loop = Loop(deep)
    loop.steps(2)
    plain = calls_of(loop.step)
    with api.session() as session, api.capture():
        loop.steps()
        counted = calls_of(loop.step)
        assert session.counted.is_counting
    assert counted < plain + 90


def test_no_module_is_observed_while_losses_are_counted_and_all_are_afterwards() -> None:
    loop = Loop()
    with api.session() as session, api.capture():
        loop.steps(STEPS_LIKE_THESE)
        assert session.counted.is_counting
        assert not _global_forward_hooks
        assert not _global_forward_pre_hooks
        loop.step(loop.loss() + loop.loss())
        assert not session.counted.is_counting
        assert len(_global_forward_hooks) == len(_global_forward_pre_hooks) == 1
    assert not _global_forward_hooks


def test_counts_state_and_bits_are_those_of_weighed_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    def trained() -> tuple[Any, ...]:
        loop = Loop()
        with api.session() as session, api.capture():
            for step in range(3 * ENOUGH):
                if step % 5 == 4:
                    (loop.loss() / 2).backward()
                loop.step(loop.loss(x[:8], y[:8]) / 2 if step % 7 == 3 else None)
            figures = (session.captured, session.step, session.total_steps, session.trainings.count)
            return *figures, session.state_dict(), next(loop.model.parameters()).tolist()

    counted = trained()
    monkeypatch.setattr(counted_steps, "STEPS_LIKE_THESE", math.inf)
    assert counted == trained()


@pytest.mark.parametrize("is_recorded", [False, True])
def test_losses_are_weighed_where_lambda_is_on_or_something_is_recorded(
    runs: Path, is_recorded: bool
) -> None:
    loop = Loop()
    given: dict[str, Any] = {"run": "r"} if is_recorded else {"lam": lambda step: math.inf}
    with api.session(**given) as session, api.capture():
        loop.steps()
        assert not session.counted.is_counting


def test_a_lambda_that_comes_on_weighs_the_next_loss() -> None:
    loop = Loop()
    with api.capture():
        loop.steps()
        session = api.current()
        assert session.counted.is_counting
        criterion = api.wrap(nn.CrossEntropyLoss(), lam=-1.0)
        # The next call of the model is observed.
        assert not session.counted.is_counting
        loop.model.zero_grad()
        plain = nn.CrossEntropyLoss(reduction="none")(loop.model(x).detach(), y).mean()
        loop.step(loop.loss())
        assert not session.is_off
        loss = loop.loss()
        assert not torch.equal(loss, plain)
        loop.step(loss)
        assert session.captured == ENOUGH + 2
    del criterion
    api.current().close()


def test_a_loss_that_becomes_nan_is_reported_with_its_step(capfd: pytest.CaptureFixture[str]) -> None:
    loop = Loop()
    with api.session(), api.capture():
        loop.steps()
        with torch.no_grad():
            next(loop.model.parameters()).fill_(math.nan)
        loop.steps(2)
    assert f"train.loss is nan from step {ENOUGH} on" in capfd.readouterr().err


def test_a_number_that_the_script_logs_is_still_checked(capfd: pytest.CaptureFixture[str]) -> None:
    loop = Loop()
    with api.session() as session, api.capture():
        loop.steps()
        session.log(score=math.inf)
        loop.steps(1)
        assert session.counted.is_counting
    assert f"train.score is inf from step {ENOUGH} on" in capfd.readouterr().err


def test_a_loss_that_is_not_trained_on_is_not_counted() -> None:
    loop = Loop()
    with api.session() as session, api.capture():
        loop.steps()
        loop.copies = 2
        loop.steps(1)
        assert session.captured == session.step == ENOUGH + 1
        loop.copies = 1
        loop.steps()
        assert session.counted.is_counting
        loop.model.eval()
        loop.steps(1)
        loop.model.train()
        loop.steps(2)
        assert session.captured == session.step == 2 * ENOUGH + 3


def test_a_batch_without_a_sample_that_counts_is_no_step() -> None:
    loop = Loop()
    with api.session() as session, api.capture():
        loop.steps()
        loop.labels = torch.full_like(y, -100)
        loop.steps(1)
        assert session.captured == session.step == ENOUGH
        loop.labels = y
        loop.steps(2)
        assert session.captured == session.step == ENOUGH + 2


def test_another_model_and_optimizer_are_another_training() -> None:
    with api.session() as session, api.capture():
        session.may_begin_anew = True
        loops = []
        for _ in range(3):
            loops.append(Loop())
            loops[-1].steps()
        assert session.trainings.count == 3
        assert session.total_steps == session.captured == 3 * ENOUGH
        assert session.step == ENOUGH


def test_a_term_that_comes_later_is_reported(capfd: pytest.CaptureFixture[str]) -> None:
    loop = Loop()
    with api.session(announce=True) as session, api.capture():
        loop.steps()
        for _ in range(3):
            scores = loop.model(x)
            loop.step(F.cross_entropy(scores, y) + scores.logsumexp(1).square().mean())
        assert session.captured == ENOUGH + 3
    assert "a part of the training loss is not weighed" in capfd.readouterr().err


def test_micro_batches_are_counted_each() -> None:
    loop = Loop()
    with api.session() as session, api.capture():
        for _ in range(2 * ENOUGH):
            loop.optimizer.zero_grad()
            for part in x.split(8):
                (loop.loss(part, y[:8]) / 2).backward()
            loop.optimizer.step()
        assert session.counted.is_counting
        assert (session.captured, session.step) == (4 * ENOUGH, 2 * ENOUGH)


def test_the_losses_of_two_models_that_take_turns_are_weighed() -> None:
    first, second = Loop(), Loop()
    with api.session() as session, api.capture():
        for _ in range(ENOUGH):
            first.step()
            second.step()
        assert not session.counted.is_counting
        assert session.captured == 2 * ENOUGH
