"""Chooses who decides the controls of a session: a controller, a plan, the command line, or the script."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.recipes.recipe_source import RecipeSource
from absgd_worker.attach.recording.run_directory import RunPlan, experiment_of, require_free
from absgd_worker.attach.session.script_run import ScriptRun
from absgd_worker.attach.source.constant import ConstantSource
from absgd_worker.attach.source.criterion_settings import CriterionSource
from absgd_worker.attach.source.plan_file import PlanFileSource
from absgd_worker.attach.source.recorder import ControlsAndRecorder, with_recorder
from absgd_worker.attach.source.settings import Setting, may_be_on, read_setting, shown
from absgd_worker.attach.source.source import ControlSource
from absgd_worker.link.environment import ADDRESS_VARIABLES, read_address
from absgd_worker.recipes import Recipe


class Asked(NamedTuple):
    """What a session, or the command line, asks for."""

    lam: Setting
    gamma: Setting
    recipe: Recipe | None = None
    """Chooses lambda instead of `lam`."""


def source_of(
    asked: Asked,
    plan: str | Path | None = None,
    run: str | None = None,
    *,
    is_exact: bool = False,
) -> ControlsAndRecorder:
    """The source of a session with these settings; a controller, if the environment names one.

    Raises:
        PlanError: the file is no plan. SettingsError: the environment variables of a controller are invalid.
        ScheduleError: a text that is no schedule of its control.
    """
    controls = read_setting("lambda", asked.lam), read_setting("gamma", asked.gamma)
    if asked.recipe is not None and may_be_on(controls[0]):
        raise SessionError("lambda is given, and a recipe, which chooses lambda itself: give one of them")
    if is_controlled():
        return _controller()
    if plan is not None:
        return _recorded(PlanFileSource(plan), run, f"as {plan} says", f"as {plan} says", is_exact=is_exact)
    if asked.recipe is not None:
        source = RecipeSource(asked.recipe, controls[1])
        return _recorded(source, run, f"recipe {asked.recipe}", shown(controls[1]), is_exact=is_exact)
    return _recorded(ConstantSource(*controls), run, *map(shown, controls), is_exact=is_exact)


def source_of_command_line(script: ScriptRun[Any]) -> ControlsAndRecorder:
    """The source of absgd-run's own session.

    Raises:
        SessionError: a run of the exact name exists. And as `source_of`.
    """
    if script.is_controlled:
        return _controller()
    if script.is_exact and script.run is not None:
        require_free(script.run)
    if script.lam is not None or script.plan is not None or script.recipe is not None:
        lam = math.inf if script.lam is None else script.lam
        gamma = 0.9 if script.gamma is None else script.gamma
        return source_of(Asked(lam, gamma, script.recipe), script.plan, script.run, is_exact=script.is_exact)
    gamma = "as the script says" if script.gamma is None else shown(read_setting("gamma", script.gamma))
    source = CriterionSource(script.gamma, announce_off=True)
    return _recorded(source, script.run, "as the script says", gamma, is_exact=script.is_exact)


def source_of_script(
    script: ScriptRun[Any], asked: Asked, plan: str | Path | None, run: str | None
) -> ControlsAndRecorder:
    """The source of a session that a script enters under absgd-run."""
    run = script.run or run
    if script.gamma is not None:
        asked = asked._replace(gamma=script.gamma)
    # The run of an earlier session of this script does not make the next one an error.
    is_exact = script.is_exact and not script.script_sessions
    if script.plan is not None:
        plan = script.plan
    elif script.lam is not None or script.recipe is not None:
        lam = math.inf if script.lam is None else script.lam
        asked, plan = asked._replace(lam=lam, recipe=script.recipe), None
    return source_of(asked, plan, run, is_exact=is_exact)


def source_outside_of_sessions() -> ControlsAndRecorder:
    """The source of a session that begins by itself: a controller, else the settings of wrapped criteria."""
    return _controller() if is_controlled() else with_recorder(CriterionSource())


def _controller() -> ControlsAndRecorder:
    # Sockets are imported only where there is a controller.
    from absgd_worker.attach.source.controller import ControllerSource  # noqa: PLC0415

    return with_recorder(ControllerSource(read_address(os.environ)))


def is_controlled() -> bool:
    """Whether a controller decides the controls."""
    return any(os.environ.get(name) for name in ADDRESS_VARIABLES)


def _recorded(
    source: ControlSource, run: str | None, lam: str, gamma: str, *, is_exact: bool = False
) -> ControlsAndRecorder:
    """The source, recorded as a new run of the name `run`, if it is given."""
    if run is None:
        return with_recorder(source)
    command = " ".join([Path(sys.argv[0] or "python").name, *sys.argv[1:]])
    # Protobuf is imported only where something is recorded.
    from absgd_worker.attach.recording.journal import Journal  # noqa: PLC0415

    controls = {"lambda": lam, "gamma": gamma}
    plan = RunPlan(run, command, controls, experiment_of(sys.argv[0]), is_exact)
    return ControlsAndRecorder(source, Journal(plan))
