"""Where in a script a loss is computed: what tells two losses of one step from two micro-batches of one."""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType

import torch

Place = tuple[str, int, int]
"""File, line, and the instruction in it; -1 where code is made anew, as by torch.compile."""


def calling_place() -> Place:
    """Of the innermost frame that is neither torch's nor ours."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_NOT_THE_SCRIPTS):
        frame = frame.f_back
    if frame is None:
        return ("", 0, -1)
    code = frame.f_code
    return (code.co_filename, frame.f_lineno, -1 if _is_made_anew(code) else frame.f_lasti)


def _is_made_anew(code: CodeType) -> bool:
    """Whether torch.compile has written it, whose instructions are others with every shape."""
    return code.co_name.startswith("torch_dynamo") or any(
        name.startswith("__compiled_fn") for name in code.co_names
    )


class Names:
    """The name of every place: the first has the name of the capture, others their file and line.

    Args:
        prefix: of these.
    """

    def __init__(self, first: str, prefix: str = "") -> None:
        self._first = first
        self._prefix = prefix
        self._of: dict[Place, str] = {}

    def of(self, place: Place) -> str:
        found = self._of.get(place)
        if found is None:
            found = self._of[place] = self._new(place)
        return found

    def _new(self, place: Place) -> str:
        if not self._of:
            return self._first
        file, line, _ = place
        name = f"{self._prefix}{os.path.basename(file)}:{line}"
        same = sum(known.split("#")[0] == name for known in self._of.values())
        return f"{name}#{same + 1}" if same else name


_NOT_THE_SCRIPTS = (
    os.path.dirname(torch.__file__) + os.sep,
    os.path.dirname(os.path.dirname(__file__)) + os.sep,
    "<eval_with_key>",
    "<frozen ",
)
