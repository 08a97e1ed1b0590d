"""The sessions that this process has entered and not left."""

from __future__ import annotations

from absgd_worker.attach.session.session import Session

sessions: list[Session] = []
"""The innermost is last. Those that began outside of any are among them."""


def entered() -> Session | None:
    """The session that the caller has entered; None outside of any."""
    # In a process that was forked, those of its parent are there and not open.
    return next((one for one in reversed(sessions) if not one.is_implicit and one.is_open), None)
