"""A script that replaces its own process: what runs then would not be seen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from absgd_worker.attach.errors import SessionError


@contextmanager
def no_replacement() -> Iterator[None]:
    """Inside, `os.exec*` is refused: SessionError."""
    pid = os.getpid()
    # All of the family end in one of these two.
    plain = {name: getattr(os, name) for name in ("execv", "execve")}

    def refusing(name: str) -> Any:
        def refused(*args: Any) -> NoReturn:
            # A child that was forked is another process, and may become what it likes.
            if os.getpid() != pid:
                plain[name](*args)
            raise SessionError(
                f"the script replaces its own process (os.{name}), and losses of what runs then would not "
                "be seen: run what it starts by absgd-run"
            )

        return refused

    for name in plain:
        setattr(os, name, refusing(name))
    try:
        yield
    finally:
        for name, function in plain.items():
            setattr(os, name, function)
