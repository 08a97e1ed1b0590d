"""Where in a script a loss is used: the lines from the one that computes it to the function that trains.

A criterion may serve several losses, as of a discriminator and of its generator: the lines that call it tell
them apart. Lines above the function that trains do not count: it is the same loss whoever calls that
function. The function that trains is the innermost one that both computes the loss, itself or by others, and
calls `backward`; it is known after the first backward pass.
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
"""A file's name, a line, and the instruction in it; -1 where code is made anew, as by torch.compile."""
Place = tuple[Line, ...]
"""From the line that computes the loss outwards, each line once."""
Function = tuple[str, str]
"""A file's name, and the function's own."""


class Call(NamedTuple):
    """One call on the stack."""

    line: Line
    function: Function


Stack = tuple[Call, ...]
"""Calls of the script's code, and of libraries other than torch; the innermost first."""


def calls_on_stack(stop: Collection[Function] = (), *, within: CodeType | None = None) -> Stack:
    """The calls that led here.

    Args:
        stop: functions behind which the stack is not followed; the call of one is the last.
        within: code of our own, behind which the stack is not followed either.
    """
    found: list[Call] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code is within:
            break
        if not code.co_filename.startswith(_NOT_THE_SCRIPTS):
            call = _call_of(frame)
            found.append(call)
            if call.function in stop:
                break
        frame = frame.f_back
    return tuple(found)


def place_of(stack: Sequence[Call]) -> Place:
    """The lines of a stack. A line that calls itself again counts once, however deep it goes."""
    return tuple(dict.fromkeys(call.line for call in stack))


def function_that_trains(loss: Stack, backward: Stack) -> Function | None:
    """The innermost function that was active when a loss was computed, and still is when `backward` is
    called; None where there is none."""
    common = None
    for one, other in zip(reversed(loss), reversed(backward), strict=False):
        if one.function != other.function:
            break
        common = one.function
        # A function that has moved on to another line calls others from there.
        if one.line != other.line:
            break
    return common


def up_to(stack: Stack, functions: Collection[Function]) -> Stack | None:
    """The calls of a stack from the innermost one to the first that is of `functions`; None without any."""
    last = next((number for number, call in enumerate(stack) if call.function in functions), None)
    return None if last is None else stack[: last + 1]


def script_line() -> str | None:
    """The innermost line of the script's own code, outside of installed packages, for people; None where
    there is none."""
    for call in calls_on_stack():
        file, line, _ = call.line
        if not any(part in _paths[file] for part in _INSTALLED):
            return f"{file}:{line}"
    return None


def digest_of(file: str) -> str:
    """A checksum of a file of the script, by its name alone; empty where it cannot be read."""
    try:
        with open(_paths[file], "rb") as opened:
            return f"{zlib.crc32(opened.read()):08x}"
    except (KeyError, OSError):
        return ""


def _call_of(frame: FrameType) -> Call:
    code = frame.f_code
    file = _file_name(code.co_filename)
    at = -1 if _is_made_anew(code) else frame.f_lasti
    return Call((file, frame.f_lineno, at), (file, getattr(code, "co_qualname", code.co_name)))


@lru_cache(maxsize=1024)
def _file_name(path: str) -> str:
    name = os.path.basename(path)
    _paths[name] = path
    return name


def _is_made_anew(code: CodeType) -> bool:
    """Whether torch.compile has written it, whose instructions are others with every shape."""
    return code.co_name.startswith("torch_dynamo") or any(
        name.startswith("__compiled_fn") for name in code.co_names
    )


_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_paths: dict[str, str] = {}
"""Where the files are, by their names."""
_NOT_THE_SCRIPTS = (
    os.path.dirname(torch.__file__) + os.sep,
    os.path.dirname(os.path.dirname(os.path.dirname(__file__))) + os.sep,
    contextlib.__file__,
    functools.__file__,
    "<eval_with_key>",
    "<frozen ",
)
