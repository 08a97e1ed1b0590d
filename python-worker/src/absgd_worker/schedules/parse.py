"""Parses schedules given as text: on command lines, in arguments, and in logs.

    value    := number | off | call
    call     := name "(" [argument {"," argument}] ")" [".for(" duration ")"]
    argument := [name "="] (value | duration | word | "[" point {"," point} "]")
    point    := "[" duration "," number "]"
    duration := number | epochs(n) | epochs(n, steps=m) | steps(n)

The same grammar as `src/schedule/expression.ts`; proto/golden/schedules.json binds both. The order of unnamed
arguments is in `calls.py`.
"""

from __future__ import annotations

import math

from absgd_worker.schedules.builders import constant
from absgd_worker.schedules.calls import WORDS, Arguments, Value, call, is_callable, names
from absgd_worker.schedules.durations import Duration, duration_of
from absgd_worker.schedules.errors import ScheduleError
from absgd_worker.schedules.shapes import Source
from absgd_worker.schedules.tokens import Token, misread, tokens_of


def parse_schedule(text: str) -> Source:
    """The schedule that is written as `text`.

    Raises:
        ScheduleError: it names the place of a syntax error and what is expected there, or the place of a call
            whose arguments are refused; or the text is nested some hundreds deep.
    """
    reader = _Reader(text)
    try:
        value = reader.value()
    except RecursionError:
        raise ScheduleError("a schedule is nested too deeply", "write it with fewer brackets") from None
    reader.end()
    if isinstance(value, Source):
        return value
    if isinstance(value, float):
        return constant(value)
    kind = "not a word" if isinstance(value, str) else "not a duration"
    raise misread(text, 0, f"a number or a schedule, {kind}")


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens_of(text)
        self._index = 0

    def value(self) -> Value:
        token = self._next
        if self._is_sign("["):
            return self._points()
        if token.kind not in ("number", "name"):
            raise misread(self._text, token.at, "a number or the name of a schedule")
        self._index += 1
        if token.kind == "number":
            return self._number(token)
        return self._piece(self._called(token) if self._is_sign("(") else self._bare(token), token)

    def end(self) -> None:
        if self._next.kind != "end":
            raise misread(self._text, self._next.at, "nothing more")

    @property
    def _next(self) -> Token:
        return self._tokens[self._index]

    def _is_sign(self, sign: str) -> bool:
        return self._next.kind == "sign" and self._next.text == sign

    def _expect_sign(self, sign: str) -> None:
        if not self._is_sign(sign):
            raise misread(self._text, self._next.at, f'"{sign}"')
        self._index += 1

    def _number(self, token: Token) -> float:
        number = float(token.text)
        if math.isfinite(number) or "inf" in token.text.lower():
            return number
        raise misread(self._text, token.at, "a number up to 1.8e308, or inf")

    def _bare(self, token: Token) -> Value:
        if token.text == "off":
            return call("off", Arguments([], {}))
        if token.text in WORDS:
            return token.text
        expected = f'"{token.text}(…)"' if is_callable(token.text) else names(token.text)
        raise misread(self._text, token.at, expected)

    def _called(self, token: Token) -> Value:
        if not is_callable(token.text):
            raise misread(self._text, token.at, names(token.text))
        arguments = self._arguments()
        try:
            return call(token.text, arguments)
        except ScheduleError as error:
            if PLACE in error.problem:
                raise
            problem = f'{error.problem}{PLACE}{token.at + 1} of "{self._text}"'
            raise ScheduleError(problem, error.hint) from error

    def _piece(self, made: Value, token: Token) -> Value:
        if not self._is_sign("."):
            return made
        self._expect_sign(".")
        if self._next.text != "for":
            raise misread(self._text, self._next.at, '"for(…)"')
        self._index += 1
        self._expect_sign("(")
        duration = self._duration()
        self._expect_sign(")")
        if isinstance(made, Source):
            return Source(made.shape, duration_of(duration, "the duration of .for()"))
        raise misread(self._text, token.at, 'a schedule before ".for"')

    def _arguments(self) -> Arguments:
        unnamed: list[Value] = []
        named: dict[str, Value] = {}
        self._expect_sign("(")
        while not self._is_sign(")"):
            name = self._next
            following = self._tokens[self._index + 1] if name.kind == "name" else name
            if name.kind == "name" and following.text == "=":
                if name.text in named:
                    raise misread(self._text, name.at, f"{name.text} once")
                self._index += 2
                named[name.text] = self.value()
            else:
                unnamed.append(self.value())
            if not self._is_sign(")"):
                self._expect_sign(",")
        self._expect_sign(")")
        return Arguments(unnamed, named)

    def _points(self) -> list[tuple[Duration | float, float]]:
        found: list[tuple[Duration | float, float]] = []
        self._expect_sign("[")
        while not self._is_sign("]"):
            self._expect_sign("[")
            boundary = self._duration()
            self._expect_sign(",")
            at = self._next.at
            level = self.value()
            if not isinstance(level, float):
                raise misread(self._text, at, "a number")
            self._expect_sign("]")
            found.append((boundary, level))
            if not self._is_sign("]"):
                self._expect_sign(",")
        self._expect_sign("]")
        return found

    def _duration(self) -> Duration | float:
        at = self._next.at
        value = self.value()
        if isinstance(value, Duration):
            return value
        if isinstance(value, float):
            return value
        raise misread(self._text, at, "a duration: epochs(n), steps(n) or a number of steps")


PLACE = ", at character "
