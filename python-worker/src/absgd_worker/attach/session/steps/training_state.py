"""The state of one training: its steps, its estimates, and the checks of its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from absgd_worker.attach.checks.collapse_check import CollapseCheck
from absgd_worker.attach.checks.no_effect import NoEffectCheck
from absgd_worker.attach.checks.non_finite import NonFiniteCheck
from absgd_worker.attach.checks.turned_away import LastWeights
from absgd_worker.attach.checks.unweighed_steps import UnweighedSteps
from absgd_worker.attach.estimates.estimates import Estimates
from absgd_worker.attach.estimates.trained_models import TrainedModels
from absgd_worker.attach.hooks.backward_use import BackwardUse
from absgd_worker.attach.session.steps.current_step import CurrentStep
from absgd_worker.attach.session.steps.known_samples import KnownSamples
from absgd_worker.attach.session.steps.step_end import StepEnd
from absgd_worker.attach.session.steps.weighings import Weighings
from absgd_worker.attach.source.source import StopTraining
from absgd_worker.weights import Rule


class TrainingState:
    """Created before the first step of a training. The next training of the process has a new one."""

    def __init__(
        self, accumulate: int | None, models: TrainedModels, record_warning: Callable[[str], None]
    ) -> None:
        self.step = 0
        """How many steps were made."""
        self.current = CurrentStep()
        self.step_end = StepEnd()
        self.stopping: StopTraining | None = None
        """The reason why there is no further step; None while training goes on."""
        self.weighings = Weighings(accumulate)
        self.estimates = Estimates(models)
        self.last_use: BackwardUse | None = None
        """The use of the loss that was weighed last, until `LossWeighing.take_use`."""
        self.has_empty_loss = False
        """Whether a loss of this step had no sample that counts."""
        self.samples = KnownSamples()
        self.state_to_load: Mapping[str, Any] | None = None
        """A state that is loaded when the first step begins, because the rule of weights is known then."""
        self.non_finite = NonFiniteCheck()
        self.no_effect = NoEffectCheck()
        self.collapse = CollapseCheck(record_warning)
        self.unweighed = UnweighedSteps()
        self.last_weights = LastWeights()

    def drop_step(self) -> None:
        """Forgets the losses that were weighed for a step that was not made."""
        self.weighings.drop()
        self.estimates.end_step()

    def close_checks(self) -> None:
        """There is no further step: reads the figures that are still on a device."""
        self.non_finite.close()
        self.collapse.close()

    def load_estimates(self, state: Mapping[str, Any], rule: Rule) -> None:
        """Loads all but the step.

        Raises:
            ValueError: the state was saved under another rule of weights.
        """
        saved = state.get("rule")
        if saved != str(rule):
            raise ValueError(
                f"this state was saved under the rule of weights {saved!r}, but this session has "
                f"{str(rule)!r}: set weighting to the saved rule"
            )
        self.weighings.load_state_dict(state["weighings"], rule)
        self.weighings.main = state.get("main")
        self.estimates.load_state_dict(state.get("names", {}))
        self.state_to_load = None
