"""Reports a step that an optimizer has made."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch.optim.optimizer import Optimizer

from absgd_worker.attach.mirror.mirror import Mirror
from absgd_worker.attach.recipes.recipe_source import RecipeSource
from absgd_worker.attach.recording.result_file import result_file
from absgd_worker.attach.session.steps.announcements import Announcements
from absgd_worker.attach.session.steps.training_steps import TrainingSteps
from absgd_worker.attach.session.steps.weighed_losses import WeighedLosses
from absgd_worker.attach.session.steps.weighings import entry_of, numbers_of


class StepReporter:
    """Gives each step to the recorder, to the checks, and to the script's own loggers."""

    def __init__(self, steps: TrainingSteps, announcements: Announcements, mirror: Mirror | None) -> None:
        """`mirror`: writes to the script's own loggers; None where it is not to."""
        self._steps = steps
        self._announcements = announcements
        self._mirror = mirror

    def report(self, parts: Mapping[str, WeighedLosses], optimizer: Optimizer) -> None:
        """`parts`: the weighed losses of the step, by name; at least one. `optimizer` has stepped."""
        steps, training = self._steps, self._steps.training
        current = training.current
        parts = training.samples.checked(parts)
        applied, current.applied = current.applied, {}
        entry = entry_of(
            parts,
            main=training.weighings.main,
            attempt=steps.recorder.attempt,
            step=training.step,
            seconds=current.seconds,
            applied=applied,
            metrics=current.numbers._take_logged(),
        )
        training.non_finite.step(training.step, numbers_of(entry))
        steps.recorder.report(entry)
        if result_file is not None:
            result_file.step(entry)
        if isinstance(steps.source, RecipeSource):
            steps.source.observe(entry, steps.recorder)
        lam = entry.controls.get("lambda", math.inf)
        training.last_weights.step(entry, math.inf if steps.rule.is_off(lam) else lam)
        statistics = [part.statistics for part in parts.values()]
        training.no_effect.add(statistics, lam, is_off=steps.rule.is_off(lam))
        if steps.source.wants_lambda and not steps.source.has_guard:
            training.collapse.step(entry)
        steps.epochs.check(training.weighings.calls_of_last_step([entry.name]))
        self._announcements.several(training.estimates.sites_with_several_calls(parts.keys()))
        self._announcements.samples(known=entry.indices_B is not None, doubt=training.samples.doubt)
        if self._mirror is not None:
            self._mirror.report(entry, optimizer.param_groups[0].get("lr"))

    def close_mirror(self) -> None:
        """Writes no further step to the script's own loggers. May be called twice."""
        if self._mirror is not None:
            self._mirror.close()
            self._mirror = None
