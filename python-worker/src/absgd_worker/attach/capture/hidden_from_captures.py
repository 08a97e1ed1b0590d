"""Hides the computation of weighed losses from all captures of a session."""

from __future__ import annotations

from absgd_worker.attach.session.session import Session


class hidden_from_captures:
    """No capture weighs losses that are computed inside the block: they are weighed already."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> None:
        self._before, self._session.is_weighing = self._session.is_weighing, True

    def __exit__(self, *exc_info: object) -> None:
        self._session.is_weighing = self._before
