"""A process that has imported torch and forks: each fork runs as `python` would, with torch imported already.

Started by `warm_interpreter.py`, as `warm_server.py SOCKET MODULES…`. It ends when all its clients are gone.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import os
import random
import resource
import runpy
import select
import shutil
import signal
import socket
import sys
import threading
from importlib.machinery import BuiltinImporter, SourceFileLoader
from types import ModuleType, TracebackType
from typing import Any

HEADER_BYTES = 8


def serve(path: str, modules: list[str]) -> None:
    base_path = _path_without_own_folder()
    for module in modules:
        importlib.import_module(module)
    # Objects that all forks share are not copied by a collection in one of them.
    gc.collect()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    # The processes that wait for a fork need not be waited for themselves.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    clients: set[socket.socket] = set()
    while True:
        readable, _, _ = select.select([listener, *clients], [], [])
        for ready in readable:
            if ready is listener:
                clients.add(listener.accept()[0])
                continue
            clients.discard(ready)
            received = receive(ready)
            if received is None:
                # The connection that a client keeps open for as long as it lives.
                ready.close()
                if not clients:
                    return
                continue
            request, files = received
            if os.fork() == 0:
                for other in (listener, *clients):
                    other.close()
                _fork_and_wait(ready, request, files, base_path)
            ready.close()
            for file in files:
                os.close(file)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """A request and the file descriptors of standard input, output and error."""
    header, files, _, _ = socket.recv_fds(connection, HEADER_BYTES, 3)
    if not header:
        return None
    size, body = int.from_bytes(header, "little"), b""
    while len(body) < size:
        part = connection.recv(size - len(body))
        if not part:
            # The client died while it sent.
            return None
        body += part
    return json.loads(body), list(files)


def _fork_and_wait(
    connection: socket.socket, request: dict[str, Any], files: list[int], base_path: list[str]
) -> None:
    """Sends the id of the forked process, and its status when it has ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        connection.close()
        _become_interpreter(request, files, base_path)
    for file in files:
        os.close(file)
    try:
        connection.sendall(f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    except OSError:
        # The client is gone: nobody wants to know.
        pass
    os._exit(0)


def _become_interpreter(request: dict[str, Any], files: list[int], base_path: list[str]) -> None:
    for target, file in enumerate(files):
        os.dup2(file, target)
        os.close(file)
    # A process inherits that a signal is ignored.
    interrupted = signal.SIG_IGN if request["ignores_interrupt"] else signal.default_int_handler
    signal.signal(signal.SIGINT, interrupted)
    if request["new_session"]:
        os.setsid()
    if request["file_limit"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_limit"],) * 2)
    _open_standard_streams()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    _forget(request["forget"])
    _reseed()
    arguments = request["arguments"]
    sys.orig_argv = [sys.executable, *arguments]
    extra = [os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:] = [*extra, *base_path]
    importlib.invalidate_caches()
    for name, value in request["constants"].items():
        _set_constant(name, value)
    _end(_exit_code(arguments))


def _set_constant(name: str, value: object) -> None:
    """Sets a constant of a module, in the courier of this process as well if it uses the module."""
    module, _, constant = name.rpartition(".")
    setattr(importlib.import_module(module), constant, value)
    if ".link.courier." in name:
        starter: Any = importlib.import_module("absgd_worker.link.courier_process")
        starter.BOOTSTRAP = starter.BOOTSTRAP.replace(
            "become_independent(); ", f"import {module}; {name} = {value!r}; become_independent(); "
        )


def _exit_code(arguments: list[str]) -> int:
    try:
        _run(arguments)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException as error:
        error.__traceback__ = _without_own_frames(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _run(arguments: list[str]) -> None:
    main = ModuleType("__main__")
    main.__dict__.update(__builtins__=sys.modules["builtins"], __annotations__={}, __loader__=BuiltinImporter)
    sys.modules["__main__"] = main
    if arguments[0] == "-m":
        sys.argv = ["-m", *arguments[2:]]
        sys.path.insert(0, os.getcwd())
        # A module that this process has already imported runs anew.
        sys.modules.pop(arguments[1], None)
        runpy._run_module_as_main(arguments[1])  # type: ignore[attr-defined]
    elif arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        sys.path.insert(0, "")
        exec(compile(arguments[1], "<string>", "exec"), main.__dict__)
    else:
        # Python joins the paths and leaves ".." in them.
        file = os.path.join(os.getcwd(), arguments[0])
        sys.argv = list(arguments)
        sys.path.insert(0, os.path.dirname(os.path.realpath(file)))
        loader = SourceFileLoader("__main__", file)
        main.__dict__.update(__file__=file, __cached__=None, __loader__=loader)
        exec(loader.source_to_code(loader.get_data(file), file), main.__dict__)


def _end(code: int) -> None:
    """Ends as an interpreter does, but destroys no modules."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            if not stream.closed:
                stream.flush()
        except OSError:
            code = code or 120
    if code == -signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code & 0xFF)


def _open_standard_streams() -> None:
    for name, file in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        raw = io.FileIO(file, "r" if file == 0 else "w", closefd=False)
        raw.name = f"<{name}>"  # type: ignore[misc]
        buffer: Any = io.BufferedReader(raw) if file == 0 else io.BufferedWriter(raw)
        stream = io.TextIOWrapper(
            buffer,
            errors="backslashreplace" if file == 2 else "strict",
            line_buffering=file == 2 or raw.isatty(),
        )
        stream.mode = "r" if file == 0 else "w"  # type: ignore[misc]
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _forget(package: str | None) -> None:
    """Makes the next import of the package read it from its files, as in a fresh interpreter."""
    if package is None:
        return
    for name in [*sys.modules]:
        if name.partition(".")[0] == package:
            del sys.modules[name]


def _reseed() -> None:
    """Gives the fork random numbers of its own, and the number of threads that the environment states."""
    random.seed()
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed()
    if (torch := sys.modules.get("torch")) is not None:
        torch.default_generator.seed()
        threads = os.environ.get("OMP_NUM_THREADS", "")
        if threads.isdecimal():
            torch.set_num_threads(int(threads))


def _without_own_frames(tb: TracebackType | None) -> TracebackType | None:
    while tb is not None and tb.tb_frame.f_code.co_filename == __file__:
        tb = tb.tb_next
    return tb


def _path_without_own_folder() -> list[str]:
    """The paths of the standard library and of installed packages."""
    own = {os.path.dirname(os.path.realpath(__file__)), *os.environ.get("PYTHONPATH", "").split(os.pathsep)}
    return [entry for entry in sys.path if entry not in own]


if __name__ == "__main__":
    try:
        serve(sys.argv[1], sys.argv[2:])
    finally:
        shutil.rmtree(os.path.dirname(sys.argv[1]))
