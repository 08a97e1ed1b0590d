"""Guards os.exec*: the program that replaces a script's process would train without ABSGD."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.hooks.replace_function import replaced
from absgd_worker.console import complain


@contextmanager
def guarded_exec(is_refused: Callable[[], bool]) -> Iterator[None]:
    """Inside, `os.exec*` raises SessionError if `is_refused()`; otherwise it prints a message and runs."""
    pid = os.getpid()

    def refusing(plain: Callable[..., None], *args: Any) -> None:
        # A forked child is another process, and may run any program.
        if os.getpid() == pid:
            what = "the script replaces its own process (os.exec), and losses of what runs then are not seen"
            if is_refused():
                raise SessionError(f"{what}: run what it starts by absgd-run")
            complain(f"absgd: {what}")
        plain(*args)

    # All functions of this family call one of these two.
    with replaced(os, "execv", refusing), replaced(os, "execve", refusing):
        yield
