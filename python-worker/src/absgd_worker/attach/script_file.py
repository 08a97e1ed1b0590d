"""Runs a file as `python FILE` does."""

from __future__ import annotations

import builtins
import os
import sys
from pathlib import Path
from types import ModuleType


def run_file(file: Path) -> None:
    """As the main module, whose `__file__` is absolute. `sys.argv` and `sys.path` are the caller's affair."""
    path = os.path.abspath(file)
    code = compile(Path(path).read_bytes(), path, "exec", dont_inherit=True)
    module = ModuleType("__main__")
    vars(module).update(
        __builtins__=builtins, __file__=path, __cached__=None, __annotations__={}, __package__=None
    )
    before = sys.modules["__main__"]
    sys.modules["__main__"] = module
    _alive.append(module)
    try:
        exec(code, vars(module))
    finally:
        sys.modules["__main__"] = before


_alive: list[ModuleType] = []
"""What a script leaves behind, handlers at exit and objects with a `__del__`, still finds its globals."""
