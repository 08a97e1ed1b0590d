"""What decides the controls of a session: a controller, a plan, the command line, or the code itself."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import Any

from absgd_worker.attach.recording.run_directory import RunPlan, experiment_of, require_free
from absgd_worker.attach.session.host import Host
from absgd_worker.attach.source.constant import ConstantSource, Setting
from absgd_worker.attach.source.criterion_settings import CriterionSource
from absgd_worker.attach.source.plan_file import PlanFileSource
from absgd_worker.attach.source.recorder import ControlsAndRecorder, with_recorder
from absgd_worker.attach.source.source import ControlSource
from absgd_worker.link.environment import ADDRESS_VARIABLES, read_address


def source_of(
    lam: Setting,
    gamma: Setting,
    plan: str | Path | None = None,
    run: str | None = None,
    *,
    is_exact: bool = False,
) -> ControlsAndRecorder:
    """Of a session with these settings; a controller's, where the variables name one.

    Raises:
        PlanError: the file is no plan. SettingsError: the variables of a controller do not fit.
    """
    if is_controlled():
        return _controlled()
    if plan is not None:
        return _recorded(PlanFileSource(plan), run, f"as {plan} says", f"as {plan} says", is_exact=is_exact)
    return _recorded(ConstantSource(lam, gamma), run, _word(lam), _word(gamma), is_exact=is_exact)


def source_of_host(host: Host[Any]) -> ControlsAndRecorder:
    """Of absgd-run's own session. Raises SessionError where its run must have a name that is taken."""
    if host.is_controlled:
        return _controlled()
    if host.is_exact and host.run is not None:
        require_free(host.run)
    if host.lam is not None or host.plan is not None:
        lam, gamma = host.lam or math.inf, host.gamma or 0.9
        return source_of(lam, gamma, host.plan, host.run, is_exact=host.is_exact)
    word = "as the script says" if host.gamma is None else _word(host.gamma)
    source = CriterionSource(host.gamma, announce_off=True)
    return _recorded(source, host.run, "as the script says", word, is_exact=host.is_exact)


def source_of_guest(
    host: Host[Any], lam: Setting, gamma: Setting, plan: str | Path | None, run: str | None
) -> ControlsAndRecorder:
    """Of a session that a script enters under absgd-run."""
    run = host.run or run
    gamma = gamma if host.gamma is None else host.gamma
    # What an earlier session of this script has recorded is no reason to refuse the next one.
    is_exact = host.is_exact and not host.guests
    if host.plan is not None:
        plan = host.plan
    elif host.lam is not None:
        lam, plan = host.lam, None
    return source_of(lam, gamma, plan, run, is_exact=is_exact)


def wished_source() -> ControlsAndRecorder:
    """Of a session that nobody entered: a controller's, else what wrapped criteria say."""
    return _controlled() if is_controlled() else with_recorder(CriterionSource())


def _controlled() -> ControlsAndRecorder:
    # Sockets are of no use to whoever has no controller.
    from absgd_worker.attach.source.controller import ControllerSource  # noqa: PLC0415

    return with_recorder(ControllerSource(read_address(os.environ)))


def is_controlled() -> bool:
    """Whether a controller says what the controls are."""
    return any(os.environ.get(name) for name in ADDRESS_VARIABLES)


def _recorded(
    source: ControlSource, run: str | None, lam: str, gamma: str, *, is_exact: bool = False
) -> ControlsAndRecorder:
    """The source, recorded as a new run of the name `run`, if it is given."""
    if run is None:
        return with_recorder(source)
    command = " ".join([Path(sys.argv[0] or "python").name, *sys.argv[1:]])
    # Messages are of no use to whoever records nothing.
    from absgd_worker.attach.recording.journal import Journal  # noqa: PLC0415

    controls = {"lambda": lam, "gamma": gamma}
    plan = RunPlan(run, command, controls, experiment_of(sys.argv[0]), is_exact)
    return ControlsAndRecorder(source, Journal(plan))


def _word(value: Setting) -> str:
    """Of a control, for people."""
    if callable(value):
        return "a function of the step"
    return "off" if math.isinf(value) else f"{value:g}"
