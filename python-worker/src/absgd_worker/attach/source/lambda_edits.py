"""Edits of lambda that a source makes by itself, and lambda at a step with all of them. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from absgd_worker.schedules import compile_schedule, constant_value, parse_schedule


class LambdaEdit(NamedTuple):
    """A change of lambda from a step on: a schedule that begins there, or a factor of what it would be."""

    step: int
    by: str
    """"recipe" or "guard"."""
    text: str | None
    factor: float
    """1 with a schedule."""
    before: float
    after: float
    why: str


class LambdaEdits:
    """All edits so far; lambda is off before the first."""

    def __init__(self, edits: Sequence[LambdaEdit] = ()) -> None:
        self.made = list(edits)
        self._values = [None if edit.text is None else _values(edit.text) for edit in self.made]

    def at(self, step: int) -> float:
        """Lambda at `step`."""
        lam = math.inf
        for edit, values in zip(self.made, self._values, strict=True):
            if edit.step > step:
                continue
            lam = lam * edit.factor if values is None else values(step - edit.step)
        return lam

    def add(
        self, step: int, by: str, why: str, *, text: str | None = None, factor: float = 1.0
    ) -> LambdaEdit:
        """Adds an edit, and returns it."""
        before = self.at(step)
        self.made.append(LambdaEdit(step, by, text, factor, before, before, why))
        self._values.append(None if text is None else _values(text))
        edit = self.made[-1]._replace(after=self.at(step))
        self.made[-1] = edit
        return edit

    def as_schedule(self) -> str:
        """The schedules of all edits as one text that `--lam` and `absgd set` take. Factors are not part of
        it."""
        text, begun = "off", 0
        parts: list[str] = []
        for edit in self.made:
            if edit.text is None:
                continue
            is_number = text != "off" and constant_value(parse_schedule(text)) is not None
            part = f"constant({text})" if is_number else text
            parts.append(f"{part}.for({edit.step - begun})")
            text, begun = edit.text, edit.step
        return f"join({', '.join([*parts, text])})" if parts else text


def _values(text: str) -> Callable[[int], float]:
    return compile_schedule(parse_schedule(text))
