"""The protocol of a control source: it decides the controls of each step of a session.

The code itself, a plan file or a controller can be one. Who records the steps is separate: see `recorder.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from torch import nn

from absgd_worker.weights import Rule


class StopTraining(Exception):
    """Training is over: the run was stopped, or its plan is complete. Ends a script that does not catch it.

    Attributes:
        exit_code: the exit code of the script's process: 0, 1 if the run failed, 75 if the controller was
            lost.
    """

    def __init__(self, message: str = "", exit_code: int = 0) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Script(Protocol):
    """The parts of a script that an operator's commands use."""

    on_checkpoint: Callable[[], object] | None
    """Saves all that the script needs to resume; or returns a sentence that says when it will be saved."""
    on_evaluate: Callable[[], Mapping[str, Any] | str] | None
    """Returns metrics by split, like `Task.evaluate`; or a sentence, if the framework evaluates later."""

    @property
    def model(self) -> nn.Module | None:
        """The model that was called last; None if none is known."""
        ...

    @property
    def steps_per_epoch(self) -> int:
        """How many optimizer steps an epoch has; 0 if that is unknown."""
        ...

    @property
    def training_steps(self) -> int:
        """How many optimizer steps the training has; 0 if that is unknown."""
        ...


class ControlSource(Protocol):
    """Decides the controls of each step. A session calls it from the thread that trains."""

    def begin(self, script: Script) -> None:
        """The session opens. Called once, before all other methods."""
        ...

    @property
    def rule(self) -> Rule | None:
        """The rule of weights that a controller chose, known after the first `next`; None: the session's."""
        ...

    @property
    def chooses_rule(self) -> bool:
        """Whether `rule` will not be None after the first `next`."""
        ...

    @property
    def wants_lambda(self) -> bool:
        """Whether lambda is on at some step, or may be: then losses that are not weighed are an error."""
        ...

    def is_on_at(self, step: int) -> bool:
        """Whether lambda is on at `step`; if only a controller knows, whether it may be on at some step."""
        ...

    @property
    def has_guard(self) -> bool:
        """Whether the source itself watches for a collapse under lambda, or was set not to."""
        ...

    def next(self, step: int) -> Mapping[str, float]:
        """The controls of the step that begins: `lambda`, `gamma`, and all others that are planned.

        Called once a step, before its first weighed loss. May wait.

        Raises:
            StopTraining: the run has no such step.
        """
        ...

    def process_commands(self, step: int) -> StopTraining | None:
        """Executes what an operator asked for, after `step` steps and before the next one. May wait.

        It is not called after every step, since optimizers may take turns.

        Returns:
            The reason to stop training here; None if it continues.
        """
        ...

    def await_plan(self, step: int) -> None:
        """Waits until the controls of the next step are known, or that there is none.

        Called when a forward pass of training begins, so that no step waits in its middle.
        """
        ...

    def end_of_plan(self, step: int) -> StopTraining | None:
        """The reason why there is no step after `step` steps; None if there is one.

        Called where a framework ends its training in good order, instead of by the exception of `next`.
        """
        ...


class LocalSource:
    """Defaults of sources without a controller: no commands, no rule, no guard. They define `next`."""

    rule: Rule | None = None
    chooses_rule = False
    wants_lambda = True
    has_guard = False
    is_constant = False
    """Whether the next step has the controls of the last one: lambda, which is off, and gamma."""
    _script: Script | None = None

    def is_on_at(self, step: int) -> bool:
        return self.wants_lambda

    def begin(self, script: Script) -> None:
        self._script = script

    @property
    def steps_per_epoch(self) -> int:
        """How many optimizer steps an epoch of the script has, as far as is known now; 0 if it is unknown."""
        return 0 if self._script is None else self._script.steps_per_epoch

    @property
    def training_steps(self) -> int:
        """How many optimizer steps the training has, as far as is known now; 0 if it is unknown."""
        return 0 if self._script is None else self._script.training_steps

    def process_commands(self, step: int) -> StopTraining | None:
        return None

    def await_plan(self, step: int) -> None:
        pass

    def end_of_plan(self, step: int) -> StopTraining | None:
        return None
