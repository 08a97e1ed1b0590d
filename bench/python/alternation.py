"""Two arms in one worker process: blocks of controlled steps and of bare ones, in pairs of random order.

What a controlled step causes in the courier is made to happen while controlled steps run: during a bare block
    the courier stands still.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from absgd_worker.link.command_loop import CommandLoop
from absgd_worker.link.courier_link import CourierLink
from absgd_worker.link.plan_table import Row
from absgd_worker.link.ring.layout import Word
from absgd_worker.link.ring.rings import words_of


class Spent(NamedTuple):
    """The time of a block."""

    seconds: float
    cpu_seconds: float
    """CPU time of the training thread."""


class Gate:
    """Lets the courier work while it is open, and stops it meanwhile.

    Its turns of a tenth of a second then fall into the controlled blocks, which cause them.
    """

    def __init__(self) -> None:
        self.courier_pid = 0

    def close(self) -> None:
        if self.courier_pid:
            os.kill(self.courier_pid, signal.SIGSTOP)

    def open(self) -> None:
        if self.courier_pid:
            os.kill(self.courier_pid, signal.SIGCONT)


class Alternation:
    """Runs a block of bare steps beside every block of `size` controlled ones, before or after it.

    `finish` is given the blocks of either arm, in pairs, when `blocks` of them are done; the first `warm_up`
    pairs are left out.
    """

    def __init__(
        self,
        bare_step: Callable[[], object],
        finish: Callable[[list[Spent], list[Spent]], None],
        *,
        size: int,
        blocks: int,
        warm_up: int,
    ) -> None:
        self.gate = Gate()
        self._bare_step = bare_step
        self._finish = finish
        self._size = size
        self._blocks = blocks
        self._warm_up = warm_up
        self._dice = random.Random(0)
        self._controlled: list[Spent] = []
        self._bare: list[Spent] = []
        self._steps = 0
        self._began = Spent(0.0, 0.0)

    def begin(self) -> None:
        """Before the first controlled step."""
        self._bare_first()
        self._began = _now()

    def step_done(self) -> None:
        """After every controlled step."""
        self._steps += 1
        if self._steps < self._size:
            return
        self._controlled.append(_since(self._began))
        self._steps = 0
        if len(self._bare) < len(self._controlled):
            self._run_bare()
        if len(self._controlled) == self._blocks:
            self._finish(self._controlled[self._warm_up :], self._bare[self._warm_up :])
            return
        self.begin()

    def _bare_first(self) -> None:
        if self._dice.random() < 0.5:
            self._run_bare()

    def _run_bare(self) -> None:
        self.gate.close()
        began = _now()
        for _ in range(self._size):
            self._bare_step()
        self._bare.append(_since(began))
        self.gate.open()


def alternating_commands(alternation: Alternation) -> type[CommandLoop]:
    """The worker's command loop, which runs the bare steps between two controlled ones."""

    class AlternatingCommands(CommandLoop):
        _begun = False

        def next_row(self) -> Row | None:
            row = super().next_row()
            if not self._begun:
                self._begun = True
                exchange = self._exchange
                assert isinstance(exchange, CourierLink)
                alternation.gate.courier_pid = words_of(exchange.memory)[Word.COURIER_PID]
                alternation.begin()
            return row

        def count_step(self) -> None:
            super().count_step()
            alternation.step_done()

    return AlternatingCommands


def _now() -> Spent:
    return Spent(time.perf_counter(), time.thread_time())


def _since(began: Spent) -> Spent:
    seconds, cpu_seconds = _now()
    return Spent(seconds - began.seconds, cpu_seconds - began.cpu_seconds)
