"""A session: ABSGD in one training loop, from its first weighed loss to its end.

A step is a step of an optimizer that followed at least one weighed loss. All losses of a step have the same
controls. The session keeps the state of each estimate by name, so that a criterion may be created anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from absgd_worker.attach.checks.turned_away import TurnedAway
from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.estimates.estimates import Estimates
from absgd_worker.attach.provenance.granularity import Granularity
from absgd_worker.attach.recording.result_file import result_file
from absgd_worker.attach.session.notebook import running_cell
from absgd_worker.attach.session.options import SessionOptions
from absgd_worker.attach.session.saved_state import load_state, state_of
from absgd_worker.attach.session.script_run import ScriptRun
from absgd_worker.attach.session.session_parts import SessionParts
from absgd_worker.attach.session.steps.epochs import Epochs
from absgd_worker.attach.session.steps.step_end import StepEnd
from absgd_worker.attach.source.recorder import ControlsAndRecorder, with_recorder
from absgd_worker.attach.source.source import ControlSource, StopTraining


class Session:
    """Created by `absgd_worker.session`. Use it only in the thread that created it."""

    _make_capture: ClassVar[Callable[..., AbstractContextManager[Any]]]
    """The class of captures. `attach.capture` sets it, because captures import sessions."""

    def __init__(
        self, source: ControlSource | ControlsAndRecorder, options: SessionOptions | None = None
    ) -> None:
        options = options or SessionOptions()
        self.source, self.recorder = pair = with_recorder(source)
        self._parts = SessionParts(pair, options, self._stop_following)
        self._steps = self._parts.steps
        self.start_line = self._parts.announcements
        self.watch, self.trainings = self._parts.watch, self._parts.trainings
        self.expect, self.finish_step = self._steps.expect, self._steps.finish
        # Called by captures.
        self.counted = self._parts.counted
        weighing = self._parts.weighing
        self.weigh, self.is_in_another_thread = weighing.weigh, weighing.is_in_another_thread
        self.take_use, self.follow, self.forget = weighing.take_use, weighing.follow, weighing.forget
        self.pass_over, self.note_empty_loss = weighing.pass_over, weighing.note_empty_loss
        self.on_checkpoint, self.on_evaluate = options.on_checkpoint, options.on_evaluate
        self.is_open = False
        self.is_implicit = False
        """Whether the script did not enter it: a loss outside of any session began it, or a framework did."""
        self.cell = running_cell()
        """The number of the notebook cell that created it; None outside of a notebook."""
        self.script_run: ScriptRun[Any] | None = None
        """The command line of absgd-run, in the session that absgd-run enters; None in all others."""
        self.is_weighing = False
        """Whether this package itself computes with a loss: captures leave such calls as they are."""
        self.stop_following: Callable[[], None] | None = None
        """Ends the observation of losses that a wrapped criterion returned without reduction."""

    def open(self) -> None:
        """Observes the models, optimizers and backward passes of this process from here on."""
        if not self.is_open:
            self._parts.start_observing()
            self.is_open = True
            self.source.begin(self)

    def close(self, error: BaseException | None = None) -> None:
        """Ends the session. Losses that no optimizer step followed are dropped. May be called twice."""
        if not self.is_open:
            return
        try:
            if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
                self.finish_step(is_last=True)
        finally:
            self.abandon()
            self._parts.close(error)

    def abandon(self) -> None:
        """Ends the observation alone: in a forked process, all else belongs to the parent process."""
        self.is_open = False
        self._stop_following()
        self._parts.stop_observing()

    def _stop_following(self) -> None:
        if self.stop_following is not None:
            self.stop_following()

    def use_options(self, options: SessionOptions) -> None:
        """Takes those options that differ from the default, from here on; not the callbacks."""
        self._parts.use_options(options)

    @property
    def step(self) -> int:
        """How many steps the training under way has made."""
        return self._steps.training.step

    @property
    def total_steps(self) -> int:
        """How many steps all trainings have made."""
        return self._steps.total_steps

    @property
    def step_end(self) -> StepEnd:
        """Decides when the loop has finished a step."""
        return self._steps.training.step_end

    @property
    def stopping(self) -> StopTraining | None:
        """The reason why there is no further step; None while training goes on."""
        return self._steps.training.stopping

    @property
    def on_stop(self) -> Callable[[], None] | None:
        """Ends a framework's training after this step; None: the next loss raises `StopTraining`."""
        return self._steps.on_stop

    @on_stop.setter
    def on_stop(self, on_stop: Callable[[], None] | None) -> None:
        self._steps.on_stop = on_stop

    @property
    def may_begin_anew(self) -> bool:
        """Whether another model is another training; not in a session that the script has entered."""
        return self._steps.may_begin_anew

    @may_begin_anew.setter
    def may_begin_anew(self, may_begin_anew: bool) -> None:
        self._steps.may_begin_anew = may_begin_anew

    @property
    def model(self) -> nn.Module | None:
        """The model that was called last; None before the first call."""
        return self.watch.model

    @property
    def run_name(self) -> str | None:
        """The name of the run that this session records; None before its first step, or without one."""
        return self.recorder.run_name

    @property
    def turned_away(self) -> TurnedAway | None:
        """How much of the weight lambda took away lately in this training; None if it was never on."""
        return self._steps.training.last_weights.read()

    @property
    def steps_per_epoch(self) -> int:
        """How many optimizer steps an epoch has; 0 if that is unknown."""
        return self._steps.epochs.steps

    @property
    def training_steps(self) -> int:
        """How many optimizer steps the training has; 0 if that is unknown."""
        return self._steps.epochs.training

    @property
    def epochs(self) -> Epochs:
        """A framework says here how long its epochs are."""
        return self._steps.epochs

    @property
    def is_training(self) -> bool:
        """Whether the script trains on a loss that is computed now."""
        return self.is_open and torch.is_grad_enabled() and self.watch.in_training

    @property
    def controls(self) -> Mapping[str, float]:
        """The controls of the step under way. Begins a step if there is none."""
        return self._steps.controls()

    @property
    def is_off(self) -> bool:
        """Whether losses of this step have equal weights. Begins a step if there is none."""
        return self._steps.is_off

    @property
    def captured(self) -> int:
        """How many losses were weighed, over all names and trainings."""
        return self._steps.captured

    @property
    def wants_losses(self) -> bool:
        """Whether losses are weighed or recorded, or may be."""
        return self._steps.wants_losses

    @property
    def uses(self) -> Estimates:
        """The estimates of the step under way. Begins a step if there is none."""
        return self._parts.weighing.estimates

    def capture(
        self, *, name: str = "loss", granularity: Granularity = "auto", leave: Collection[str] = ()
    ) -> AbstractContextManager[Any]:
        """See `absgd_worker.capture`."""
        return self._make_capture(self, name=name, granularity=granularity, leave=leave)

    def log(self, **numbers: float | Tensor) -> None:
        """Reports numbers with the step under way."""
        self._steps.training.current.numbers.log(**numbers)

    def control(self, name: str, default: float) -> float:
        """The planned value of a control at this step; `default` if none is planned."""
        return self.controls.get(name, default)

    def state_dict(self) -> dict[str, Any]:
        """The step, the state of every estimate, and the place of the run: Python numbers and strings, to be
        saved beside the model's state. All reports so far are in the run's log when this returns."""
        return state_of(self._steps)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where `state_dict` was called, as a new attempt of the run. Raises ValueError for a wrong
        state or rule of weights, SessionError if a living process writes that run."""
        load_state(self._steps, state)

    def evaluated(self, split: str, metrics: Mapping[str, float | Tensor]) -> None:
        """Reports metrics of the model after the last step. Raises SessionError before the first step."""
        if self.step == 0:
            raise SessionError(
                "evaluated(…) was called before the first step: call it after at least one optimizer step"
            )
        numbers = {name: float(value) for name, value in metrics.items()}
        self._steps.training.non_finite.evaluated(split, numbers, self.step)
        self.recorder.evaluated(split, numbers)
        if result_file is not None:
            result_file.evaluated(split, numbers)
