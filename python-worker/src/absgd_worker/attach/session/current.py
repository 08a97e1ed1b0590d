"""Which session a loop is in, and what makes one."""

from __future__ import annotations

import atexit
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.hooks.hyperparameters import Groups
from absgd_worker.attach.mirror.mirror import Mirroring
from absgd_worker.attach.session.child_guard import refuse_training
from absgd_worker.attach.session.choose_source import source_of, source_of_guest, wished_source
from absgd_worker.attach.session.entered import entered, sessions
from absgd_worker.attach.session.host import Host
from absgd_worker.attach.session.notebook import running_cell
from absgd_worker.attach.session.options import SessionOptions
from absgd_worker.attach.session.session import Session
from absgd_worker.attach.session.started_processes import training_elsewhere_is_refused
from absgd_worker.attach.source.constant import Setting
from absgd_worker.attach.source.recorder import ControlsAndRecorder
from absgd_worker.attach.source.source import ControlSource, StopTraining
from absgd_worker.console import complain
from absgd_worker.weights import Rule

_while_open = ExitStack()
"""What is undone when the last session is left."""


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
    source: ControlSource | ControlsAndRecorder | None = None,
) -> Iterator[Session]:
    """ABSGD for the loops inside: `wrap`, `weigh` and `capture` belong to it.

    Args:
        lam: in units of loss, not 0: above 0 attends to high losses, below turns away from them, ±inf is
            off. A number, or a function of the step.
        gamma: in (0, 1], the new batch's part in the running estimate. Likewise.
        weighting: the rule of weights, or the name of its preset.
        accumulate: A, how many losses of one name an optimizer step is expected to have, each of a
            micro-batch. Default: as many as the step before had. After the step the estimate is that of the
            number that it had.
        normaliser: "rank-local" allows several ranks, each of which weighs by its own batch.
        announce: say on stderr which losses are weighed.
        plan: a file of `absgd plan EXPERIMENT -o FILE`: the controls of every step, in place of `lam` and
            `gamma`. When it is over, `StopTraining` is raised by the first loss of the next step.
        run: record the loop as a run of this name below `$ABSGD_RUNS`, else `./runs`: `absgd watch` shows it.
            1 to 60 of A-Z a-z 0-9 . _ -; one that is taken becomes `name.2`, `name.3` and so on.
        groups: what a planned lr, momentum or weight decay is to an optimizer with several parameter groups:
            "scaled", that of the group with the largest, of which the others keep their part; "absolute",
            that of every group.
        on_checkpoint: saves all that the script needs to go on; an operator may ask for it, and does when the
            run is stopped. Called between two steps: when the next forward pass or loss of training begins,
            or as the session ends.
        on_evaluate: evaluates the model, `{"val": {"accuracy": 0.9}}`; an operator may ask for it.
        mirror: "auto" writes lambda, ESS ratio, effective learning rate and mean losses to `wandb.run` and
            to a TensorBoard `SummaryWriter` too, where the script has one; "off" does not.
        source: where controls come from, in place of all of these.

    Under a controller (`ABSGD_ENDPOINT` and `ABSGD_RUN` are set, as `absgd run` and `absgd attach` do) it
    says what the controls are, and records the run: `lam`, `gamma`, `weighting`, `plan` and `run` are of no
    account. Under absgd-run it takes the place of that one's; `lam` and `plan` hold where the command line
    says neither, `run` where it names none. What is trained in a session is one training: a second model goes
    on with its steps, lambda and estimate, and that is said.

    Raises:
        SessionError: inside of another session. PlanError: the file is no plan. SettingsError: the variables
            of a controller do not fit.
    """
    _leave_forgotten()
    choices = SessionOptions(
        # A controller's, or the default one.
        None if weighting == "default" else Rule(weighting) if isinstance(weighting, str) else weighting,
        accumulate,
        announce,
        normaliser,
        groups,
        on_checkpoint,
        on_evaluate,
        mirror,
    ).checked()
    outer = entered()
    if outer is not None:
        host = outer.host
        if host is None:
            raise SessionError(
                "there is a session already: leave it first, or use it with absgd_worker.current()"
            )
        if host.is_decided and (plan is not None or callable(lam) or not math.isinf(lam)):
            complain(
                "absgd: the command line or the controller sets lambda: the script's own session(lam=…) does "
                "not"
            )
        if host.is_controlled:
            with outer.hosting(choices):
                yield outer
            return
        guest = Session(source or source_of_guest(host, lam, gamma, plan, run), host.join(choices))
        with _in_place_of(outer, guest, host):
            yield guest
        return
    own = Session(source or source_of(lam, gamma, plan, run), choices)
    leave_implicit()
    _enter(own)
    try:
        own.open()
        yield own
    except BaseException as error:
        _leave(own, error)
        raise
    else:
        _leave(own)


@contextmanager
def _in_place_of(outer: Session, guest: Session, host: Host[Session]) -> Iterator[None]:
    """The script's session, while absgd-run's own stands aside."""
    outer.abandon()
    host.guests.append(guest)
    if host.capture is not None:
        host.capture.weigh_for(guest)
    _enter(guest)
    try:
        guest.open()
        yield
    except BaseException as error:
        _leave(guest, error)
        raise
    else:
        _leave(guest)
    finally:
        if host.capture is not None:
            host.capture.weigh_for(outer)
        outer.open()


def current() -> Session:
    """The session that the caller is in. Outside of any, one whose lambda is off begins."""
    if not sessions:
        _begin_implicit()
    return sessions[-1]


def _begin_implicit() -> None:
    implicit = Session(wished_source())
    implicit.is_implicit = implicit.may_begin_anew = True
    implicit.open()
    _enter(implicit)


def leave_implicit(error: BaseException | None = None) -> None:
    """Ends the session that began outside of any, if there is one."""
    for one in [one for one in sessions if one.is_implicit]:
        _leave(one, error)


def _leave_forgotten() -> None:
    """Those that an earlier cell of a notebook entered, and was interrupted before it left them."""
    for one in [one for one in sessions if one.cell not in (None, running_cell())]:
        _leave(one, StopTraining("another cell began a session"))


def _enter(own: Session) -> None:
    if not sessions:
        _while_open.enter_context(training_elsewhere_is_refused(_lambda_is_wanted))
    sessions.append(own)


def _leave(own: Session, error: BaseException | None = None) -> None:
    try:
        # What saves the script at the end asks for the current session, which is still this one.
        own.close(error)
    finally:
        if own in sessions:
            sessions.remove(own)
        if not sessions:
            _while_open.close()


def _lambda_is_wanted() -> bool:
    return any(one.is_open and one.source.wants_lambda for one in sessions)


def _abandon_in_child() -> None:
    if _lambda_is_wanted():
        refuse_training("fork")
    for one in sessions:
        one.abandon()


def _leave_at_exit() -> None:
    # What ended the interpreter, which nobody else could tell a session that was never left.
    leave_implicit(getattr(sys, "last_value", None))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_in_child)
atexit.register(_leave_at_exit)
