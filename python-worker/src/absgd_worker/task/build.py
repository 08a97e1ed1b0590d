"""Builds a task from `FILE:FUNCTION` or `MODULE:FUNCTION`."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from absgd_worker.errors import TaskError
from absgd_worker.link.environment import Settings
from absgd_worker.task.context import Context
from absgd_worker.task.random_state import seed_all
from absgd_worker.task.task import Task


def build_task(settings: Settings) -> tuple[Task, Context]:
    """Imports the user's function, seeds all random numbers, and calls it as `build(params, context)`.

    Raises:
        TaskError: the function does not exist, or does not return a Task. Exceptions of the user's code pass
            through.
    """
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    seed = seed_of(settings.params)
    context = Context(
        run=settings.address.run,
        run_dir=settings.address.run_dir,
        params=settings.params,
        seed=seed,
        device=default_device(),
    )
    # Seed before the import, for code that runs then, and again after it: the task must not depend on that.
    seed_all(seed)
    build = load_function(settings.task)
    seed_all(seed)
    task = build(settings.params, context)
    if not isinstance(task, Task):
        raise TaskError(f"{settings.task} must return an absgd_worker.Task, not {task!r:.200}")
    return task, context


def load_function(spec: str) -> Callable[..., Any]:
    """The function that `FILE:FUNCTION` or `MODULE:FUNCTION` names.

    Raises:
        TaskError: the text has another form, or the file, module or function does not exist.
    """
    place, _, name = spec.rpartition(":")
    if not place or not name:
        raise TaskError(f"the task {spec!r} must be FILE:FUNCTION or MODULE:FUNCTION, such as task.py:build")
    is_file = place.endswith(".py") or "/" in place or "\\" in place
    module = _load_file(Path(place)) if is_file else _load_module(place)
    function = getattr(module, name, None)
    if function is None:
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        near = difflib.get_close_matches(name, names)
        hint = f"did you mean {near[0]!r}?" if near else "define it, or name another one after the colon"
        raise TaskError(f"there is no function {name!r} in {place}: {hint}")
    if not callable(function):
        raise TaskError(f"{name!r} in {place} is {type(function).__name__}, not a function")
    return function


def seed_of(params: Mapping[str, Any]) -> int:
    """`params["seed"]`, or 0.

    Raises:
        TaskError: it is not a whole number from 0 to 2^53.
    """
    seed = params.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= 2**53:
        raise TaskError(f"the parameter seed must be a whole number from 0 to 2^53, not {seed!r}")
    return seed


def default_device() -> torch.device:
    """The first CUDA device, or the CPU if there is none."""
    return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


def _load_file(file: Path) -> ModuleType:
    if not file.is_file():
        raise TaskError(f"there is no task file {file}")
    # torch.compile looks up the module of a function by name. A task file random.py must not hide `random`.
    name = f"absgd_task_{file.stem}" if _is_taken(file.stem, file) else file.stem
    # Modules in the folder of the file can be imported, like when the file is run as a script.
    sys.path.insert(0, str(file.parent.resolve()))
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise TaskError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _is_taken(name: str, file: Path) -> bool:
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return True
    return found is not None and (found.origin is None or Path(found.origin).resolve() != file.resolve())


def _load_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise TaskError(
            f"there is no Python module {error.name!r}: install it in this environment, "
            "or name a file, such as task.py:build"
        ) from None
