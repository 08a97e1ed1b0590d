"""The call site of a loss: the lines from the one that computes it to the function that trains.

One criterion may compute several losses (of a discriminator and a generator, say), which the lines that call
it distinguish. Lines outside the function that trains are ignored: a loss stays the same whichever code calls
that function. The function that trains is the innermost one that both computes the loss, directly or through
other functions, and calls `backward`. It is known after the first backward pass.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import zlib
from collections.abc import Collection, Sequence
from functools import lru_cache
from types import CodeType, FrameType
from typing import NamedTuple

import torch

Line = tuple[str, int, int]
"""A file name, a line number, and an instruction; -1 for code that torch.compile generates."""
CallSite = tuple[Line, ...]
"""The lines from the one that computes the loss outwards, each line once."""
Function = tuple[str, str]
"""A file name and a function name."""


class Call(NamedTuple):
    """One call on the stack."""

    line: Line
    function: Function


Stack = tuple[Call, ...]
"""The calls of the script and of libraries other than torch, innermost first."""


def calls_on_stack(stop: Collection[Function] = (), *, caller: CodeType | None = None) -> Stack:
    """The calls that lead to the current line.

    Args:
        stop: functions at which the stack ends. The call of such a function is the last one.
        caller: code of the worker at which the stack ends. Its own call is not included.
    """
    calls: list[Call] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code is caller:
            break
        if not code.co_filename.startswith(_IGNORED_PATHS):
            call = _call_of(frame)
            calls.append(call)
            if call.function in stop:
                break
        frame = frame.f_back
    return tuple(calls)


def call_site_of(stack: Sequence[Call]) -> CallSite:
    """The lines of a stack. A recursive line counts once."""
    return tuple(dict.fromkeys(call.line for call in stack))


def function_that_trains(loss: Stack, backward: Stack) -> Function | None:
    """The innermost function that was running when the loss was computed and still runs when `backward` is
    called; None if there is none."""
    common = None
    for loss_call, backward_call in zip(reversed(loss), reversed(backward), strict=False):
        if loss_call.function != backward_call.function:
            break
        common = loss_call.function
        # The function has moved to another line, so that the calls inside it are other ones.
        if loss_call.line != backward_call.line:
            break
    return common


def up_to(stack: Stack, functions: Collection[Function]) -> Stack | None:
    """The calls of a stack from the innermost to the first of one of `functions`; None if there is none."""
    last = next((number for number, call in enumerate(stack) if call.function in functions), None)
    return None if last is None else stack[: last + 1]


Place = tuple[CodeType | int, ...]
"""The code and the instruction of each call of the script, innermost first."""


def place_of_call(stop: Collection[Function], kinds: dict[CodeType, int]) -> Place:
    """The place of the current call, up to the first function of `stop`. Faster than `calls_on_stack`.

    `kinds`: filled here. Empty for a new `stop`.
    """
    place: list[CodeType | int] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        kind = kinds.get(code)
        if kind is None:
            kind = kinds[code] = _kind_of(frame, stop)
        if kind != _IGNORED:
            place += (code, frame.f_lasti)
            if kind == _LAST:
                break
        frame = frame.f_back
    return tuple(place)


def script_line() -> str | None:
    """The innermost line of the script's own code, for people; None if there is none.

    Code of installed packages is not the script's own.
    """
    for call in calls_on_stack():
        file, line, _ = call.line
        if not any(part in _paths[file] for part in _INSTALLED):
            return f"{file}:{line}"
    return None


def digest_of(file: str) -> str:
    """The checksum of a file of the script, given by its name without folders; empty if it is unreadable."""
    try:
        with open(_paths[file], "rb") as opened:
            return f"{zlib.crc32(opened.read()):08x}"
    except (KeyError, OSError):
        return ""


def _kind_of(frame: FrameType, stop: Collection[Function]) -> int:
    if frame.f_code.co_filename.startswith(_IGNORED_PATHS):
        return _IGNORED
    return _LAST if _call_of(frame).function in stop else _COUNTED


def _call_of(frame: FrameType) -> Call:
    function, is_generated = _function_of(frame.f_code)
    return Call((function[0], frame.f_lineno, -1 if is_generated else frame.f_lasti), function)


@lru_cache(maxsize=4096)
def _function_of(code: CodeType) -> tuple[Function, bool]:
    """The function of the code, and whether torch.compile generated it."""
    file = _file_name(code.co_filename)
    return (file, getattr(code, "co_qualname", code.co_name)), _is_generated(code)


@lru_cache(maxsize=1024)
def _file_name(path: str) -> str:
    name = os.path.basename(path)
    _paths[name] = path
    return name


def _is_generated(code: CodeType) -> bool:
    """Whether torch.compile generated the code. Its instructions differ for each input shape."""
    return code.co_name.startswith("torch_dynamo") or any(
        name.startswith("__compiled_fn") for name in code.co_names
    )


_IGNORED, _COUNTED, _LAST = range(3)
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_paths: dict[str, str] = {}
"""The paths of the files by their names."""
_IGNORED_PATHS = (
    os.path.dirname(torch.__file__) + os.sep,
    os.path.dirname(os.path.dirname(os.path.dirname(__file__))) + os.sep,
    contextlib.__file__,
    functools.__file__,
    "<eval_with_key>",
    "<frozen ",
)
