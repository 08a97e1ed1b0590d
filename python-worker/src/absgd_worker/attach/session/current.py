"""`absgd_worker.session` and `absgd_worker.current`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.hooks.hyperparameters import Groups
from absgd_worker.attach.mirror.mirror import Mirroring
from absgd_worker.attach.session.choose_source import (
    Asked,
    source_of,
    source_of_script,
    source_outside_of_sessions,
)
from absgd_worker.attach.session.entered import entered, sessions
from absgd_worker.attach.session.lifetime import (
    enter,
    entered_session,
    leave_implicit,
    leave_sessions_of_other_cells,
)
from absgd_worker.attach.session.options import SessionOptions
from absgd_worker.attach.session.script_options import with_script_options
from absgd_worker.attach.session.script_run import ScriptRun
from absgd_worker.attach.session.session import Session
from absgd_worker.attach.source.recorder import ControlsAndRecorder
from absgd_worker.attach.source.settings import Setting
from absgd_worker.attach.source.source import ControlSource
from absgd_worker.console import complain
from absgd_worker.recipes import recipe_of
from absgd_worker.weights import Rule


@contextmanager
def session(
    *,
    lam: Setting = math.inf,
    gamma: Setting = 0.9,
    weighting: Rule | str = "default",
    accumulate: int | None = None,
    normaliser: str = "refuse",
    announce: bool = False,
    plan: str | Path | None = None,
    run: str | None = None,
    groups: Groups = "scaled",
    on_checkpoint: Callable[[], object] | None = None,
    on_evaluate: Callable[[], Mapping[str, Any] | str] | None = None,
    mirror: Mirroring = "auto",
    steps_per_epoch: int | None = None,
    recipe: str | None = None,
    wrong: float | None = None,
    source: ControlSource | ControlsAndRecorder | None = None,
) -> Iterator[Session]:
    """ABSGD for the training loops inside: `wrap`, `weigh` and `capture` belong to the session.

    Args:
        lam: lambda, in units of the loss, not 0: above 0 gives high losses more weight, below 0 gives them
            less, ±inf is off. A number; a schedule as text, like those of `absgd set`:
            `"join(off.for(200), exponential(-5, -0.5, over=2000))"`; or a function of the step, from 0.
        gamma: the share of a new batch in the running estimate, in (0, 1]. Given like `lam`.
        weighting: the rule of weights, or the name of its preset.
        accumulate: how many losses of one name an optimizer step is expected to have, one for each
            micro-batch, from 1. Default: as many as the step before. After the step, the estimate is computed
            with the number that it had.
        normaliser: "refuse" raises an error where several ranks train; "rank-local" permits them, and each
            rank weighs by its own batch.
        announce: print on stderr which losses are weighed.
        plan: a file that `absgd plan EXPERIMENT -o FILE` has written: the controls of every step, instead of
            `lam` and `gamma`. After its last step, the first loss of the next step raises `StopTraining`.
        run: record the loop as a run of this name, in `$ABSGD_RUNS` or `./runs`, for `absgd watch`. 1 to 60
            characters of A-Z a-z 0-9 . _ -; if a run of the name exists, the new one is `name.2`, `name.3`
            and so on.
        groups: how a planned lr, momentum or weight decay is applied to an optimizer with several parameter
            groups. "scaled": the group with the largest value gets it, and the others keep their ratio to
            that group. "absolute": every group gets it.
        on_checkpoint: saves all that the script needs to resume. An operator may request it, and stopping the
            run does. It is called between two steps: when the next forward pass or loss of training begins,
            or when the session ends.
        on_evaluate: evaluates the model and returns its metrics by split, `{"val": {"accuracy": 0.9}}`. An
            operator may request it.
        mirror: "auto" also writes lambda, the ESS ratio, the effective learning rate and the mean losses to
            `wandb.run` and to a TensorBoard `SummaryWriter`, if the script has one; "off" does not.
        steps_per_epoch: how many optimizer steps an epoch has, for schedules in epochs. Default: as a
            framework's callback says, or as many as the tracked loader (`track`) has batches, divided by
            `accumulate`.
        recipe: chooses lambda from the losses, in their own units, instead of `lam`: "wrong-labels",
            "rare-groups", or "off", which measures alone. See "Recipes" in docs/schedules.md.
        wrong: for the recipe "wrong-labels", the share of wrong labels as far as it is known, in (0, 0.6).
            Default: it is estimated.
        source: where controls come from, instead of all of these.

    Under a controller (`absgd run` and `absgd attach` set `ABSGD_ENDPOINT` and `ABSGD_RUN`), the controller
    decides the controls and records the run: `lam`, `gamma`, `weighting`, `plan` and `run` are ignored.
    Under absgd-run, the session takes the place of absgd-run's session; `lam` and `plan` are used if the
    command line sets neither, `run` if it names no run. All that is trained in a session is one training: a
    second model continues its steps and its lambda with a new estimate, and a message says so.

    Raises:
        SessionError: inside another session. ValueError: a value that is not permitted. ScheduleError: a text
            that is no schedule, with its place. RecipeError: an unknown recipe, or a share out of range.
            PlanError: the file is no plan. SettingsError: the environment variables of a controller are
            invalid.
    """
    leave_sessions_of_other_cells()
    options = SessionOptions(
        None if weighting == "default" else Rule(weighting) if isinstance(weighting, str) else weighting,
        accumulate,
        announce,
        normaliser,
        groups,
        on_checkpoint,
        on_evaluate,
        mirror,
        steps_per_epoch,
    ).checked()
    asked = Asked(lam, gamma, None if recipe is None else recipe_of(recipe, wrong))
    outer = entered()
    if outer is not None:
        script = outer.script_run
        if script is None:
            raise SessionError(
                "a session is entered already: leave it before you enter another one, or use it with "
                "absgd_worker.current()"
            )
        if script.sets_lambda and (plan is not None or recipe is not None or lam != math.inf):
            complain(
                "absgd: the command line or the controller sets lambda: the script's own session(lam=…) is "
                "ignored"
            )
        if script.is_controlled:
            with with_script_options(outer, options):
                yield outer
            return
        inner = Session(source or source_of_script(script, asked, plan, run), script.combined(options))
        with _in_place_of(outer, inner, script):
            yield inner
        return
    own = Session(source or source_of(asked, plan, run), options)
    leave_implicit()
    with entered_session(own):
        yield own


@contextmanager
def _in_place_of(outer: Session, inner: Session, script: ScriptRun[Session]) -> Iterator[None]:
    """The script's session is open, and absgd-run's session is not."""
    outer.abandon()
    script.script_sessions.append(inner)
    if script.capture is not None:
        script.capture.weigh_for(inner)
    try:
        with entered_session(inner):
            yield
    finally:
        if script.capture is not None:
            script.capture.weigh_for(outer)
        outer.open()


def current() -> Session:
    """The session that the caller is in. Outside of any, a session with lambda off begins."""
    if not sessions:
        _begin_implicit()
    return sessions[-1]


def _begin_implicit() -> None:
    session = Session(source_outside_of_sessions())
    session.is_implicit = session.may_begin_anew = True
    session.open()
    enter(session)
