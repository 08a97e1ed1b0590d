"""Makes a fork behave as a fresh interpreter that has imported torch: from its streams to its end."""

from __future__ import annotations

import atexit
import importlib
import io
import os
import random
import runpy
import signal
import sys
import threading
from collections.abc import Callable
from importlib.machinery import BuiltinImporter, SourceFileLoader
from multiprocessing.process import current_process
from types import ModuleType, TracebackType
from typing import Any, NoReturn

from absgd_worker.fork_server.request import Request


def become(request: Request, library: list[str], prepare: Callable[[Request], None]) -> NoReturn:
    """Runs the program of the request in this fork, and ends as it ends.

    Args:
        library: the interpreter's own part of `sys.path` (`library_path`).
        prepare: called before the program begins, with the program's environment and streams in place.
    """
    _take_files(request)
    _reset_signals(request.ignored)
    unbuffered = bool(request.environment.get(b"PYTHONUNBUFFERED"))
    _open_standard_streams(unbuffered=unbuffered)
    os.chdir(request.directory)
    os.environ.clear()
    os.environb.update(request.environment)
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    extra = [os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:] = [*extra, *library]
    sys.orig_argv = [sys.executable, *request.arguments]
    importlib.invalidate_caches()
    _reseed()
    prepare(request)
    _end(_exit_code(request.arguments))


def library_path() -> list[str]:
    """The part of `sys.path` that neither PYTHONPATH nor the program of this process has put there."""
    given = {os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry}
    own = [] if getattr(sys.flags, "safe_path", False) else sys.path[:1]
    return [entry for entry in sys.path[len(own) :] if entry not in given]


def _take_files(request: Request) -> None:
    if request.output:
        out = os.open(request.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        files = [os.open(os.devnull, os.O_RDONLY), out, os.dup(out)]
    else:
        files = request.files[:3]
    for target, file in enumerate(files):
        os.dup2(file, target)
        os.close(file)


def _reset_signals(ignored: list[int]) -> None:
    """As an interpreter has them that another process has started."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        # Real-time signals are numbered above the others, where the system has any.
        if number < getattr(signal, "SIGRTMIN", signal.NSIG):
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    if signal.SIGINT not in ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _open_standard_streams(*, unbuffered: bool) -> None:
    """Opens the streams anew: what the server has printed must not be written again by a fork."""
    for name, file in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        before = getattr(sys, f"__{name}__")
        raw = io.FileIO(file, "r" if file == 0 else "w", closefd=False)
        raw.name = f"<{name}>"  # type: ignore[misc]
        through = unbuffered and file != 0
        buffer: Any = io.BufferedReader(raw) if file == 0 else raw if through else io.BufferedWriter(raw)
        stream = io.TextIOWrapper(
            buffer,
            encoding=getattr(before, "encoding", None),
            errors=getattr(before, "errors", None),
            newline=None if file == 0 else "\n",
            line_buffering=file == 2 or (raw.isatty() and not through),
            write_through=through,
        )
        stream.mode = "r" if file == 0 else "w"  # type: ignore[misc]
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _reseed() -> None:
    """Draws what an interpreter and libraries draw at random when they start. Touches no accelerator: those
    draw when they are used first."""
    random.seed()
    if (numbers := sys.modules.get("numpy.random")) is not None:
        numbers.seed()
    if (torch := sys.modules.get("torch")) is not None:
        torch.default_generator.seed()
    current_process().authkey = os.urandom(32)


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


def _end(code: int) -> NoReturn:
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


def _without_own_frames(tb: TracebackType | None) -> TracebackType | None:
    while tb is not None and tb.tb_frame.f_code.co_filename == __file__:
        tb = tb.tb_next
    return tb
