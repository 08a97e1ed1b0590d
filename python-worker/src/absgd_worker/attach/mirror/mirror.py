"""What lambda does, written also where a script's other figures go: to wandb, and to TensorBoard.

Neither is imported. What a mirror breaks, or is broken by, costs its figures and never training.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from threading import Event, Thread
from typing import Any, Literal

from torch import Tensor

from absgd_worker.attach.mirror.summary_writers import SummaryWriters, tensorboard_is_loaded
from absgd_worker.console import complain
from absgd_worker.link.step_reports import StepEntry
from absgd_worker.weights import Statistics
from absgd_worker.weights.diagnostics import effective_learning_rate, ess_ratio_of_applied_weights

Mirroring = Literal["auto", "off"]


class Mirror:
    """Takes reports of steps, and writes the latest of every loss at most once a second, from a thread of its
    own.

    The thread begins once wandb or TensorBoard is there.
    """

    def __init__(self, interval: float = 1.0) -> None:
        self._interval = interval
        self._latest: dict[str, tuple[StepEntry, float | Tensor | None]] = {}
        self._thread: Thread | None = None
        self._closing = Event()
        self._writers = SummaryWriters()
        self._wandb_run: object = None
        self._failed: set[str] = set()

    def report(self, entry: StepEntry, lr: float | Tensor | None) -> None:
        """`lr`: of the optimizer's first group in this step; None where it has none."""
        self._latest[entry.name] = entry, lr
        if self._thread is None and ("wandb" in sys.modules or tensorboard_is_loaded()):
            self._thread = Thread(target=self._run, name="absgd-mirror", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Writes the last step. May be called twice."""
        self._closing.set()
        if self._thread is not None:
            # A service that does not answer is not waited for.
            self._thread.join(PATIENCE_SECONDS)
            self._thread = None

    def _run(self) -> None:
        written = -1
        over = False
        while not over:
            over = self._closing.wait(0 if written < 0 else self._interval)
            # Steps of several losses, as of a discriminator and its generator, come in turn.
            # A copy is made at once: the training thread adds to it.
            latest = [*self._latest.values()]
            latest.sort(key=lambda one: one[0].step)
            new = [one for one in latest if one[0].step > written]
            if new:
                written = new[-1][0].step
                self._write(written, {name: value for one in new for name, value in figures(*one).items()})
        self._writers.close()

    def _write(self, step: int, numbers: Mapping[str, float]) -> None:
        for target, write in (("TensorBoard", self._writers.write), ("wandb", self._to_wandb)):
            if target in self._failed:
                continue
            try:
                write(step, numbers)
            except Exception as error:
                # Whatever it is, it is none of training's.
                self._failed.add(target)
                complain(f"absgd: {target} does not take lambda's figures: {error}; they are left out there")

    def _to_wandb(self, step: int, numbers: Mapping[str, float]) -> None:
        wandb = sys.modules.get("wandb")
        run: Any = getattr(wandb, "run", None)
        if run is None:
            return
        # It copies what TensorBoard gets.
        if self._writers.any_open and getattr(wandb, "patched", {}).get("tensorboard"):
            return
        if run is not self._wandb_run:
            self._wandb_run = run
            run.define_metric(f"{PREFIX}step", hidden=True)
            run.define_metric(f"{PREFIX}*", step_metric=f"{PREFIX}step")
        # Joins the row that the script logs next: a row of its own would move wandb's step on, past one that
        # the script names itself and that would be dropped then.
        run.log({**numbers, f"{PREFIX}step": step}, commit=False)


def figures(entry: StepEntry, lr: float | Tensor | None) -> dict[str, float]:
    """Of one step, by name; lambda is left out where it is off. Waits for a device that has its numbers."""
    rate = entry.controls.get("lr", lr)
    lam = entry.controls.get("lambda", math.inf)
    numbers = {} if math.isinf(lam) else {f"{PREFIX}lambda": lam}
    for name, given in ((entry.name, entry.statistics), *entry.others):
        row = Statistics(*given.tolist()) if isinstance(given, Tensor) else given
        if row is None:
            continue
        is_main = entry.has_main and name == entry.name
        of = PREFIX if is_main else f"{PREFIX}{name}/"
        numbers[f"{of}ess_ratio"] = ess_ratio_of_applied_weights(row)
        numbers[f"{of}mean_loss"] = row.mean_loss
        numbers[f"{of}weighted_loss"] = row.sum_wl
        if rate is not None:
            numbers[f"{of}effective_lr"] = effective_learning_rate(float(rate), row)
    return numbers


PREFIX = "absgd/"

PATIENCE_SECONDS = 5.0
