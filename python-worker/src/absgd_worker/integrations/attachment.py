"""Used by the callbacks of all frameworks: a session that is open while the framework trains."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, TypedDict

import torch
from torch import Tensor

from absgd_worker.attach.capture.capture import Capture
from absgd_worker.attach.hooks.hyperparameters import Groups
from absgd_worker.attach.hooks.transparent_mode import resume
from absgd_worker.attach.mirror.mirror import Mirroring
from absgd_worker.attach.provenance.granularity import Granularity
from absgd_worker.attach.recipes.recipe_source import RecipeSource
from absgd_worker.attach.session import current as sessions
from absgd_worker.attach.session.entered import entered
from absgd_worker.attach.session.session import Session
from absgd_worker.attach.source.settings import Setting
from absgd_worker.console import complain
from absgd_worker.recipes import RecipeError
from absgd_worker.weights import Rule


class Settings(TypedDict, total=False):
    """The arguments of `absgd_worker.session`, to which they are passed."""

    lam: Setting
    gamma: Setting
    weighting: Rule | str
    accumulate: int | None
    normaliser: str
    announce: bool
    plan: str | Path | None
    run: str | None
    groups: Groups
    mirror: Mirroring
    steps_per_epoch: int | None
    recipe: str | None
    wrong: float | None


Request = Literal["checkpoint", "evaluation"]


class Attachment:
    """Opens a session and captures its losses, from `begin` to `end`.

    If the script has entered a session, that one is used, and the settings have no effect. Under absgd-run
    they are those of a session of the script.

    Args:
        framework: the name of what saves and evaluates, in messages: "the Trainer".
        granularity: as in `absgd_worker.capture`.
        leave: as in `absgd_worker.capture`.
        settings: as in `absgd_worker.session`.
    """

    def __init__(
        self, framework: str, granularity: Granularity, leave: Collection[str], settings: Settings
    ) -> None:
        self.session: Session | None = None
        """Open from `begin` to `end`."""
        self.settings = settings
        self.granularity: Granularity = granularity
        self.leave = list(leave)
        self._framework = framework
        self._stack = ExitStack()
        self._saved: dict[str, Any] | None = None
        self._last: dict[str, Any] | None = None
        self._requests: set[Request] = set()

    def begin(self, *, can_evaluate: bool) -> Session:
        """Opens the session. Raises like `absgd_worker.session`.

        Args:
            can_evaluate: whether the framework can evaluate when an operator asks for it.
        """
        # A framework does not call `end` if an exception ended its training.
        self.end()
        outer = own = entered()
        if own is None or own.script_run is not None:
            own = self._stack.enter_context(sessions.session(**self.settings))
            own.is_implicit = outer is None
        if self._saved is not None:
            own.load_state_dict(self._saved)
            self._saved = None
        elif own is not outer and self._last is not None and self._last["step"] > 0:
            complain(f"absgd: {self._framework} begins anew: so do lambda and its estimate, at step 0")
        self._listen(own, can_evaluate=can_evaluate)
        self._enter_capture(own)
        self.session = own
        return own

    def end(self, error: BaseException | None = None) -> None:
        """Closes the session; `error` ended the training. May be called twice."""
        if self.session is not None and self.session.is_open:
            self._last = self.session.state_dict()
        stack, self._stack, self.session = self._stack, ExitStack(), None
        stack.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)

    def state_dict(self) -> dict[str, Any] | None:
        """The state of the session, or its last state after training; None before the first training."""
        return self._last if self.session is None else self.session.state_dict()

    def load_state_dict(self, state: dict[str, Any] | None) -> None:
        """Sets the state from which the next `begin` continues."""
        self._saved = state

    def continue_training(self) -> None:
        """The next `begin` continues where training ended, unless another state was loaded."""
        self._saved = self._last if self._saved is None else self._saved

    def expect(self, micro_batches: int) -> None:
        """Sets the number of losses of the next step, unless the settings have `accumulate`."""
        if self.session is not None:
            self.session.expect(micro_batches)

    def tell_length(self, steps: float | None) -> None:
        """Says how many optimizer steps the training has. None, below 1, or not finite: it is unknown.

        Raises:
            RecipeError: a recipe needs more steps. The session is closed.
        """
        if self.session is None:
            return
        known = steps is not None and math.isfinite(steps) and steps >= 1
        self.session.epochs.training = int(steps) if known and steps is not None else 0
        if isinstance(self.session.source, RecipeSource):
            try:
                self.session.source.check_length()
            except RecipeError as error:
                self.end(error)
                raise

    def tell_epoch(self, steps: float | None) -> None:
        """Says how many optimizer steps an epoch has, for schedules in epochs, unless the settings do. None,
        or not finite: it is unknown."""
        if self.session is not None:
            known = steps is not None and math.isfinite(steps)
            self.session.epochs.told = math.ceil(steps) if known and steps is not None else 0

    def end_step(self) -> None:
        """The framework's step is complete. Executes commands; `take` returns the framework's part."""
        if self.session is not None:
            self.session.finish_step(is_reported=True)

    def take(self, request: Request) -> bool:
        """Whether an operator has requested this since the last call."""
        is_requested = request in self._requests
        self._requests.discard(request)
        return is_requested

    @property
    def is_stopping(self) -> bool:
        """Whether training must end."""
        return self.session is not None and self.session.stopping is not None

    def evaluated(self, metrics: Mapping[str, Any]) -> None:
        """Reports the numbers of a validation. Does nothing before the first step."""
        numbers = {name: float(value) for name, value in metrics.items() if _is_number(value)}
        if self.session is not None and self.session.step > 0 and numbers:
            self.session.evaluated("val", numbers)

    def _listen(self, own: Session, *, can_evaluate: bool) -> None:
        before = (own.on_stop, own.on_checkpoint, own.on_evaluate)

        def restore_hooks() -> None:
            own.on_stop, own.on_checkpoint, own.on_evaluate = before
            own.step_end.framework_reports = False
            own.expect(None)

        self._stack.callback(restore_hooks)
        # The framework reads `is_stopping` after every step, so no exception must end the training.
        own.on_stop = own.on_stop or _nothing
        own.step_end.framework_reports = True
        own.on_checkpoint = own.on_checkpoint or self._request_checkpoint
        if can_evaluate:
            own.on_evaluate = own.on_evaluate or self._request_evaluation

    def _request_checkpoint(self) -> str:
        self._requests.add("checkpoint")
        return f"{self._framework} saves itself"

    def _request_evaluation(self) -> str:
        self._requests.add("evaluation")
        return f"{self._framework} evaluates"

    def _enter_capture(self, own: Session) -> None:
        # Captures that rest are not on the stack.
        resume()
        modes = torch.overrides._get_current_function_mode_stack()
        if any(isinstance(mode, Capture) and mode.weighs_for(own) for mode in modes):
            return
        capture = Capture(own, granularity=self.granularity, leave=self.leave)
        capture.__enter__()

        def leave_capture() -> None:
            # A capture below another one cannot be removed. Without its session it does nothing.
            resume()
            if torch.overrides._get_current_function_mode_stack()[-1:] == [capture]:
                capture.__exit__(None, None, None)

        self._stack.callback(leave_capture)


def _nothing() -> None:
    pass


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) or (isinstance(value, Tensor) and value.numel() == 1)
