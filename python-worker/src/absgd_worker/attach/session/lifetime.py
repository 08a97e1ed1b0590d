"""Enters and leaves sessions: by a script, at the end of the process, and in forked processes."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from absgd_worker.attach.session.child_guard import refuse_training
from absgd_worker.attach.session.entered import sessions
from absgd_worker.attach.session.notebook import running_cell
from absgd_worker.attach.session.session import Session
from absgd_worker.attach.session.started_processes import refuse_training_in_other_processes
from absgd_worker.attach.source.source import StopTraining

_while_open = ExitStack()
"""Closed when the last session is left."""


@contextmanager
def entered_session(session: Session) -> Iterator[None]:
    """Opens and enters the session, and leaves it."""
    enter(session)
    try:
        session.open()
        yield
    except BaseException as error:
        _leave(session, error)
        raise
    else:
        _leave(session)


def leave_implicit(error: BaseException | None = None) -> None:
    """Ends the session that began outside of any, if there is one."""
    for session in [session for session in sessions if session.is_implicit]:
        _leave(session, error)


def leave_sessions_of_other_cells() -> None:
    """Ends sessions that an earlier cell of a notebook entered: it was interrupted before it left them."""
    for session in [session for session in sessions if session.cell not in (None, running_cell())]:
        _leave(session, StopTraining("another cell began a session"))


def enter(session: Session) -> None:
    """The session is the current one from here on."""
    if not sessions:
        _while_open.enter_context(refuse_training_in_other_processes(_wants_lambda))
    sessions.append(session)


def _leave(session: Session, error: BaseException | None = None) -> None:
    try:
        # The callback that saves the script may ask for the current session: it is still this one.
        session.close(error)
    finally:
        if session in sessions:
            sessions.remove(session)
        if not sessions:
            _while_open.close()


def _wants_lambda() -> bool:
    """Whether lambda is on in an open session, or may be."""
    return any(session.is_open and session.source.wants_lambda for session in sessions)


def _abandon_in_child() -> None:
    if _wants_lambda():
        refuse_training("fork")
    for session in sessions:
        session.abandon()


def _leave_at_exit() -> None:
    # The error that ended the interpreter, for a session that was never left.
    leave_implicit(getattr(sys, "last_value", None))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_in_child)
atexit.register(_leave_at_exit)
