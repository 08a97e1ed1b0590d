"""What the parts of a served step take, and those of the bare loop: `step_parts.py STEPS`, medians in
microseconds.

Matrix products between two steps empty the caches, as those of a model do. Served and bare steps alternate.
"""

from __future__ import annotations

import sys
import time
from array import array
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import torch
from step_overhead import GAMMA, LAM, SAMPLES, B, BareLoop
from step_overhead import _model as model_of_width
from torch.nn.functional import cross_entropy

from absgd_worker import Context, Task
from absgd_worker.device.ordered import OrderedReports
from absgd_worker.link.command_loop import CommandLoop
from absgd_worker.link.courier_link import CourierLink
from absgd_worker.link.ring.layout import SIZE, Word
from absgd_worker.link.ring.memory import private_memory
from absgd_worker.link.ring.rings import words_of
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.link.wire.messages import Plan, Position
from absgd_worker.training.actions import Actions
from absgd_worker.training.trainer import Trainer, check_losses, lambda_and_gamma
from absgd_worker.weights import weighted_loss

T = TypeVar("T")


class Clock:
    def __init__(self) -> None:
        self.times: defaultdict[str, list[float]] = defaultdict(list)

    def __call__(self, part: str, function: Callable[..., T], *args: Any, **options: Any) -> T:
        began = time.perf_counter()
        result = function(*args, **options)
        self.times[part].append(time.perf_counter() - began)
        return result


def main(steps: int) -> None:
    torch.set_num_threads(1)
    points, labels = torch.randn(SAMPLES, 256), torch.randint(10, (SAMPLES,))
    model = model_of_width(64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    task = Task(
        model=model,
        optimizer=optimizer,
        data=(points, labels),
        batch_size=B,
        loss=lambda model, batch: cross_entropy(model(batch[0]), batch[1], reduction="none"),
        labels=labels,
    )
    context = Context(run="", run_dir=Path(), params={}, seed=0, device=torch.device("cpu"))
    link = CourierLink(private_memory(SIZE), Path(), "")
    trainer = Trainer(task, context)
    commands = CommandLoop(link, Actions(trainer, link, Path(), seed=0))
    rows = {name: array("d", [value] * steps) for name, value in (("lambda", LAM), ("lr", 0.01))}
    link.plan.begin_attempt(1, 0)
    link.plan.add(Plan(1, 1, 1, 0, steps, {**rows, "gamma": array("d", [GAMMA])}, [], steps + 1))
    link.status.position = Position(1, 0)
    bare = BareLoop(model, optimizer, points, labels)
    clock, matrix = Clock(), torch.randn(700, 700)
    for step in range(steps):
        _ = matrix @ matrix
        served_step(clock, trainer, link, commands, step)
        _ = matrix @ matrix
        bare_step(clock, bare)
    for part, times in clock.times.items():
        print(f"{part:32} {1e6 * median(times[len(times) // 10 :]):6.1f}")


def served_step(clock: Clock, trainer: Trainer, link: CourierLink, commands: CommandLoop, step: int) -> None:
    # A courier gives the room back.
    words_of(link.memory)[Word.UP_TAIL] = words_of(link.memory)[Word.UP_HEAD]
    reports = OrderedReports(link.outgoing, trainer.reports)
    row = clock("served: row of the plan", commands.next_row)
    assert row is not None

    def begin() -> tuple[float, float, dict[str, float]]:
        lam, gamma = lambda_and_gamma(row.controls)
        applied = trainer.controls.apply(row.controls)
        trainer.context._enter_step(applied)
        return lam, gamma, applied

    lam, gamma, applied = clock("served: controls", begin)
    batch = clock("served: batch", trainer.batches.take)
    losses_B = trainer.task.loss(trainer.task.model, batch.data)

    def check() -> Any:
        check_losses(losses_B, batch)
        return trainer.batches.identify(batch, losses_B.shape[0])

    indices_B = clock("served: checks of the losses", check)
    weighed = clock(
        "served: rule of weights",
        trainer.weigh,
        losses_B.detach(),
        indices_B,
        row.controls,
        lam=lam,
        gamma=gamma,
    )
    loss = clock("served: weighted sum", weighted_loss, losses_B, weighed.weights_B)
    trainer.task.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    trainer.task.optimizer.step()

    def report() -> None:
        link.status.position = Position(1, step + 1)
        metrics = trainer.take_metrics(skipped=0)
        reports.append(
            StepEntry(
                1,
                step,
                0.001,
                0,
                applied,
                weighed.statistics,
                losses_B.detach(),
                weighed.weights_B,
                indices_B,
                True,
                metrics,
            )
        )

    clock("served: report", report)
    clock("served: commands", commands.process_commands)


def bare_step(clock: Clock, bare: BareLoop) -> None:
    points_B, labels_B = clock("bare: batch", bare.batch)
    losses_B = cross_entropy(bare.model(points_B), labels_B, reduction="none")
    loss = clock("bare: rule and weighted sum", bare.weighted, losses_B)
    bare.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    bare.optimizer.step()


if __name__ == "__main__":
    main(int(sys.argv[1]))
