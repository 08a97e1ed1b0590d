"""The part of a session that runs when an optimizer steps: hyperparameters, report, count of steps."""

from __future__ import annotations

from collections.abc import Callable

from torch.optim.optimizer import Optimizer

from absgd_worker.attach.hooks.hyperparameters import Groups, Hyperparameters
from absgd_worker.attach.session.steps.announcements import Announcements
from absgd_worker.attach.session.steps.counted_steps import CountedSteps
from absgd_worker.attach.session.steps.step_reporter import StepReporter
from absgd_worker.attach.session.steps.training_steps import TrainingSteps
from absgd_worker.console import complain


class OptimizerSteps:
    """Called by `OptimizerHooks` for every optimizer of the process."""

    def __init__(
        self,
        steps: TrainingSteps,
        reporter: StepReporter,
        announcements: Announcements,
        counted: CountedSteps,
        *,
        groups: Groups,
        stop_following: Callable[[], None],
    ) -> None:
        """`stop_following`: called after each step, see `Session.stop_following`."""
        self._steps = steps
        self._reporter = reporter
        self._announcements = announcements
        self._counted = counted
        self._hyperparameters = Hyperparameters(groups)
        self._stop_following = stop_following

    def use_groups(self, groups: Groups) -> None:
        """See `absgd_worker.session`."""
        self._hyperparameters = Hyperparameters(groups)

    def before_step(self, optimizer: Optimizer, *, computes_loss: bool) -> None:
        """Sets the planned hyperparameters."""
        if self._counted.is_counting and not computes_loss:
            return
        controls = self._steps.controls(optimizer) if computes_loss else self._steps.training.current.controls
        if controls is not None:
            applied = self._hyperparameters.put(optimizer, controls)
            current = self._steps.training.current
            current.applied |= {} if current.is_made else applied

    def gradients_are_there(self, optimizer: Optimizer) -> None:
        """Clips the gradients, if that is planned."""
        if self._counted.is_counting:
            return
        controls = self._steps.training.current.controls
        if controls is not None:
            self._hyperparameters.clip(optimizer, controls)

    def abandon_step(self, optimizer: Optimizer) -> None:
        """The closure of the optimizer raised, or the step was skipped: resets the hyperparameters."""
        self._hyperparameters.put_back(optimizer)

    def drop_step(self) -> None:
        """`GradScaler` has made or skipped the step: forgets losses of a skipped one."""
        self._counted.drop_step()
        self._steps.training.drop_step()

    def after_step(self, optimizer: Optimizer) -> None:
        """Reports the step if a weighed loss led to it, and counts it.

        Raises:
            NotApplied: see `UnweighedSteps`.
        """
        steps, training = self._steps, self._steps.training
        if self._counted.end_step(optimizer):
            logged = training.current.numbers._take_logged()
            if logged is not None:
                training.non_finite.step(training.step, [(f"train.{name}", logged[name]) for name in logged])
            training.step += 1
            steps.total_steps += 1
            training.current.is_made = True
            return
        reached = self._counted.take_reached()
        self._hyperparameters.put_back(optimizer)
        parts = training.weighings.end_step()
        training.estimates.end_step()
        training.step_end.add(optimizer, is_step=bool(parts or reached))
        self._stop_following()
        has_empty_loss, training.has_empty_loss = training.has_empty_loss, False
        if not parts and not reached:
            self._counted.step_is_other()
        if not parts and not reached and has_empty_loss:
            steps.watch.end_step()
            return
        if not parts and not reached:
            training.unweighed.add(
                optimizer,
                steps.captured,
                lambda: steps.source.is_on_at(training.step),
                in_training=steps.watch.in_training,
                may_come_on=steps.source.wants_lambda,
                reasons=self._announcements.reasons,
                models=tuple(steps.watch.roots),
            )
            return
        if parts:
            self._reporter.report(parts, optimizer)
        training.step += 1
        steps.total_steps += 1
        training.current.is_made = True
        losses = training.weighings.calls_of_last_step(parts.keys())
        self._counted.step_is_made(optimizer, steps.watch.called, losses=losses)
        steps.watch.end_step()
        message = steps.trainings.add(optimizer)
        if message is not None and steps.source.wants_lambda:
            complain(f"absgd: {message}")
