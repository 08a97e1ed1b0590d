"""Processes that a script starts: lambda has no effect in them, so training there is refused while it is on.

A process that loads data, computes metrics or serves a queue is left alone: what is refused is the step of an
optimizer in it. A command that starts ranks, or the script itself once more, is refused where it is called.
"""

from __future__ import annotations

import itertools
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import spawn
from pathlib import Path
from typing import Any

from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.hooks.replace_function import replaced
from absgd_worker.attach.session import child_guard


@contextmanager
def training_elsewhere_is_refused(is_refused: Callable[[], bool]) -> Iterator[None]:
    """Inside, in processes that are spawned or run as commands, where `is_refused` says so. Those that are
    forked are for who registers a hook at forks: `child_guard.refuse_training`."""
    pid = os.getpid()

    def asked() -> bool:
        # A fork of this process has a guard of its own, and may start what it likes.
        return os.getpid() == pid and is_refused()

    def prepare(plain: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
        data = plain(*args)
        # Unknown entries are passed over, in every version of Python so far.
        return {**data, "absgd_guard": _Guard()} if asked() else data

    def popen(plain: Callable[..., None], process: Any, args: Any, *rest: Any, **options: Any) -> None:
        if asked():
            _require_no_launcher(args)
        plain(process, args, *rest, **options)

    def system(plain: Callable[[Any], int], command: Any) -> int:
        if asked():
            _require_no_launcher(command)
        return plain(command)

    with (
        replaced(spawn, "get_preparation_data", prepare),
        replaced(subprocess.Popen, "__init__", popen),
        replaced(os, "system", system),
    ):
        yield


def starts_training(command: Sequence[str]) -> str | None:
    """The word of a command line that starts ranks of a training, or this script again; None otherwise."""
    words = command[:MOST_WORDS]
    if not words or "absgd_worker.run" in words or "absgd-run" in words:
        return None
    name = Path(words[0]).name
    if name in LAUNCHERS:
        return name
    if not name.startswith("python"):
        return None
    module = next((after for option, after in itertools.pairwise(words) if option == "-m"), None)
    if module in LAUNCHER_MODULES:
        return module
    script = os.path.realpath(sys.argv[0]) if sys.argv and sys.argv[0] else ""
    again = next((word for word in words[1:] if word.endswith(".py")), None)
    return again if again is not None and os.path.realpath(again) == script else None


class _Guard:
    """Becomes the guard where the spawned process reads how it is to begin, before the script's code runs."""

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str, dict[str, Any]]]:
        source = Path(child_guard.__file__).read_text("utf-8")
        return exec, (f"{source}\nrefuse_training('multiprocessing')\n", {"__name__": "absgd_child_guard"})


def _require_no_launcher(args: Any) -> None:
    if isinstance(args, (str, bytes)):
        try:
            words = shlex.split(os.fsdecode(args))
        except ValueError:
            return
    else:
        words = [os.fsdecode(word) for word in args] if isinstance(args, (list, tuple)) else []
    found = starts_training(words)
    if found is not None:
        raise SessionError(
            f"the script starts {found}, whose processes train where lambda has no effect: start them with "
            "absgd-run in place of the script (torchrun … -m absgd_worker.run train.py), or leave lambda off"
        )


LAUNCHERS = frozenset({"torchrun", "accelerate", "deepspeed", "horovodrun", "mpirun", "mpiexec", "srun"})
LAUNCHER_MODULES = frozenset(
    {
        "torch.distributed.run",
        "torch.distributed.launch",
        "accelerate.commands.launch",
        "deepspeed.launcher.runner",
    }
)
MOST_WORDS = 32
"""Of a command line that are looked at."""
