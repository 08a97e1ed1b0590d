"""Takes requests over a Unix socket, and forks for each.

The answer to a request is lines: `pid N` and later `ended STATUS`, the wait status of the process N; or
`refused REASON`. Whoever asked keeps the connection until then.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Sequence

from absgd_worker.fork_server.request import Request, receive

REQUEST_SECONDS = 10.0
"""A client sends its request at once; others must not wait for one that hangs."""


def import_all(modules: Sequence[str], programs: Sequence[str]) -> None:
    """Imports modules, and what programs import. The programs themselves are forgotten: a fork runs one as
    `__main__`, under which name it must not have been imported before."""
    for name in (*modules, *programs):
        importlib.import_module(name)
    for name in programs:
        package, _, own = name.rpartition(".")
        del sys.modules[name]
        delattr(sys.modules[package], own)
    # Memory that no collection touches stays shared between the forks.
    gc.collect()
    gc.freeze()


def listen(path: str) -> socket.socket:
    """A socket that only the owner of this process can connect to."""
    before = os.umask(0o177)
    try:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
    finally:
        os.umask(before)
    listener.listen(128)
    return listener


def serve(
    listener: socket.socket, *, alive: int = 0, objection: Callable[[Request], str] = lambda _: ""
) -> Request | None:
    """Forks for every request. Returns its request in each fork, and None in the server at its end.

    Args:
        alive: a descriptor that ends when the process ends for which this server is there.
        objection: why a request is refused; empty if it is not.
    """
    # The processes that wait for a fork need not be waited for themselves.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([alive, listener], [], [])
        if alive in ready and not os.read(alive, 4096):
            return None
        if listener not in ready:
            continue
        connection, _ = listener.accept()
        connection.settimeout(REQUEST_SECONDS)
        try:
            request = receive(connection)
        except (OSError, ValueError) as error:
            request = None
            _answer(connection, f"refused {error}")
        if request is None:
            connection.close()
            continue
        reason = objection(request)
        if reason:
            _answer(connection, f"refused {reason}")
        elif _fork(connection) == 0:
            # A program must not hold what belongs to the server.
            listener.close()
            _close_input(alive)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if _fork_and_report(connection, request) == 0:
                return request
        connection.close()
        for file in request.files:
            os.close(file)


def _fork(connection: socket.socket) -> int | None:
    """As `os.fork`; None if that is impossible, which is answered."""
    try:
        return os.fork()
    except OSError as error:
        _answer(connection, f"refused {error}")
        return None


def _fork_and_report(connection: socket.socket, request: Request) -> int:
    """Forks, and returns 0 in the fork. This process only waits for its end, reports it, and ends."""
    # Signals for the server, or for all of a terminal, are not for this process.
    os.setsid()
    pid = _fork(connection)
    if pid == 0:
        connection.close()
        return 0
    if pid is None:
        os._exit(1)
    for file in request.files:
        os.close(file)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    # The fork is also waited for if the client is gone: in a container, init may not do it.
    _answer(connection, f"pid {pid}")
    _, status = os.waitpid(pid, 0)
    _answer(connection, f"ended {status}")
    os._exit(0)


def _close_input(alive: int) -> None:
    """Gives the descriptor of the server's owner back: standard input is nothing instead."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, alive)
    os.close(null)


def _answer(connection: socket.socket, line: str) -> None:
    # The client may be gone.
    with contextlib.suppress(OSError):
        connection.sendall(f"{line}\n".encode())
