"""A script that replaces its own process: what runs then is not seen."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.hooks.replace_function import replaced
from absgd_worker.console import complain


@contextmanager
def no_replacement(is_refused: Callable[[], bool]) -> Iterator[None]:
    """Inside, `os.exec*` raises SessionError where `is_refused` says so; otherwise it is said and done."""
    pid = os.getpid()

    def refusing(plain: Callable[..., None], *args: Any) -> None:
        # A child that was forked is another process, and may become what it likes.
        if os.getpid() == pid:
            what = "the script replaces its own process (os.exec), and losses of what runs then are not seen"
            if is_refused():
                raise SessionError(f"{what}: run what it starts by absgd-run")
            complain(f"absgd: {what}")
        plain(*args)

    # All of the family end in one of these two.
    with replaced(os, "execv", refusing), replaced(os, "execve", refusing):
        yield
