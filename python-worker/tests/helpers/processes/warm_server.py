"""The fork server of `absgd run`, with what tests ask for: `warm_server.py SOCKET`. Ends with its stdin.

Started by `warm_interpreter.py`.
"""

from __future__ import annotations

import importlib
import os
import resource
import shutil
import sys
from typing import Any

from absgd_worker.fork_server.__main__ import IMPORTED_LATER, PROGRAMS
from absgd_worker.fork_server.interpreter import become, library_path
from absgd_worker.fork_server.request import Request
from absgd_worker.fork_server.server import import_all, listen, serve


def prepare(request: Request) -> None:
    """Options: `session`, `file_limit` in bytes, `forget` a package; constants of modules by their names."""
    options = dict(request.options)
    if options.pop("session", ""):
        os.setsid()
    if limit := options.pop("file_limit", ""):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit),) * 2)
    _forget(options.pop("forget", ""))
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdecimal():
        sys.modules["torch"].set_num_threads(int(threads))
    for name, value in options.items():
        _set_constant(name, float(value))


def _set_constant(name: str, value: float) -> None:
    """Sets a constant of a module, in the courier of this process as well if it uses the module."""
    module, _, constant = name.rpartition(".")
    setattr(importlib.import_module(module), constant, value)
    if ".link.courier." in name:
        starter: Any = importlib.import_module("absgd_worker.link.courier_process")
        starter.BOOTSTRAP = starter.BOOTSTRAP.replace(
            "sys.exit(main", f"import {module}\n{name} = {value!r}\nsys.exit(main"
        )


def _forget(package: str) -> None:
    """Makes the next import of the package read it from its files, as in a fresh interpreter."""
    for name in [*sys.modules]:
        if package and name.partition(".")[0] == package:
            del sys.modules[name]


def main(path: str) -> None:
    library = library_path()
    import_all(IMPORTED_LATER, PROGRAMS)
    listener = listen(path)
    print("ready", flush=True)
    request = serve(listener)
    if request is not None:
        become(request, library, prepare)
    shutil.rmtree(os.path.dirname(path), ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
    os._exit(0)
