"""The parts of a session, and how they are connected."""

from __future__ import annotations

from collections.abc import Callable

from absgd_worker.attach.hooks.model_watch import ModelWatch
from absgd_worker.attach.hooks.optimizer_hooks import OptimizerHooks
from absgd_worker.attach.mirror.mirror import Mirror
from absgd_worker.attach.session.options import SessionOptions
from absgd_worker.attach.session.steps.announcements import Announcements
from absgd_worker.attach.session.steps.backward_passes import BackwardPasses
from absgd_worker.attach.session.steps.counted_steps import CountedSteps
from absgd_worker.attach.session.steps.loss_weighing import LossWeighing
from absgd_worker.attach.session.steps.optimizer_steps import OptimizerSteps
from absgd_worker.attach.session.steps.step_reporter import StepReporter
from absgd_worker.attach.session.steps.training_steps import TrainingSteps
from absgd_worker.attach.session.steps.trainings import Trainings
from absgd_worker.attach.source.recorder import ControlsAndRecorder


class SessionParts:
    """Created by `Session`."""

    def __init__(
        self, source: ControlsAndRecorder, options: SessionOptions, stop_following: Callable[[], None]
    ) -> None:
        """`stop_following`: called after each step, see `Session.stop_following`."""
        self.announcements = Announcements(is_wanted=options.announce)
        self.watch = ModelWatch()
        self.trainings = Trainings(self._forget_calls)
        self.steps = TrainingSteps(source, options, self.watch, self.trainings)
        self.counted = CountedSteps(self.steps)
        self.weighing = LossWeighing(
            self.steps,
            self.announcements,
            self.counted,
            allows_several_ranks=options.normaliser == "rank-local",
        )
        mirror = Mirror() if options.mirror == "auto" else None
        self._reporter = StepReporter(self.steps, self.announcements, mirror)
        self._optimizer_steps = OptimizerSteps(
            self.steps,
            self._reporter,
            self.announcements,
            self.counted,
            groups=options.groups,
            stop_following=stop_following,
        )
        self._optimizer_hooks = OptimizerHooks(self._optimizer_steps)
        self._backward_passes = BackwardPasses(self.steps, self.announcements, self.counted)
        self.watch.on_training_call = self.steps.before_forward_pass

    def start_observing(self) -> None:
        """Observes the models, optimizers and backward passes of this process from here on."""
        self.watch.open()
        self.trainings.open()
        self._optimizer_hooks.open()
        self._backward_passes.open()

    def _forget_calls(self) -> None:
        """An optimizer was created: another training may begin."""
        self.counted.forget()
        self.watch.trained.clear()

    def stop_observing(self) -> None:
        """May be called twice."""
        self.counted.forget()
        self._optimizer_hooks.close()
        self._backward_passes.close()
        self.trainings.close()
        self.watch.close()

    def close(self, error: BaseException | None) -> None:
        """There is no further step: ends the checks, the mirror and the recording."""
        self.steps.training.weighings.close()
        self.steps.training.close_checks()
        self._reporter.close_mirror()
        self.steps.recorder.close(error)

    def use_options(self, options: SessionOptions) -> None:
        """Takes those options that differ from the default, from here on."""
        self.steps.use_options(options)
        if options.normaliser == "rank-local":
            self.weighing.allows_several_ranks = True
        if options.groups != "scaled":
            self._optimizer_steps.use_groups(options.groups)
        if options.mirror == "off":
            self._reporter.close_mirror()
