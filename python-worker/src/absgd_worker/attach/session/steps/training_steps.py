"""When a step begins, which training it belongs to, and when training stops."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping

from torch.optim.optimizer import Optimizer

from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.estimates.trained_models import TrainedModels
from absgd_worker.attach.hooks.model_watch import ModelWatch
from absgd_worker.attach.session.options import SessionOptions
from absgd_worker.attach.session.steps.epochs import Epochs
from absgd_worker.attach.session.steps.outside_autocast import outside_of_autocast
from absgd_worker.attach.session.steps.training_messages import (
    report_new_training,
    report_not_separate,
    report_other_model,
)
from absgd_worker.attach.session.steps.training_state import TrainingState
from absgd_worker.attach.session.steps.trainings import Trainings
from absgd_worker.attach.source.recorder import ControlsAndRecorder
from absgd_worker.attach.source.source import LocalSource, StopTraining
from absgd_worker.weights import Rule


class TrainingSteps:
    """The steps of a session, over all of its trainings."""

    def __init__(
        self,
        source: ControlsAndRecorder,
        options: SessionOptions,
        watch: ModelWatch,
        trainings: Trainings,
    ) -> None:
        self.source, self.recorder = source
        process = getattr(type(self.source), "process_commands", None)
        self._has_commands = process is not LocalSource.process_commands
        self.watch, self.trainings = watch, trainings
        self.rule = options.rule or Rule()
        self.accumulate = options.accumulate
        self.epochs = Epochs(options.steps_per_epoch, options.accumulate)
        self.may_begin_anew = False
        self.total_steps = 0
        self.on_stop: Callable[[], None] | None = None
        self._thread = threading.get_ident()
        self._captured_before = 0
        self._has_reported_other_model = False
        self.training = self._new_training()

    def _new_training(self) -> TrainingState:
        models = TrainedModels(
            roots=self.watch.roots, called=self.watch.called, is_optimized=self.trainings.has_optimizer_of
        )
        return TrainingState(self.accumulate, models, self.recorder.note)

    @property
    def captured(self) -> int:
        """How many losses were weighed, over all names and trainings."""
        return self._captured_before + self.training.weighings.calls

    def add_counted(self, number: int) -> None:
        """Adds losses that were only counted; see `CountedSteps`."""
        self._captured_before += number

    @property
    def was_off(self) -> bool:
        """Whether lambda was off in the step that began last; True before the first."""
        controls = self.training.current.controls
        return controls is None or self.rule.is_off(controls.get("lambda", math.inf))

    @property
    def is_off(self) -> bool:
        """Whether losses of this step have equal weights. Begins a step if there is none."""
        return self.rule.is_off(self.controls().get("lambda", math.inf))

    @property
    def is_in_own_thread(self) -> bool:
        """Whether the caller is in the thread that created the session."""
        return threading.get_ident() == self._thread

    def controls(self, optimizer: Optimizer | None = None) -> Mapping[str, float]:
        """The controls of the step under way. Begins a step if there is none.

        Args:
            optimizer: an optimizer that computes the loss in a closure, within its step.

        Raises:
            StopTraining: there is no further step.
        """
        is_other_model = self.trainings.is_another(self.watch.trained, optimizer)
        current = self.training.current
        if current.controls is not None and not current.is_made and not is_other_model:
            return current.controls
        self.finish(is_reported=is_other_model)
        if is_other_model and self._begins_training():
            self._captured_before = self.captured
            self.training.close_checks()
            self.training = self._new_training()
            self.trainings.begin()
        elif is_other_model:
            training = self.training
            self.trainings.join(self.watch.trained, optimizer)
            training.weighings.begin_anew(training.estimates.begin_anew())
            if current.controls is not None and not current.is_made:
                return current.controls
        return self._begin_step(optimizer)

    def _begin_step(self, optimizer: Optimizer | None) -> Mapping[str, float]:
        training = self.training
        if training.stopping is not None:
            raise training.stopping
        try:
            controls = self.source.next(training.step)
        except StopTraining as stop:
            if stop.exit_code == 0 and self.trainings.is_unknown(self.watch.trained, optimizer):
                raise StopTraining(f"{stop}, and another model of this script is not trained", 1) from None
            raise
        self.recorder.begin_step(training.step)
        training.current.begin(controls)
        self.rule = self.source.rule or self.rule
        if training.state_to_load is not None:
            training.load_estimates(training.state_to_load, self.rule)
        return controls

    def _begins_training(self) -> bool:
        """Whether the other model that is trained now is another training: it has steps, controls, estimates
        and a run of its own. In a session that the script has entered it is not.

        Raises:
            SessionError: lambda is on, and the recorder can record only one training.
        """
        if not self.may_begin_anew:
            if not self._has_reported_other_model and self.source.wants_lambda:
                self._has_reported_other_model = True
                report_other_model(self.training.step)
            return False
        try:
            self.recorder.begin_run()
        except SessionError as error:
            if not self.was_off:
                raise
            # While lambda is off, the script must not fail where it would not fail without a session.
            report_not_separate(error)
            return False
        if self.wants_losses:
            report_new_training(self.trainings.count + 1, self.training.step)
        return True

    @property
    def wants_losses(self) -> bool:
        """Whether losses are weighed or recorded, or may be."""
        return self.source.wants_lambda or self.recorder.is_recording

    def before_forward_pass(self) -> None:
        """A forward pass of training begins: the loop has finished its last step."""
        self.finish()
        training = self.training
        if training.current.is_made and not training.step_end.framework_reports and self.is_in_own_thread:
            self.source.await_plan(training.step)

    def finish(self, *, is_last: bool = False, is_reported: bool = False) -> None:
        """Executes what an operator has asked for, if the loop has finished its last step; see `StepEnd`.

        Args:
            is_last: there is no further step.
            is_reported: a framework reports the end of its step.

        Raises:
            StopTraining: training is to stop, and no framework ends it. Never raised where `is_last`.
        """
        training = self.training
        if not (self.is_in_own_thread and training.step_end.ends(is_last=is_last, is_reported=is_reported)):
            return
        stop = None
        if self._has_commands:
            with outside_of_autocast():
                stop = self.source.process_commands(training.step)
        if stop is None and self.on_stop is not None:
            stop = self.source.end_of_plan(training.step)
        if stop is None:
            return
        training.stopping = stop
        if self.on_stop is not None:
            self.on_stop()
        elif not is_last:
            raise stop

    def expect(self, micro_batches: int | None) -> None:
        """Sets how many losses of one name each step has, as a framework knows it; None: as many as the step
        before. A number that the script has set is kept."""
        if self.accumulate is None:
            self.training.weighings.expect(micro_batches)

    def use_options(self, options: SessionOptions) -> None:
        """Takes the rule and the number of micro-batches from the options of the script's session."""
        self.rule = options.rule or self.rule
        self.accumulate = options.accumulate or self.accumulate
        self.epochs.use(options.steps_per_epoch, self.accumulate)
        self.training.weighings.expect(self.accumulate)
