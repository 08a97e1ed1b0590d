"""Where the controls of a step come from, and where its figures go: the code itself, a plan, or a
controller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from torch import nn

from absgd_worker.link.step_reports import StepEntry
from absgd_worker.weights import Rule


class StopTraining(Exception):
    """Training is over: the run was stopped, or its plan ends. Ends a script that nobody else ends.

    `exit_code` is what its process exits with.
    """

    def __init__(self, message: str = "", exit_code: int = 0) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Script(Protocol):
    """What of a script commands reach."""

    on_checkpoint: Callable[[], object] | None
    """Saves all that the script needs to go on; or says, in a sentence, when that will happen."""
    on_evaluate: Callable[[], Mapping[str, Any] | str] | None
    """Metrics by split, as `Task.evaluate` gives them; or a sentence, where the framework evaluates later."""

    @property
    def model(self) -> nn.Module | None:
        """The one that was called last; None where none is known."""
        ...


class Source(Protocol):
    """What a session asks. All calls come from the thread that trains."""

    def begin(self, script: Script) -> None:
        """The session opens. Called once, before all else."""
        ...

    @property
    def attempt(self) -> int:
        """Of the step that `next` gave; 1 where nobody counts them."""
        ...

    @property
    def rule(self) -> Rule | None:
        """The rule of weights that a controller chose, known after the first `next`; None: the session's."""
        ...

    @property
    def chooses_rule(self) -> bool:
        """Whether `rule` will be one."""
        ...

    @property
    def wants_lambda(self) -> bool:
        """Whether lambda is on at some step, or may be: losses that nobody weighs are an error then."""
        ...

    def is_on_at(self, step: int) -> bool:
        """Whether lambda is on at that step; where only a controller knows, whether it may be on at some."""
        ...

    @property
    def wants_losses(self) -> bool:
        """Whether losses are weighed or recorded, or may be: compiled code breaks where they are then."""
        ...

    @property
    def has_guard(self) -> bool:
        """Whether somebody else watches over lambda, or was told not to."""
        ...

    def next(self, step: int) -> Mapping[str, float]:
        """The controls of the step that begins: `lambda`, `gamma`, and whatever else is planned.

        Called once a step, before its first weighed loss. May wait.

        Raises:
            StopTraining: there is no such step any more.
        """
        ...

    def report(self, entry: StepEntry) -> None:
        """A step is done: the optimizer has stepped."""
        ...

    def between(self, step: int) -> StopTraining | None:
        """`step` steps are done with all that belongs to them, and the next has not begun: obeys what an
        operator asked for, and may wait. Not called after every step: optimizers may take turns.

        Returns:
            Why training is to stop here; None where it goes on.
        """
        ...

    def look_ahead(self, step: int) -> None:
        """A forward pass of training begins: waits here for the controls of the next step, where they are not
        known yet, and not with half a step done."""
        ...

    def begin_anew(self) -> None:
        """Another training of this process begins, at step 0, with the next call of `next`.

        Raises:
            SessionError: there is one training alone.
        """
        ...

    def over(self, step: int) -> StopTraining | None:
        """`step` steps are done: why there is no further one. Asked where training is ended in good order,
        by a framework, and not by what `next` raises."""
        ...

    def evaluated(self, split: str, metrics: Mapping[str, float]) -> None:
        """What the script found, after the step that was reported last."""
        ...

    def close(self, error: BaseException | None) -> None:
        """The loop is over, by itself or by `error`. Called once."""
        ...


@runtime_checkable
class Recorded(Protocol):
    """A source that records the run where a later process can go on with it."""

    def place(self) -> Mapping[str, Any] | None:
        """What finds the run again, once every step so far is in it; None before its first step."""
        ...

    def go_on(self, place: Mapping[str, Any] | None, step: int) -> None:
        """A state was loaded that was saved at `place`: what follows is a new attempt from `step` on."""
        ...


@runtime_checkable
class Noting(Protocol):
    """A source that records what people should know."""

    def note(self, text: str) -> None:
        """A warning, with the step that was reported last."""
        ...


class Uncontrolled:
    """What sources have in common that nobody steers. `next` is theirs."""

    attempt = 1
    rule: Rule | None = None
    chooses_rule = False
    wants_lambda = True
    has_guard = False

    def is_on_at(self, step: int) -> bool:
        return self.wants_lambda

    @property
    def wants_losses(self) -> bool:
        return self.wants_lambda

    def begin(self, script: Script) -> None:
        pass

    def report(self, entry: StepEntry) -> None:
        pass

    def between(self, step: int) -> StopTraining | None:
        return None

    def look_ahead(self, step: int) -> None:
        pass

    def begin_anew(self) -> None:
        pass

    def over(self, step: int) -> StopTraining | None:
        return None

    def evaluated(self, split: str, metrics: Mapping[str, float]) -> None:
        pass

    def close(self, error: BaseException | None) -> None:
        pass
