"""How many optimizer steps an epoch has, for schedules in epochs."""

from __future__ import annotations

import math

from absgd_worker.attach.samples.epoch_length import epoch_length
from absgd_worker.console import complain


class Epochs:
    """What the script, its framework or its tracked loader says, in this order."""

    def __init__(self, given: int | None, accumulate: int | None) -> None:
        """`given`: as in `absgd_worker.session`. `accumulate`: micro-batches of a step; None if unknown."""
        self._given, self._accumulate = given, accumulate
        self.told = 0
        """The steps of an epoch as a framework says; 0 if none has said it."""
        self.training = 0
        """The steps of the whole training, as the script or a framework says; 0 if none has said it."""
        self._batches = 0
        """The length of the tracked loader that was used; 0 if none was."""

    def use(self, given: int | None, accumulate: int | None) -> None:
        """Takes the options of the script's own session; None for what it does not set."""
        self._given, self._accumulate = given or self._given, accumulate or self._accumulate

    @property
    def steps(self) -> int:
        """0 if it is unknown."""
        if self._given or self.told:
            return self._given or self.told
        batches = epoch_length.batches
        if self._accumulate is None:
            self._batches = batches
        return math.ceil(batches / (self._accumulate or 1))

    def check(self, calls: int) -> None:
        """A step was made of `calls` losses. Says once that the batches of a loader are no steps then."""
        if self._batches and calls > 1:
            complain(
                f"absgd: an epoch was taken for {self._batches:,} steps, as many as the loader has batches, "
                f"but a step has {calls} of them: epochs of the schedule are too long. Set "
                f"accumulate={calls}, or steps_per_epoch"
            )
            self._batches = 0
