"""The state of a session that a script saves beside its model, and how it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from absgd_worker.attach.session.steps.training_steps import TrainingSteps


def state_of(steps: TrainingSteps) -> dict[str, Any]:
    """Python numbers and strings: the step, the state of every estimate, and where the run is recorded."""
    training = steps.training
    own = {"rule": str(steps.rule), "names": training.estimates.state_dict()}
    own |= {"weighings": training.weighings.state_dict(), "main": training.weighings.main}
    if training.state_to_load is not None:
        own = {name: training.state_to_load.get(name, {}) for name in own}
    return {"format": 1, "step": training.step, **own, "run": steps.recorder.run_state()}


def load_state(steps: TrainingSteps, state: Mapping[str, Any]) -> None:
    """Loads what `state_of` returned.

    Raises:
        ValueError: it is no such state, or it was saved under another rule of weights.
        SessionError: a living process writes the recorded run.
    """
    if state.get("format") != 1:
        raise ValueError(
            "this is no state of a session, or one of another version: load the dictionary that "
            "Session.state_dict() returned"
        )
    training, step = steps.training, int(state["step"])
    if steps.source.chooses_rule:
        # The rule is known when the first step begins.
        training.state_to_load = state
    else:
        training.load_estimates(state, steps.rule)
    steps.recorder.resume(state.get("run"), step)
    training.step = step
    training.current.controls = None
