"""The training loop of a served task without a controller, a socket or a second thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from absgd_worker import Task
from absgd_worker.link.command_loop import CommandLoop
from absgd_worker.link.exchange import Exchange
from absgd_worker.link.plan_table import Row
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.link.wire.messages import EventKind, Position, Reason
from absgd_worker.task.context import Context
from absgd_worker.training import loop
from absgd_worker.training.actions import Actions
from absgd_worker.training.trainer import Trainer


class Served(NamedTuple):
    """A task that is trained in the thread of the test; every sample is kept for the report."""

    trainer: Trainer
    exchange: Exchange
    actions: Actions


def served_task(
    task: Task, *, seed: int = 0, run_dir: Path | None = None, exchange: Exchange | None = None
) -> Served:
    exchange = exchange or Exchange()
    exchange.status.position = Position(1, 0)
    exchange.sample_every = 1
    run_dir = run_dir or Path()
    context = Context(run="run", run_dir=run_dir, params={}, seed=seed, device=torch.device("cpu"))
    trainer = Trainer(task, context)
    return Served(trainer, exchange, Actions(trainer, exchange, run_dir, seed=seed))


def train_rows(
    served: Served,
    rows: Sequence[Mapping[str, float]],
    events: Mapping[int, Sequence[EventKind]] | None = None,
) -> list[StepEntry]:
    """Trains one step a row, and stops. Returns the reports of these steps."""
    commands = _GivenRows(served.exchange, served.actions)
    commands.rows = iter(Row(dict(row), tuple((events or {}).get(i, ()))) for i, row in enumerate(rows))
    outgoing: Any = served.exchange.outgoing
    before = len(outgoing)
    loop.train(served.trainer, served.exchange, commands, served.actions)
    return [item for item in list(outgoing)[before:] if isinstance(item, StepEntry)]


class _GivenRows(CommandLoop):
    """Has the rows that a test gives in place of a plan, and no commands."""

    rows: Iterator[Row]

    def next_row(self) -> Row | None:
        row = next(self.rows, None)
        if row is None:
            self.end(Reason.STOPPED)
        return row
