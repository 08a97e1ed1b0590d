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
    """Runs a file like `python FILE`; `__file__` is absolute. The caller sets `sys.argv` and `sys.path`.

    Args:
        keep: the script stays the main module after it has ended, for its handlers at exit. Only for a caller
            that runs nothing afterwards.
    """
    path = os.path.join(os.getcwd(), file)
    code = compile(Path(path).read_bytes(), path, "exec", dont_inherit=True)
    loader = SourceFileLoader("__main__", path)
    with _main_module(keep, __file__=path, __cached__=None, __loader__=loader) as module:
        exec(code, vars(module))


def run_module(spec: ModuleSpec, *, keep: bool = False) -> None:
    """Runs a module like `python -m MODULE`. `spec`: from `find_module`; `keep`: as in `run_file`."""
    code = _code_of(spec)
    assert code is not None  # find_module has checked it
    names = {"__file__": spec.origin, "__cached__": spec.cached, "__loader__": spec.loader, "__spec__": spec}
    with _main_module(keep, **names, __package__=spec.parent) as module:
        exec(code, vars(module))


def find_module(name: str) -> ModuleSpec | None:
    """The module that `python -m NAME` runs, which is `__main__` of a package; None if there is none."""
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
    except ModuleNotFoundError as error:
        # The package does not exist. If an existing package imports a missing module, that is an error.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        return None
    return None if spec is None or _code_of(spec) is None else spec


def run_function(function: Callable[[], Any], *, keep: bool = False) -> None:
    """Runs a function like the script that pip makes of an entry point.

    An integer that it returns is the exit code. Other values, such as a trained model, are no error.
    """
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
    # Spawned processes know the main module by the second name, and pickle its classes with it.
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
"""Main modules that have ended, so that threads and `__del__` methods still find their globals."""
