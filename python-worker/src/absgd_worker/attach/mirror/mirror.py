"""Writes lambda and its statistics also to wandb and TensorBoard, if the script uses them.

Neither is imported here. An error while writing loses these numbers, and never stops training.
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
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.weights import Statistics
from absgd_worker.weights.diagnostics import effective_learning_rate, ess_ratio_of_applied_weights

Mirroring = Literal["auto", "off"]


class Mirror:
    """Writes the latest report of every loss, at most once a second, in a thread of its own.

    The thread starts once wandb or TensorBoard is imported.
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
        """Takes the report of a step. `lr`: of the optimizer's first parameter group; None if it has none."""
        self._latest[entry.name] = entry, lr
        if self._thread is None and ("wandb" in sys.modules or tensorboard_is_loaded()):
            self._thread = Thread(target=self._run, name="absgd-mirror", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Writes the last step and ends the thread. May be called twice."""
        self._closing.set()
        if self._thread is not None:
            # Do not wait for a service that does not answer.
            self._thread.join(PATIENCE_SECONDS)
            self._thread = None

    def _run(self) -> None:
        written = -1
        over = False
        while not over:
            over = self._closing.wait(0 if written < 0 else self._interval)
            # Losses such as those of a discriminator and its generator are reported in different steps.
            # Make a copy, since the training thread changes the dictionary.
            latest = [*self._latest.values()]
            latest.sort(key=lambda report: report[0].step)
            new = [report for report in latest if report[0].step > written]
            if new:
                written = new[-1][0].step
                self._write(
                    written, {name: value for report in new for name, value in scalars_of(*report).items()}
                )
        self._writers.close()

    def _write(self, step: int, numbers: Mapping[str, float]) -> None:
        for target, write in (("TensorBoard", self._writers.write), ("wandb", self._to_wandb)):
            if target in self._failed:
                continue
            try:
                write(step, numbers)
            except Exception as error:
                # No error here may stop training.
                self._failed.add(target)
                complain(f"absgd: {target} does not take lambda's figures: {error}; they are left out there")

    def _to_wandb(self, step: int, numbers: Mapping[str, float]) -> None:
        wandb = sys.modules.get("wandb")
        run: Any = getattr(wandb, "run", None)
        if run is None:
            return
        # With sync_tensorboard, wandb copies what is written to TensorBoard.
        if self._writers.any_open and getattr(wandb, "patched", {}).get("tensorboard"):
            return
        if run is not self._wandb_run:
            self._wandb_run = run
            run.define_metric(f"{PREFIX}step", hidden=True)
            run.define_metric(f"{PREFIX}*", step_metric=f"{PREFIX}step")
        # commit=False adds the numbers to the row that the script logs next. A row of its own would increment
        # wandb's step, and wandb would then drop a row that the script logs with an explicit step.
        run.log({**numbers, f"{PREFIX}step": step}, commit=False)


def scalars_of(entry: StepEntry, lr: float | Tensor | None) -> dict[str, float]:
    """The numbers of one step, by name; without lambda if it is off. May wait for the device."""
    rate = entry.controls.get("lr", lr)
    lam = entry.controls.get("lambda", math.inf)
    numbers = {} if math.isinf(lam) else {f"{PREFIX}lambda": lam}
    for name, given in ((entry.name, entry.statistics), *entry.others):
        row = Statistics(*given.tolist()) if isinstance(given, Tensor) else given
        if row is None:
            continue
        is_main = entry.has_main and name == entry.name
        prefix = PREFIX if is_main else f"{PREFIX}{name}/"
        numbers[f"{prefix}ess_ratio"] = ess_ratio_of_applied_weights(row)
        numbers[f"{prefix}mean_loss"] = row.mean_loss
        numbers[f"{prefix}weighted_loss"] = row.sum_wl
        if rate is not None:
            numbers[f"{prefix}effective_lr"] = effective_learning_rate(float(rate), row)
    return numbers


PREFIX = "absgd/"

PATIENCE_SECONDS = 5.0
"""How long `close` waits for the thread."""
