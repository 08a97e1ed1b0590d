"""Ends the process of a worker without the interpreter's own teardown.

That teardown visits every object of torch and its compiler: 2 s in which somebody waits for the prompt.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import fcntl
import gc
import io
import os
import stat
import sys
import sysconfig
import threading
from itertools import compress
from typing import NoReturn


def end_process(code: int) -> NoReturn:
    """Does what an interpreter does before it ends, except to destroy the objects of libraries: waits for
    threads that are no daemons, calls what is registered with `atexit`, destroys what the user's modules hold
    (an open archive writes its end then), and writes what open files still hold in memory.
    """
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        _clear_modules_of_user()
        if _has_open_files():
            _flush_open_files()
        # Files that libraries have opened by the functions of C.
        ctypes.CDLL(None).fflush(None)
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _clear_modules_of_user() -> None:
    """Removes the contents of modules that neither the interpreter nor a package has installed."""
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    installed = (own + os.sep, sysconfig.get_path("stdlib") + os.sep)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name == "__main__" or not isinstance(file, str):
            continue
        path = os.path.abspath(file)
        if not path.startswith(installed) and not any(folder in path for folder in _PACKAGES):
            vars(module).clear()


def _has_open_files() -> bool:
    """Whether a file is open for writing, other than stdout and stderr."""
    try:
        descriptors = [int(name) for name in os.listdir("/dev/fd")]
    except OSError:
        return True
    return any(descriptor > 2 and _is_written(descriptor) for descriptor in descriptors)


def _is_written(descriptor: int) -> bool:
    try:
        mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
        return mode != os.O_RDONLY and stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        # Closed since: it was that of the list itself.
        return False


def _flush_open_files() -> None:
    objects = gc.get_objects()
    # Without a loop in Python, because there are hundreds of thousands of objects.
    files = list(compress(objects, map(FILES.__contains__, map(type, objects))))
    # Text first: it is written into the buffer below it.
    for file in sorted(files, key=lambda one: not isinstance(one, io.TextIOWrapper)):
        with contextlib.suppress(Exception):
            file.flush()


FILES = frozenset((io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom))
_PACKAGES = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))
