"""Where in a script a loss is computed: what tells two losses of one step from two micro-batches of one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import CodeType, FrameType
from typing import Any

import torch

Place = tuple[str, int, int]
"""The file's name, line, and the instruction in it; -1 where code is made anew, as by torch.compile."""


def calling_place() -> Place:
    """Of the innermost frame that is neither torch's nor ours."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_NOT_THE_SCRIPTS):
        frame = frame.f_back
    if frame is None:
        return ("", 0, -1)
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
        file, line, _ = place
        name = f"{prefix}{file}:{line}" if known else first
        same = sum(one.split("#")[0] == name for one in known.values())
        known[place] = f"{name}#{same + 1}" if same else name
        return known[place]

    def state_dict(self) -> dict[str, Any]:
        return {first: [[*place, name] for place, name in known.items()] for first, known in self._of.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._of = {
            first: {(str(file), int(line), int(at)): str(name) for file, line, at, name in places}
            for first, places in state.items()
        }


_NOT_THE_SCRIPTS = (
    os.path.dirname(torch.__file__) + os.sep,
    os.path.dirname(os.path.dirname(__file__)) + os.sep,
    "<eval_with_key>",
    "<frozen ",
)
