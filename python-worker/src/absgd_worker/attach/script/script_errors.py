"""Prints the exception of a script like Python, without the frames of this package above the script."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

from absgd_worker.errors import WorkerError


def show_error(error: BaseException) -> None:
    """Prints the traceback with `sys.excepthook`, which may be the script's own.

    Afterwards the interpreter prints nothing more for this error.
    """
    # Python's own hook prints the traceback of the error, whatever its argument is.
    error.__traceback__ = script_traceback(error)
    sys.excepthook(type(error), error, error.__traceback__)
    sys.excepthook = _nothing


def script_traceback(error: BaseException) -> TracebackType | None:
    """The traceback from the first frame of the script on; all of it if there is no such frame.

    The traceback of an error of this package ends where the script called this package.
    """
    frames: list[TracebackType] = []
    tb = error.__traceback__
    while tb is not None:
        frames.append(tb)
        tb = tb.tb_next
    theirs = [index for index, frame in enumerate(frames) if not _is_ours(frame)]
    if not theirs:
        return error.__traceback__
    last = theirs[-1] if isinstance(error, WorkerError) else len(frames) - 1
    result: TracebackType | None = None
    for frame in reversed(frames[theirs[0] : last + 1]):
        result = TracebackType(result, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return result


def _is_ours(tb: TracebackType) -> bool:
    file = tb.tb_frame.f_code.co_filename
    return file.startswith(("<frozen importlib", "<frozen runpy")) or _PACKAGE in Path(file).parents


def _nothing(*_args: object) -> None:
    pass


_PACKAGE = Path(__file__).parents[2]
