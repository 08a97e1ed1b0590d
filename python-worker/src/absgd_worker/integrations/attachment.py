"""What the callbacks of frameworks share: a session that is open while the framework trains."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, TypedDict

import torch
from torch import Tensor

from absgd_worker.attach.capture.capture import Capture
from absgd_worker.attach.hooks.hyperparameters import Groups
from absgd_worker.attach.mirror.mirror import Mirroring
from absgd_worker.attach.provenance.granularity import Granularity
from absgd_worker.attach.session import current as sessions
from absgd_worker.attach.session.entered import entered
from absgd_worker.attach.session.session import Session
from absgd_worker.attach.source.constant import Setting
from absgd_worker.console import complain
from absgd_worker.weights import Rule


class Settings(TypedDict, total=False):
    """As in `absgd_worker.session`, which they are handed on to."""

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


Wish = Literal["checkpoint", "evaluation"]


class Attachment:
    """Begins a session and captures its losses, from `begin` to `end`. Where the script has entered one, it
    is that session, and the settings are of no account; under absgd-run they are those of a script's own.

    Args:
        framework: what saves and evaluates, for people: "the Trainer".
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
        self._wishes: set[Wish] = set()

    def begin(self, *, can_evaluate: bool) -> Session:
        """Raises what `absgd_worker.session` does."""
        # Training that an exception has ended said no goodbye.
        self.end()
        outer = own = entered()
        if own is None or own.host is not None:
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
        """May be called twice."""
        if self.session is not None and self.session.is_open:
            self._last = self.session.state_dict()
        stack, self._stack, self.session = self._stack, ExitStack(), None
        stack.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)

    def state_dict(self) -> dict[str, Any] | None:
        """Of the session, or what it was when training ended; None before its first."""
        return self._last if self.session is None else self.session.state_dict()

    def load_state_dict(self, state: dict[str, Any] | None) -> None:
        """The next `begin` goes on from it."""
        self._saved = state

    def go_on(self) -> None:
        """The next `begin` goes on where training ended, but for a state that is loaded."""
        self._saved = self._last if self._saved is None else self._saved

    def expect(self, micro_batches: int) -> None:
        """So many losses has the step that begins, where the settings do not say."""
        if self.session is not None:
            self.session.expect(micro_batches)

    def end_step(self) -> None:
        """All that belongs to the framework's step is done. Operators' wishes come by `take` then."""
        if self.session is not None:
            self.session.finish_step(is_told=True)

    def take(self, wish: Wish) -> bool:
        """Whether an operator asked for it since the last time."""
        is_wanted = wish in self._wishes
        self._wishes.discard(wish)
        return is_wanted

    @property
    def is_stopping(self) -> bool:
        """Whether training is to end."""
        return self.session is not None and self.session.stopping is not None

    def evaluated(self, metrics: Mapping[str, Any]) -> None:
        """Reports those of a validation; nothing before the first step."""
        numbers = {name: float(value) for name, value in metrics.items() if _is_number(value)}
        if self.session is not None and self.session.step > 0 and numbers:
            self.session.evaluated("val", numbers)

    def _listen(self, own: Session, *, can_evaluate: bool) -> None:
        before = (own.on_stop, own.on_checkpoint, own.on_evaluate)

        def fall_silent() -> None:
            own.on_stop, own.on_checkpoint, own.on_evaluate = before
            own.step_end.is_told = False
            own.expect(None)

        self._stack.callback(fall_silent)
        # What the framework looks at after every step: `is_stopping`.
        own.on_stop = own.on_stop or _nothing
        own.step_end.is_told = True
        own.on_checkpoint = own.on_checkpoint or self._wants_checkpoint
        if can_evaluate:
            own.on_evaluate = own.on_evaluate or self._wants_evaluation

    def _wants_checkpoint(self) -> str:
        self._wishes.add("checkpoint")
        return f"{self._framework} saves itself"

    def _wants_evaluation(self) -> str:
        self._wishes.add("evaluation")
        return f"{self._framework} evaluates"

    def _enter_capture(self, own: Session) -> None:
        modes = torch.overrides._get_current_function_mode_stack()
        if any(isinstance(mode, Capture) and mode.weighs_for(own) for mode in modes):
            return
        capture = Capture(own, granularity=self.granularity, leave=self.leave)
        capture.__enter__()

        def let_go() -> None:
            # One that lies below another is left where it is: without its session it does nothing.
            if torch.overrides._get_current_function_mode_stack()[-1:] == [capture]:
                capture.__exit__(None, None, None)

        self._stack.callback(let_go)


def _nothing() -> None:
    pass


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) or (isinstance(value, Tensor) and value.numel() == 1)
