"""Forks processes that have torch and the worker's modules imported: `server.py SOCKET SOURCE`. Linux only. Ends with its stdin.

Each connection is one process: client.py sends its arguments, environment, folder and descriptors, and
receives the pid of the fork, at the end its wait status. The fork runs the module or file exactly as an
interpreter would, from `__main__` to its exit.
"""

import atexit
import builtins
import fcntl
import gc
import importlib
import io
import os
import runpy
import select
import signal
import socket
import sys
import threading
from contextlib import suppress
from types import ModuleType
from typing import NoReturn

F_SETOWN, F_SETSIG = 8, 10
# A module that runs as `__main__` must not have been imported under another name.
MAINS = ("absgd_worker.serve", "absgd_worker.run")
# The first optimizer of a process imports torch's compiler, which takes seconds.
IMPORTED_LATER = ("torch._dynamo",)


class Job:
    """The request of a client: its arguments, environment, folder, descriptors, and its own pid."""

    def __init__(self, body: bytes, descriptors: list[int]) -> None:
        folder, umask, pid, ignored, count, *rest = body.split(b"\0")
        self.folder, self.umask, self.pid = folder, int(umask), int(pid)
        self.ignored = [int(number) for number in ignored.split()]
        self.arguments = [os.fsdecode(argument) for argument in rest[: int(count)]]
        self.environment = dict(variable.split(b"=", 1) for variable in rest[int(count) :])
        self.descriptors = descriptors


def serve(address: str) -> Job:
    """Forks for every client. Returns in each fork, with what it is to run."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(address)
    listener.listen(128)
    # Clients may connect from here on; they wait for the imports.
    _import_worker()
    ended, wake = os.pipe()
    os.set_blocking(ended, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    clients: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([0, listener, ended], [], [])
        if 0 in ready:
            # Whoever started this server is gone.
            os._exit(0)
        if ended in ready:
            os.read(ended, 4096)
            _report_ends(clients)
        if listener not in ready:
            continue
        connection, _ = listener.accept()
        job = _receive(connection)
        if job is None:
            connection.close()
            continue
        pid = os.fork()
        if pid == 0:
            for opened in (listener, connection, *clients.values()):
                opened.close()
            signal.set_wakeup_fd(-1)
            os.close(ended)
            os.close(wake)
            return job
        clients[pid] = connection
        for descriptor in job.descriptors:
            os.close(descriptor)
        _send(connection, pid)


def become(job: Job) -> None:
    """Makes this fork the process that the client stands for."""
    os.setsid()
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if number < signal.SIGRTMIN:
            signal.signal(number, signal.SIG_IGN if number in job.ignored else signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    if signal.SIGINT not in job.ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    *standard, lifeline = job.descriptors
    for target, descriptor in enumerate(standard):
        os.dup2(descriptor, target)
        os.close(descriptor)
    _die_with(lifeline)
    os.chdir(job.folder)
    os.umask(job.umask)
    os.environ.clear()
    os.environb.update(job.environment)
    _take_pid(job.pid)
    _open_streams(unbuffered=bool(os.environ.get("PYTHONUNBUFFERED")))
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    importlib.invalidate_caches()
    # An interpreter seeds this at random when it starts; `random` seeds itself again in every fork.
    sys.modules["torch"].seed()


def run(job: Job, library: list[str]) -> None:
    """Runs the module or file as `__main__`. `library`: the interpreter's own part of `sys.path`."""
    paths = [os.path.abspath(path) for path in os.environ["PYTHONPATH"].split(":") if path]
    main = sys.modules["__main__"] = ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    sys.orig_argv = [sys.executable, *job.arguments]
    if job.arguments[0] == "-m":
        sys.path[:] = [os.getcwd(), *paths, *library]
        sys.argv = ["-m", *job.arguments[2:]]
        runpy._run_module_as_main(job.arguments[1])
    else:
        file = job.arguments[0]
        sys.path[:] = [os.path.dirname(os.path.realpath(file)), *paths, *library]
        sys.argv = list(job.arguments)
        with io.open_code(os.path.abspath(file)) as source:
            code = compile(source.read(), file, "exec", dont_inherit=True)
        main.__dict__.update(__file__=file, __cached__=None)
        exec(code, main.__dict__)


def exit_code(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1


def leave(code: int) -> NoReturn:
    """Ends as the interpreter does, without destroying every module, which takes longer than many tests."""
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 120
    os._exit(code & 0xFF)


def _import_worker() -> None:
    for name in (*MAINS, *IMPORTED_LATER):
        importlib.import_module(name)
    package = sys.modules["absgd_worker"]
    for name in MAINS:
        del sys.modules[name]
        delattr(package, name.rpartition(".")[2])
    gc.collect()
    # Pages that the collector does not touch stay shared.
    gc.freeze()


def _receive(connection: socket.socket) -> Job | None:
    """None where the client was gone before it had said what to run."""
    data, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 4)
    while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
        more = connection.recv(1 << 16)
        if not more:
            for descriptor in descriptors:
                os.close(descriptor)
            return None
        data += more
    return Job(data[4:], descriptors)


def _report_ends(clients: dict[int, socket.socket]) -> None:
    while clients:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        connection = clients.pop(pid)
        _send(connection, status)
        connection.close()


def _send(connection: socket.socket, number: int) -> None:
    # The client may have been killed, and with it the fork.
    with suppress(OSError):
        connection.sendall(number.to_bytes(8, "big"))


def _die_with(lifeline: int) -> None:
    """The kernel sends SIGKILL to this process when the client, which has the other end of the pipe, dies,
    before the parent of the client can notice."""
    fcntl.fcntl(lifeline, F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    gone = select.poll()
    gone.register(lifeline, select.POLLIN)
    if gone.poll(0):
        os.kill(os.getpid(), signal.SIGKILL)


def _take_pid(pid: int) -> None:
    """Makes this process name itself by the pid of its client. What it forks has a pid of its own."""
    getpid, kill, own = os.getpid, os.kill, os.getpid()

    def restore() -> None:
        os.getpid, os.kill = getpid, kill

    os.getpid = lambda: pid
    # A process that kills itself executes nothing more.
    os.kill = lambda target, number: kill(own if target == pid else target, number)
    os.register_at_fork(after_in_child=restore)


def _open_streams(*, unbuffered: bool) -> None:
    """Opens the standard streams like the interpreter does when it starts."""

    def text(descriptor: int, **options: object) -> io.TextIOWrapper:
        mode = "rb" if descriptor == 0 else "wb"
        raw = open(descriptor, mode, buffering=0 if unbuffered and descriptor else -1, closefd=False)
        lines = descriptor == 2 or (os.isatty(descriptor) and not unbuffered)
        through = unbuffered and descriptor != 0
        stream = io.TextIOWrapper(
            raw, encoding="utf-8", line_buffering=lines, write_through=through, **options
        )
        stream.mode = mode[0]
        return stream

    sys.stdin = sys.__stdin__ = text(0)
    sys.stdout = sys.__stdout__ = text(1, newline="\n")
    sys.stderr = sys.__stderr__ = text(2, newline="\n", errors="backslashreplace")


ADDRESS, SOURCE = sys.argv[1:]
LIBRARY = [path for path in sys.path[1:] if path != SOURCE]
KEPT = sys.modules["__main__"]
JOB = serve(ADDRESS)
become(JOB)
try:
    run(JOB, LIBRARY)
    leave(0)
except SystemExit as end:
    leave(exit_code(end))
except KeyboardInterrupt:
    sys.excepthook(*sys.exc_info())
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)
except BaseException:
    sys.excepthook(*sys.exc_info())
    leave(1)
