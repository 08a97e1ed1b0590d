"""The name that somebody may have meant who typed another one, as `src/utils/nearest.ts` finds it."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(typed: str, names: Iterable[str]) -> str | None:
    """The first of the `names` that are most similar to `typed`, or None.

    Upper and lower case are the same. Similar is a name that contains `typed`, or that differs from it by at
    most a third of the letters of the longer one.
    """
    found = [(_distance(typed.lower(), name.lower()), name) for name in names]
    near = [pair for pair in found if pair[0] <= -(-max(len(typed), len(pair[1])) // 3)]
    return min(near, key=lambda pair: pair[0])[1] if near else None


def _distance(typed: str, name: str) -> float:
    """Letters that are inserted, deleted or replaced; half a letter where one text contains the other."""
    if typed == name:
        return 0
    return CONTAINED if typed and typed in name else _edits(typed, name)


def _edits(first: str, second: str) -> int:
    """The Levenshtein distance, row by row."""
    row = list(range(len(second) + 1))
    for i, letter in enumerate(first, 1):
        before, row = row, [i]
        for j, other in enumerate(second):
            row.append(min(before[j + 1] + 1, row[j] + 1, before[j] + (letter != other)))
    return row[-1]


CONTAINED = 0.5
