"""Two arms in one worker process: blocks of controlled steps and of bare ones, in pairs of random order.

Everything that a controlled step causes on the thread of the channel is made to happen while controlled steps
run: during a bare block the channel stands still, and so does the clock by which it gathers telemetry.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from threading import Condition
from typing import Any, NamedTuple

from absgd_worker.link import channel
from absgd_worker.link.courier.channel import Channel
from absgd_worker.link.command_loop import CommandLoop
from absgd_worker.link.plan_table import Row


class Spent(NamedTuple):
    """The time of a block."""

    seconds: float
    cpu_seconds: float
    """CPU time of the training thread."""


class Gate:
    """Lets the channel's thread work while it is open. Its clock, in seconds, stands while it is closed."""

    def __init__(self) -> None:
        self._condition = Condition()
        self._open = True
        self._busy = False
        self._opened = time.monotonic()
        self._before = 0.0

    def close(self) -> None:
        """Returns once the channel's thread stands still."""
        with self._condition:
            self._before = self.clock()
            self._open = False
            self._condition.wait_for(lambda: not self._busy)

    def open(self) -> None:
        with self._condition:
            self._opened = time.monotonic()
            self._open = True
            self._condition.notify_all()

    def clock(self) -> float:
        return self._before + (time.monotonic() - self._opened if self._open else 0.0)

    def wait(self) -> None:
        with self._condition:
            self._condition.wait_for(lambda: self._open)

    def __enter__(self) -> None:
        with self._condition:
            self._condition.wait_for(lambda: self._open)
            self._busy = True

    def __exit__(self, *_: object) -> None:
        with self._condition:
            self._busy = False
            self._condition.notify_all()


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
                alternation.begin()
            return row

        def count_step(self) -> None:
            super().count_step()
            alternation.step_done()

    return AlternatingCommands


def gated_channel(gate: Gate) -> type[Channel]:
    """The worker's channel, which stands still while the gate is closed."""
    interval = channel.INTERVAL_MS / 1000

    class GatedChannel(Channel):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)

        def _wait(self) -> None:
            due = gate.clock() + interval
            while (left := due - gate.clock()) > 0:
                gate.wait()
                began = time.monotonic()
                channel.INTERVAL_MS = max(1, round(1000 * left))
                super()._wait()
                if 1000 * (time.monotonic() - began) < channel.INTERVAL_MS - 1:
                    # Something came, or there is room to send again.
                    return

        def _turn(self) -> None:
            with gate:
                super()._turn()

    return GatedChannel


def _now() -> Spent:
    return Spent(time.perf_counter(), time.thread_time())


def _since(began: Spent) -> Spent:
    seconds, cpu_seconds = _now()
    return Spent(seconds - began.seconds, cpu_seconds - began.cpu_seconds)
