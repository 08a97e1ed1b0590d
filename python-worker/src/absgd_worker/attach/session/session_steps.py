"""The steps of a training in a session: when each begins, what its controls are, and what is reported of it.

Shapes: G samples of one call.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer

from absgd_worker.attach.checks.collapse_watch import CollapseWatch
from absgd_worker.attach.checks.comparison import Comparison
from absgd_worker.attach.checks.no_effect import Effect
from absgd_worker.attach.checks.non_finite import NonFinite
from absgd_worker.attach.checks.unweighed_steps import UnweighedSteps
from absgd_worker.attach.estimates.call_site import calls_on_stack
from absgd_worker.attach.estimates.estimates import Estimates
from absgd_worker.attach.estimates.trained_models import TrainedModels
from absgd_worker.attach.hooks.backward_use import BackwardUse
from absgd_worker.attach.hooks.hyperparameters import Hyperparameters
from absgd_worker.attach.hooks.model_watch import ModelWatch
from absgd_worker.attach.hooks.optimizer_hooks import OptimizerHooks
from absgd_worker.attach.mirror.mirror import Mirror
from absgd_worker.attach.session.accumulation import Part
from absgd_worker.attach.session.announcements import Announcements
from absgd_worker.attach.session.between_steps import begin_another, carry_out
from absgd_worker.attach.session.host import Host
from absgd_worker.attach.session.known_samples import KnownSamples
from absgd_worker.attach.session.notebook import running_cell
from absgd_worker.attach.session.options import SessionOptions
from absgd_worker.attach.session.step_end import StepEnd
from absgd_worker.attach.session.trainings import Trainings
from absgd_worker.attach.session.weighings import Weighings, entry_of, numbers_of
from absgd_worker.attach.source.recorder import ControlsAndRecorder, with_recorder
from absgd_worker.attach.source.source import ControlSource, StopTraining
from absgd_worker.console import complain
from absgd_worker.task.context import StepNumbers
from absgd_worker.weights import Rule


class SessionSteps:
    """The part of a `Session` that goes with the optimizer: all that it holds, and the way of a step."""

    def __init__(
        self, source: ControlSource | ControlsAndRecorder, choices: SessionOptions | None = None
    ) -> None:
        choices = choices or SessionOptions()
        self.source, self.recorder = with_recorder(source)
        self._rule = choices.rule or Rule()
        self._accumulate = choices.accumulate
        self.start_line = Announcements(is_wanted=choices.announce)
        self._ranks_are_fine = choices.normaliser == "rank-local"
        self._owner = threading.get_ident()
        self._boundary = OptimizerHooks(self)
        self._comparison = Comparison()
        self._ignore_backward: Callable[[], None] = lambda: None
        self._hyperparameters = Hyperparameters(choices.groups)
        self.watch = ModelWatch()
        self.trainings = Trainings(self.watch.trained.clear)
        self.may_begin_anew = False
        """Whether another training of the script is another one of this session: where nobody entered it."""
        self.is_told_of_another = False
        self.total_steps = 0
        """Of all trainings."""
        self._captured_before = 0
        self._mirror = Mirror() if choices.mirror == "auto" else None
        self.on_checkpoint = choices.on_checkpoint
        self.on_evaluate = choices.on_evaluate
        self.on_stop: Callable[[], None] | None = None
        """Of a framework: has it end training after this step, in place of `StopTraining` from the step."""
        self.is_open = False
        self.is_implicit = False
        """Entered by nobody: begun by the first loss weighed outside of any, or by a framework's callback."""
        self.cell = running_cell()
        """Of the notebook that it was made in; None elsewhere."""
        self.host: Host[Any] | None = None
        """Of absgd-run's session: what becomes of those that the script enters."""
        self.is_weighing = False
        self.stop_following: Callable[[], None] | None = None
        """Of losses that a wrapped criterion gave without reduction: see `Following`."""
        self.watch.on_training_call = self._model_is_called
        self._set_to_start()

    def _set_to_start(self) -> None:
        """All that belongs to one training, before its first step."""
        self._weighings = Weighings(self._accumulate)
        self._saved: Mapping[str, Any] | None = None
        self._numbers = StepNumbers()
        self._controls: Mapping[str, float] | None = None
        self._is_made = False
        self._began = 0.0
        self._unseen = UnweighedSteps()
        self._effect = Effect()
        self._has_empty_loss = False
        self._non_finite = NonFinite()
        self._collapse = CollapseWatch(self.recorder.note)
        self._use: BackwardUse | None = None
        self._uses = Estimates(
            TrainedModels(
                roots=self.watch.roots, called=self.watch.called, is_optimized=self.trainings.has_optimizer_of
            )
        )
        self._samples = KnownSamples()
        self._applied: dict[str, float] = {}
        self.step_end = StepEnd()
        self.stopping: StopTraining | None = None
        """Why no further step is to be made; None while training goes on."""
        self.step = 0
        """Steps that were made; of the training under way."""

    @property
    def model(self) -> nn.Module | None:
        """The one that was called last; None where none was."""
        return self.watch.model

    @property
    def is_training(self) -> bool:
        """Whether a loss computed now is one to train on."""
        return self.is_open and torch.is_grad_enabled() and self.watch.in_training

    @property
    def wants_losses(self) -> bool:
        """Whether losses are weighed or recorded, or may be."""
        return self.source.wants_lambda or self.recorder.is_recording

    @property
    def controls(self) -> Mapping[str, float]:
        """Of the step under way, which begins here where none does."""
        return self._step_controls()

    def _step_controls(self, optimizer: Optimizer | None = None) -> Mapping[str, float]:
        """`optimizer`: that computes the loss of the step by a closure."""
        is_another = self.trainings.is_another(self.watch.trained, optimizer)
        if self._controls is not None and not self._is_made and not is_another:
            return self._controls
        self.finish_step(is_told=is_another)
        if is_another and begin_another(self):
            self._captured_before = self.captured
            self._non_finite.close()
            self._collapse.close()
            self._set_to_start()
            self.trainings.begin()
        elif is_another:
            self.trainings.join(self.watch.trained, optimizer)
            self._weighings.begin_anew(self._uses.begin_anew())
            if self._controls is not None and not self._is_made:
                return self._controls
        if self.stopping is not None:
            raise self.stopping
        try:
            controls = self.source.next(self.step)
        except StopTraining as stop:
            if stop.exit_code == 0 and self.trainings.is_unknown(self.watch.trained, optimizer):
                raise StopTraining(f"{stop}, and another model of this script is not trained", 1) from None
            raise
        self.recorder.begin_step(self.step)
        self._controls, self._is_made = controls, False
        self._rule = self.source.rule or self._rule
        if self._saved is not None:
            self._load_weighings(self._saved)
        self._began = time.perf_counter()
        self._numbers._enter_step(self._controls)
        return self._controls

    def _model_is_called(self) -> None:
        """A forward pass of training begins."""
        self.finish_step()
        if self._is_made and not self.step_end.is_told and threading.get_ident() == self._owner:
            self.source.await_plan(self.step)

    def finish_step(self, *, is_last: bool = False, is_told: bool = False) -> None:
        """Carries out what an operator has asked for, once all that belongs to the step is done; see
        `StepEnd`.

        Raises:
            StopTraining: training is to stop, and no framework is there to end it; never at the last step.
        """
        is_own_thread = threading.get_ident() == self._owner
        if is_own_thread and self.step_end.take(is_last=is_last, is_told=is_told):
            stop = carry_out(self)
            if stop is not None and self.on_stop is None and not is_last:
                raise stop

    def expect(self, micro_batches: int | None) -> None:
        """How many losses of one name the steps from here on have, as a framework knows it; None: as many as
        the step before. What the script says of it holds."""
        if self._accumulate is None:
            self._weighings.expect(micro_batches)

    @property
    def was_off(self) -> bool:
        """Whether they were in the step that was begun last."""
        return self._controls is None or self._rule.is_off(self._controls.get("lambda", math.inf))

    @property
    def is_off(self) -> bool:
        """Whether losses of this step are weighed evenly."""
        return self._rule.is_off(self.controls.get("lambda", math.inf))

    @property
    def captured(self) -> int:
        """Losses weighed so far, over all names and trainings."""
        return self._captured_before + self._weighings.calls

    def drop_step(self) -> None:
        """Forgets what was weighed for a step that is not made."""
        self._weighings.drop()
        self._uses.end_step()

    def _load_weighings(self, state: Mapping[str, Any]) -> None:
        saved, own = state.get("rule"), str(self._rule)
        if saved != own:
            raise ValueError(f"this state is of the rule of weights {saved!r}, not {own!r}: go on under it")
        self._weighings.load_state_dict(state["weighings"], self._rule)
        self._weighings.main = state.get("main")
        self._uses.load_state_dict(state.get("names", {}))
        self._saved = None

    def before_step(self, optimizer: Optimizer, *, computes_loss: bool) -> None:
        """See `OptimizerHooks`, as for the next three."""
        controls = self._step_controls(optimizer) if computes_loss else self._controls
        if controls is not None:
            applied = self._hyperparameters.put(optimizer, controls)
            self._applied |= {} if self._is_made else applied

    def gradients_are_there(self, optimizer: Optimizer) -> None:
        if self._controls is not None:
            self._hyperparameters.clip(optimizer, self._controls)

    def abandon_step(self, optimizer: Optimizer) -> None:
        self._hyperparameters.put_back(optimizer)

    def after_step(self, optimizer: Optimizer) -> None:
        self._hyperparameters.put_back(optimizer)
        parts = self._weighings.take()
        self._uses.end_step()
        self.step_end.add(optimizer, is_step=bool(parts))
        if self.stop_following is not None:
            self.stop_following()
        has_empty_loss, self._has_empty_loss = self._has_empty_loss, False
        if not parts and has_empty_loss:
            self.watch.end_step()
            return
        if not parts:
            self._unseen.add(
                optimizer,
                self.captured,
                lambda: self.source.is_on_at(self.step),
                in_training=self.watch.in_training,
                may_come_on=self.source.wants_lambda,
                reasons=self.start_line.reasons,
            )
            return
        self._report(parts, optimizer)
        self.step += 1
        self.total_steps += 1
        # Its row is still that of further optimizers, which step by the same backward pass.
        self._is_made = True
        self.watch.end_step()
        said = self.trainings.add(optimizer)
        if said is not None and self.source.wants_lambda:
            complain(f"absgd: {said}")

    @contextmanager
    def _around_backward(self, roots: Sequence[Tensor]) -> Iterator[None]:
        if not self.is_open:
            yield
            return
        with self._comparison.around(roots, has_weighed=lambda: self.captured > 0):
            yield
        if self._says_what_is_not_weighed:
            self._comparison.say()
        if self._uses.are_open and threading.get_ident() == self._owner:
            self._uses.learn(calls_on_stack())

    @property
    def _says_what_is_not_weighed(self) -> bool:
        lam = math.inf if self._controls is None else self._controls.get("lambda", math.inf)
        return self.start_line.is_wanted or not self._rule.is_off(lam)

    def _report(self, parts: Mapping[str, Part], optimizer: Optimizer) -> None:
        parts = self._samples.checked(parts)
        entry = entry_of(
            parts,
            main=self._weighings.main,
            attempt=self.recorder.attempt,
            step=self.step,
            seconds=time.perf_counter() - self._began,
            applied=self._applied,
            metrics=self._numbers._take_logged(),
        )
        self._applied = {}
        self._non_finite.step(self.step, numbers_of(entry))
        self.recorder.report(entry)
        lam = entry.controls.get("lambda", math.inf)
        weighings = [part.statistics for part in parts.values()]
        self._effect.add(weighings, lam, is_off=self._rule.is_off(lam))
        if self.source.wants_lambda and not self.source.has_guard:
            self._collapse.step(entry)
        self.start_line.several(self._uses.several_of(parts.keys()))
        self.start_line.samples(known=entry.indices_B is not None, doubt=self._samples.doubt)
        if self._mirror is not None:
            self._mirror.report(entry, optimizer.param_groups[0].get("lr"))
