"""Where in a script a loss is computed: what tells two losses of one step from two micro-batches of one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import CodeType, FrameType
from typing import Any

import torch

_Line = tuple[str, int, int]
"""A file's name, a line, and the instruction in it; -1 where code is made anew, as by torch.compile."""
Place = tuple[_Line, _Line]
"""Of the loss, and of who called the criterion that it is in; the second is empty where it is in none."""


def calling_place() -> Place:
    """Of the innermost frame that is neither torch's nor ours. A criterion may serve several losses, as of a
    discriminator and of its generator: those who call it tell them apart."""
    frame = _scripts(sys._getframe(1))
    if frame is None:
        return (_NOWHERE, _NOWHERE)
    name = frame.f_code.co_name.lower()
    caller = _scripts(frame.f_back) if any(part in name for part in _CRITERIA) else None
    return (_line(frame), _NOWHERE if caller is None else _line(caller))


def _scripts(frame: FrameType | None) -> FrameType | None:
    while frame is not None and frame.f_code.co_filename.startswith(_NOT_THE_SCRIPTS):
        frame = frame.f_back
    return frame


def _line(frame: FrameType) -> _Line:
    code = frame.f_code
    return (os.path.basename(code.co_filename), frame.f_lineno, -1 if _is_made_anew(code) else frame.f_lasti)


def _is_made_anew(code: CodeType) -> bool:
    """Whether torch.compile has written it, whose instructions are others with every shape."""
    return code.co_name.startswith("torch_dynamo") or any(
        name.startswith("__compiled_fn") for name in code.co_names
    )


class Names:
    """The names of all places of a session's captures: the first of each capture's name has that name, others
    have their file and line. They outlive the process, as the estimates do that they are of."""

    def __init__(self) -> None:
        self._of: dict[str, dict[Place, str]] = {}

    def of(self, first: str, place: Place, *, prefix: str = "") -> str:
        """`first`: the name of the capture; `prefix`: of the names of its other places."""
        known = self._of.setdefault(first, {})
        if place in known:
            return known[place]
        # That of a criterion is called after who called it.
        file, line, _ = place[1] if place[1] != _NOWHERE else place[0]
        name = f"{prefix}{file}:{line}" if known else first
        same = sum(one.split("#")[0] == name for one in known.values())
        known[place] = f"{name}#{same + 1}" if same else name
        return known[place]

    def state_dict(self) -> dict[str, Any]:
        return {
            first: [[*line, *caller, name] for (line, caller), name in known.items()]
            for first, known in self._of.items()
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._of = {
            first: {_place(lines): str(name) for *lines, name in places} for first, places in state.items()
        }


def _place(lines: list[Any]) -> Place:
    file, line, at, by, by_line, by_at = lines
    return ((str(file), int(line), int(at)), (str(by), int(by_line), int(by_at)))


_NOWHERE: _Line = ("", 0, -1)
_CRITERIA = ("__call__", "forward", "loss", "criterion")
"""In the names of functions that others are trained by."""
_NOT_THE_SCRIPTS = (
    os.path.dirname(torch.__file__) + os.sep,
    os.path.dirname(os.path.dirname(__file__)) + os.sep,
    "<eval_with_key>",
    "<frozen ",
)
