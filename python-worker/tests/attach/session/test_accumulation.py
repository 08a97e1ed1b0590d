"""Accumulation as it happens: the estimate after a step is that of the micro-batches that the step had."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.weights import read_statistics
from recorder import Recorder, a_model


class ByHand:
    """The recurrence of the default rule in float64, from the losses of every micro-batch."""

    def __init__(self, lam: float, gamma: float) -> None:
        self.lam, self.gamma = lam, gamma
        self.log_u, self.seen = math.nan, 0.0

    def step(self, micro_batches: list[Tensor]) -> float:
        gamma = 1 - (1 - self.gamma) ** (1 / len(micro_batches))
        for losses in micro_batches:
            m = (torch.logsumexp(losses.double() / self.lam, 0) - math.log(len(losses))).item()
            self.seen += gamma * (1 - self.seen)
            rho = gamma / self.seen
            mixed = m
            if not math.isnan(self.log_u):
                mixed = math.log((1 - rho) * math.exp(self.log_u) + rho * math.exp(m))
            self.log_u = min(max(mixed, m - math.log(2)), m + 5)
        return self.lam * self.log_u


@pytest.mark.parametrize("seed", range(12))
def test_the_estimate_is_that_of_the_micro_batches_that_every_step_had(seed: int) -> None:
    draw = random.Random(seed)
    lam, gamma = draw.choice([-3.0, -1.0, 1.0, 4.0]), draw.choice([0.2, 0.5, 0.9, 1.0])
    told = draw.choice([None, 1, 4])
    generator = torch.Generator().manual_seed(seed)
    model, optimizer = a_model()
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    criterion = api.wrap(nn.CrossEntropyLoss())
    right, found = ByHand(lam, gamma), []
    with api.session(lam=lam, gamma=gamma, accumulate=told) as session:
        for _ in range(12):
            window, is_skipped = [], draw.random() < 0.2
            for _ in range(draw.choice([1, 1, 2, 3, 7])):
                points = 2 * torch.randn(draw.randint(1, 9), 4, generator=generator)
                labels = points.argmax(1).roll(1)
                if draw.random() < 0.3:
                    # For the log: nothing is trained on it.
                    criterion(model(points * 2), labels).item()
                scores = model(points)
                window.append(F.cross_entropy(scores.detach(), labels, reduction="none"))
                scaler.scale(criterion(scores, labels)).backward()
            if is_skipped:
                next(model.parameters()).grad.fill_(math.inf)  # type: ignore[union-attr]
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            if not is_skipped:
                found.append(right.step(window))
                # A loss for the log has no state.
                (state,) = session.state_dict()["weighings"].values()
                assert state["normaliser"]["free_energy"] == pytest.approx(found[-1], rel=1e-5, abs=1e-6)
    assert len(found) == session.step > 0


class Estimates(Recorder):
    """What the estimate is when the last micro-batch of a step is weighed, and right after the step."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs: list[tuple[float, float]] = []
        self.sizes: list[int] = []

    def process_commands(self, step: int) -> None:
        (weighing,) = api.current().state_dict()["weighings"].values()
        statistics = self.entries[-1].statistics
        assert statistics is not None
        within = read_statistics(statistics).free_energy
        self.pairs.append((within, weighing["normaliser"]["free_energy"]))
        self.sizes.append(self.entries[-1].losses_B.shape[0])


def test_lightning_says_beforehand_how_many_micro_batches_a_step_has(tmp_path: Path) -> None:
    lightning: Any = pytest.importorskip("lightning")
    from lightning.pytorch.callbacks import GradientAccumulationScheduler  # noqa: PLC0415

    from absgd_worker.integrations.lightning import AbsgdCallback  # noqa: PLC0415
    from lightning_fit import fit  # noqa: PLC0415

    assert lightning
    source = Estimates()
    with api.session(source=source):
        # Eight batches of eight: the last window of an epoch has two of three.
        fit(tmp_path, AbsgdCallback(), GradientAccumulationScheduler({0: 1, 1: 3}))
    assert source.sizes == [8] * 8 + [24, 24, 16]
    assert [after for _, after in source.pairs] == pytest.approx([within for within, _ in source.pairs])


def test_the_trainer_says_beforehand_how_many_micro_batches_a_step_has(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from absgd_worker.integrations.hugging_face import AbsgdCallback  # noqa: PLC0415
    from small_trainer import Sentences, classifier, trainer_of  # noqa: PLC0415

    source = Estimates()
    trainer = trainer_of(
        tmp_path,
        classifier(),
        Sentences(),
        callback=AbsgdCallback(),
        gradient_accumulation_steps=4,
        max_steps=6,
    )
    with api.session(source=source):
        # Nine batches of four an epoch: windows of four, four and one.
        trainer.train()
    assert source.sizes == [16, 16, 4] * 2
    assert [after for _, after in source.pairs] == pytest.approx([within for within, _ in source.pairs])
