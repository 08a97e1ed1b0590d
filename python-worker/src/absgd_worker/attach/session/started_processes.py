"""Refuses training in the processes that a script starts while lambda is on: lambda has no effect in them.

A process that loads data, computes metrics or serves a queue is permitted: only a step of an optimizer in it
is an error. A command that starts ranks, or the script itself once more, is an error where it is called.
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
def refuse_training_in_other_processes(is_refused: Callable[[], bool]) -> Iterator[None]:
    """Inside, refuses training in processes that are spawned or run as commands while `is_refused()`.

    Forked processes are not covered: a hook at forks calls `child_guard.refuse_training` in them.
    """
    pid = os.getpid()

    def refuses() -> bool:
        # A fork of this process has its own guard, and may start any process.
        return os.getpid() == pid and is_refused()

    def prepare(plain: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
        data = plain(*args)
        # multiprocessing ignores entries that it does not know, in every version of Python so far.
        return {**data, "absgd_guard": _Guard()} if refuses() else data

    def popen(plain: Callable[..., None], process: Any, args: Any, *rest: Any, **options: Any) -> None:
        if refuses():
            _refuse_launcher(args)
        plain(process, args, *rest, **options)

    def system(plain: Callable[[Any], int], command: Any) -> int:
        if refuses():
            _refuse_launcher(command)
        return plain(command)

    with (
        replaced(spawn, "get_preparation_data", prepare),
        replaced(subprocess.Popen, "__init__", popen),
        replaced(os, "system", system),
    ):
        yield


def starts_training(command: Sequence[str]) -> str | None:
    """The part of a command line that starts ranks of a training, or this script again; None otherwise."""
    words = command[:MAX_WORDS]
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
    """Unpickling it installs the guard: a spawned process unpickles it before it runs code of the script."""

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str, dict[str, Any]]]:
        source = Path(child_guard.__file__).read_text("utf-8")
        return exec, (f"{source}\nrefuse_training('multiprocessing')\n", {"__name__": "absgd_child_guard"})


def _refuse_launcher(args: Any) -> None:
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
            f"the script starts {found}, whose processes train, and lambda has no effect in them: start each "
            "of them with absgd-run (torchrun … -m absgd_worker.run train.py), or leave lambda off"
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
MAX_WORDS = 32
"""How many words of a command line are checked."""
