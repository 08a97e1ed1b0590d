"""`python -m absgd_worker.fork_server FOLDER`: forks the workers of several runs. Linux. Ends with its stdin.

`absgd run` starts it for a set of runs (`src/worker/fork-server.ts`), in the environment and with the
interpreter that the workers have. Nobody else needs to start it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import torch

from absgd_worker.console import complain
from absgd_worker.fork_server.interpreter import become, library_path
from absgd_worker.fork_server.request import Request
from absgd_worker.fork_server.server import import_all, listen, serve

PROGRAMS = (
    *("absgd_worker.serve", "absgd_worker.training.served_run"),
    *("absgd_worker.run", "absgd_worker.script_program"),
)
# The first optimizer of a process imports torch's compiler, which takes seconds.
IMPORTED_LATER = ("torch._dynamo",)
FILES = ("socket", "environment", "ended", "server.log")
"""What is in the folder; the socket is made here."""


def objection(*, is_spoilt: bool) -> str:
    """Why this process must not be forked now; empty if it may be.

    `is_spoilt`: the result of `accelerators_are_spoilt`.
    """
    if is_spoilt or torch.cuda.is_initialized():
        return "CUDA is in use already in the process that would be forked, and does not survive that"
    if threading.active_count() > 1:
        return "a library has started threads in the process that would be forked, which do not survive that"
    return ""


def accelerators_are_spoilt() -> bool:
    """Whether a fork of this process could not use an accelerator. Torch tells that in a fork alone: a mere
    question for the number of devices, which an import may ask, initialises the driver, but not
    `torch.cuda`."""
    pid = os.fork()
    if pid == 0:
        modules = [module for module in (torch.cuda, getattr(torch, "xpu", None)) if module is not None]
        os._exit(any(module._is_in_bad_fork() for module in modules))
    _, status = os.waitpid(pid, 0)
    return status != 0


def main(folder: str) -> None:
    library = library_path()
    import_all(IMPORTED_LATER, PROGRAMS)
    set_at_start = dict(os.environb)
    is_spoilt = accelerators_are_spoilt()
    listener = listen(os.path.join(folder, FILES[0]))
    request = serve(listener, objection=lambda _: objection(is_spoilt=is_spoilt))
    if request is not None:
        become(request, library, lambda request: prepare(request, set_at_start))
    # Whoever made the folder may have been killed.
    with contextlib.suppress(OSError):
        for name in FILES:
            Path(folder, name).unlink(missing_ok=True)
        os.rmdir(folder)


def prepare(request: Request, set_at_start: Mapping[bytes, bytes]) -> None:
    os.setsid()
    # Whoever asks has the environment in which this process was started. What is missing in theirs, the
    # interpreter and torch have set, and would set again.
    for name in set_at_start.keys() - request.environment.keys():
        os.environb[name] = set_at_start[name]
    complain(
        f"absgd worker: process {os.getpid()} is a fork of one that had imported torch; "
        "ABSGD_FORK=off starts Python anew"
    )


if __name__ == "__main__":
    main(sys.argv[1])
    # The interpreter's own teardown of torch takes seconds, and there is nothing to clean up.
    os._exit(0)
