"""Splits the text of a schedule into words, numbers and signs."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from absgd_worker.schedules.errors import ScheduleError

Kind = Literal["number", "name", "sign", "end"]


class Token(NamedTuple):
    kind: Kind
    text: str
    at: int
    """Number of characters before the token."""


def tokens_of(text: str) -> list[Token]:
    """The tokens, and one of kind "end".

    Raises:
        ScheduleError: a character that cannot occur in a schedule.
    """
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        space = SPACES.match(text, at)
        if space is not None:
            at = space.end()
            continue
        token = _token_at(text, at)
        if token is None:
            raise misread(text, at, "a number, a name or one of ( ) , = . [ ]")
        tokens.append(token)
        at += len(token.text)
    return [*tokens, Token("end", "", at)]


def misread(text: str, at: int, expected: str) -> ScheduleError:
    """The error for what is found behind `at` characters."""
    found = "it ends" if at >= len(text) else f'there is "{text[at : at + 12]}"'
    return ScheduleError(f'"{text}" is no schedule: {found} at character {at + 1}', f"expected is {expected}")


def _token_at(text: str, at: int) -> Token | None:
    for kind, pattern in PATTERNS:
        found = pattern.match(text, at)
        if found is not None:
            return Token(kind, found.group(), at)
    return None


SPACES = re.compile("[\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+")
"""What is a space in JavaScript."""

PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        "number",
        re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|(?:Infinity|inf)\b)", re.ASCII),
    ),
    ("name", re.compile(r"[A-Za-z][A-Za-z0-9]*")),
    ("sign", re.compile(r"[(),=.[\]]")),
)
