"""The sessions that this process has entered and not left."""

from __future__ import annotations

from absgd_worker.attach.session.session import Session

sessions: list[Session] = []
"""The innermost is last. Sessions that began by themselves are among them, see `Session.is_implicit`."""


def entered() -> Session | None:
    """The session that the caller has entered; None outside of any."""
    # A forked process has the sessions of its parent, which are not open in it.
    return next(
        (session for session in reversed(sessions) if not session.is_implicit and session.is_open), None
    )
