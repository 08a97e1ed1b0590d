"""Hides the computation of weighed losses from all captures of a session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from absgd_worker.attach.session.session import Session


@contextmanager
def hidden_from_captures(session: Session) -> Iterator[None]:
    """No capture weighs losses that are computed inside the block: they are weighed already."""
    before, session.is_weighing = session.is_weighing, True
    try:
        yield
    finally:
        session.is_weighing = before
