"""The state of a session that a script saves beside its model, and how it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from absgd_worker.attach.recipes.recipe_source import RecipeSource
from absgd_worker.attach.session.steps.training_steps import TrainingSteps


def state_of(steps: TrainingSteps) -> dict[str, Any]:
    """Python numbers and strings: the step, the state of every estimate, and where the run is recorded."""
    training = steps.training
    own = {"rule": str(steps.rule), "names": training.estimates.state_dict()}
    own |= {"weighings": training.weighings.state_dict(), "main": training.weighings.main}
    if training.state_to_load is not None:
        own = {name: training.state_to_load.get(name, {}) for name in own}
    if isinstance(steps.source, RecipeSource):
        own["recipe"] = steps.source.state_dict()
    return {"format": 1, "step": training.step, **own, "run": steps.recorder.run_state()}


def _recipe_of(state: Mapping[str, Any]) -> Mapping[str, Any]:
    if "recipe" not in state:
        raise ValueError(
            "this state was saved without a recipe, and this session has one: lambda of the earlier steps "
            "cannot be continued. Use the lambda of the saved session"
        )
    return state["recipe"]


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
    if isinstance(steps.source, RecipeSource):
        steps.source.load_state_dict(_recipe_of(state))
    if steps.source.chooses_rule:
        # The rule is known when the first step begins.
        training.state_to_load = state
    else:
        training.load_estimates(state, steps.rule)
    steps.recorder.resume(state.get("run"), step)
    training.step = step
    training.current.controls = None
