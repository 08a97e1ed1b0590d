"""Runs a file, a module or a function as Python itself would: as the main module of this process."""

from __future__ import annotations

import builtins
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any


def run_file(file: str | Path, *, keep: bool = False) -> None:
    """As `python FILE` runs it: `__file__` is absolute, and otherwise as it was given. `sys.argv` and
    `sys.path` are left to the caller.

    `keep`: the script stays the main module when it has ended, as handlers at exit expect. For the caller
    that runs nothing after it.
    """
    path = os.path.join(os.getcwd(), file)
    code = compile(Path(path).read_bytes(), path, "exec", dont_inherit=True)
    loader = SourceFileLoader("__main__", path)
    with _main_module(keep, __file__=path, __cached__=None, __loader__=loader) as module:
        exec(code, vars(module))


def run_module(spec: ModuleSpec, *, keep: bool = False) -> None:
    """As `python -m MODULE` runs it. `spec`: as `find_module` gives it; `keep`: as in `run_file`."""
    code = _code_of(spec)
    assert code is not None  # find_module has seen it
    names = {"__file__": spec.origin, "__cached__": spec.cached, "__loader__": spec.loader, "__spec__": spec}
    with _main_module(keep, **names, __package__=spec.parent) as module:
        exec(code, vars(module))


def find_module(name: str) -> ModuleSpec | None:
    """The module that `python -m NAME` runs: of a package its `__main__`. None where there is none."""
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
    except ModuleNotFoundError as error:
        # A parent package that is not there; what is missing inside of one that is there is its own error.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        return None
    return None if spec is None or _code_of(spec) is None else spec


def run_function(function: Callable[[], Any], *, keep: bool = False) -> None:
    """As the script that pip makes of an entry point runs it: a whole number that it returns is the exit
    code. Other values, as a trained model, are no error here."""
    with _main_module(keep):
        code = function()
    if isinstance(code, int):
        sys.exit(code)


def _code_of(spec: ModuleSpec) -> CodeType | None:
    get_code: Callable[[str], CodeType | None] | None = getattr(spec.loader, "get_code", None)
    return None if get_code is None else get_code(spec.name)


@contextmanager
def _main_module(keep: bool, **names: Any) -> Iterator[ModuleType]:
    module = ModuleType("__main__")
    vars(module).update(
        {"__builtins__": builtins, "__annotations__": {}, "__package__": None, "__spec__": None, **names}
    )
    before = {name: sys.modules.get(name) for name in _MAIN}
    # Processes that are spawned know the main module by the second name, and send back its classes by it.
    sys.modules.update(dict.fromkeys(_MAIN, module))
    _alive.append(module)
    try:
        yield module
    finally:
        if not keep:
            for name, old in before.items():
                if old is None:
                    sys.modules.pop(name, None)
                else:
                    sys.modules[name] = old


_MAIN = ("__main__", "__mp_main__")
_alive: list[ModuleType] = []
"""Main modules that have ended: objects with a `__del__` and threads still find their globals."""
