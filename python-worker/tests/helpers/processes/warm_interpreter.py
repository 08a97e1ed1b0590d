"""Python processes that need not import torch: forks of one warm process, which run as `python` would. That
process is the fork server of `absgd run`.

A fork differs from a fresh interpreter in what is imported before the program begins (torch and its
compiler) and in that modules are not destroyed at its end. Options of the interpreter (`-u`, `-X`, …) are not
known. Where these matter, start `sys.executable` with subprocess.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from absgd_worker.fork_server.request import Request, encode
from project import SOURCE

PATIENCE = 120.0
"""Seconds after which a process is taken to hang."""

_alive: list[int] = []
"""The descriptor that keeps the warm process alive, once this process has it."""


class WarmProcess:
    """What `subprocess.Popen([sys.executable, *arguments])` is, for a fork of the warm process.

    Attributes: `pid`, and `returncode`, which is None until the end was waited for.
    Arguments: `stdin`, `stdout`, `stderr`: open files or descriptors; nothing is read by default, and what is
    printed is kept for `communicate`. `env` replaces the environment. `file_limit`: no file may become larger
    than this many bytes, as on a full disk. `keeps_package`: absgd_worker may be imported already.
    `constants`: values for constants of modules by their full names, such as time-outs that a test waits for.
    """

    def __init__(
        self,
        *arguments: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: IO | int | None = None,
        stdout: IO | int | None = None,
        stderr: IO | int | None = None,
        new_session: bool = False,
        file_limit: int | None = None,
        keeps_package: bool = False,
        constants: Mapping[str, float] | None = None,
    ) -> None:
        if arguments[0].startswith("-") and arguments[0] not in ("-c", "-m"):
            raise ValueError(f"{arguments[0]} is an option that only a fresh interpreter takes")
        self.arguments = arguments
        self.returncode: int | None = None
        self._printed = (tempfile.TemporaryFile(), tempfile.TemporaryFile())  # noqa: SIM115
        with open(os.devnull, "rb") as nothing:
            files = [
                _descriptor(given, default)
                for given, default in zip((stdin, stdout, stderr), (nothing, *self._printed), strict=True)
            ]
            options = {
                **({"session": "1"} if new_session else {}),
                **({} if file_limit is None else {"file_limit": str(file_limit)}),
                **({} if keeps_package else {"forget": "absgd_worker"}),
                **{name: str(value) for name, value in (constants or {}).items()},
            }
            given = os.environ if env is None else env
            request = Request(
                arguments=list(arguments),
                environment={os.fsencode(name): os.fsencode(value) for name, value in given.items()},
                directory=str(cwd or Path.cwd()),
                ignored=[signal.SIGINT] if signal.getsignal(signal.SIGINT) is signal.SIG_IGN else [],
                options=options,
            )
            self._connection = _connected()
            body = encode(request)
            sent = socket.send_fds(self._connection, [body], files)
            self._connection.sendall(body[sent:])
        self.pid = self._answer("pid", PATIENCE)

    def poll(self) -> int | None:
        """The exit code, if it has ended; the negative number of the signal that ended it."""
        if self.returncode is None and select.select([self._connection], [], [], 0)[0]:
            return self.wait()
        return self.returncode

    def wait(self, timeout: float = PATIENCE) -> int:
        """The exit code. Raises TimeoutExpired after `timeout` seconds."""
        if self.returncode is None:
            try:
                self.returncode = os.waitstatus_to_exitcode(self._answer("ended", timeout))
            except TimeoutError:
                raise subprocess.TimeoutExpired(self.arguments, timeout, *map(_text, self._printed)) from None
            self._connection.close()
        return self.returncode

    def communicate(self, timeout: float = PATIENCE) -> tuple[str, str]:
        """Waits for the end. Returns what was printed on standard output and error."""
        self.wait(timeout)
        out, err = map(_text, self._printed)
        return out, err

    def kill(self) -> None:
        """Kills it, and waits for that."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def _answer(self, name: str, timeout: float) -> int:
        given, _, number = self._line(timeout).decode().partition(" ")
        assert given == name, f"the warm process answered {given} {number}"
        return int(number)

    def _line(self, timeout: float) -> bytes:
        """One line of what the warm process replies, and nothing of the next."""
        self._connection.settimeout(timeout)
        line = b""
        while not line.endswith(b"\n"):
            received = self._connection.recv(1)
            assert received, "the warm process is gone"
            line += received
        return line


def run_python(
    *arguments: str, check: bool = False, timeout: float = PATIENCE, **settings: object
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run([sys.executable, *arguments], capture_output=True, text=True)`.

    `settings`: those of `WarmProcess`.
    """
    process = WarmProcess(*arguments, **settings)  # type: ignore[arg-type]
    try:
        out, err = process.communicate(timeout)
    finally:
        process.kill()
    done = subprocess.CompletedProcess([sys.executable, *arguments], process.wait(), out, err)
    if check:
        done.check_returncode()
    return done


def _connected() -> socket.socket:
    """A connection to the warm process, which is started when there is none."""
    place = _place()
    if not _alive:
        with open(place / "lock", "w") as lock:
            # The processes of a test run share one.
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                # Impossible where nobody reads: no server is there.
                _alive.append(os.open(place / "alive", os.O_WRONLY | os.O_NONBLOCK))
            except OSError:
                _start(place)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(place / "socket"))
    return connection


def _place() -> Path:
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    place = Path(tempfile.gettempdir()) / f"absgd-warm-{os.getuid()}-{run[:12]}"
    place.mkdir(mode=0o700, exist_ok=True)
    return place


def _start(place: Path) -> None:
    """Starts the warm process, whose stdin ends once all processes of the test run have ended."""
    for name in ("socket", "alive"):
        (place / name).unlink(missing_ok=True)
    os.mkfifo(place / "alive", 0o600)
    # Opened for both, because a pipe that is opened for writing waits for its reader.
    _alive.append(os.open(place / "alive", os.O_RDWR))
    server = Path(__file__).with_name("warm_server.py")
    with open(place / "output", "wb") as output, open(place / "alive", "rb", buffering=0) as alive:
        process = subprocess.Popen(
            [sys.executable, str(server), str(place / "socket")],
            stdin=alive,
            stdout=subprocess.PIPE,
            stderr=output,
            env={**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
    assert process.stdout is not None
    with process.stdout as ready:
        assert ready.readline() == b"ready\n", (place / "output").read_text()


def _descriptor(given: IO | int | None, default: IO) -> int:
    if isinstance(given, int):
        return given
    return (default if given is None else given).fileno()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
