"""Reads a review: the CSV of `absgd samples RUN --suspects N --csv` with its column `action` filled in.

`src/review/` reads the same in TypeScript. A spreadsheet may have changed the file: a byte order mark,
semicolons or tabs, quoted numbers, CRLF.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path

from absgd_worker.errors import ReviewError


@dataclass(frozen=True)
class Row:
    """A row of a review."""

    line: int
    """Line of the file at which the row ends, from 1."""
    index: int
    """The number of the sample in the data set."""
    name: str
    """The user's name of the sample; empty without one."""
    label: int | None
    """The label in the run; None if the run did not know it."""
    drops: bool
    new_label: int | None


@dataclass(frozen=True)
class Review:
    """A review as its file has it."""

    path: str
    rows: tuple[Row, ...]
    samples: int | None
    """Number of samples in the data set of the run; None if the file does not say it."""
    is_exact: bool
    """Whether `samples` is the number; otherwise the data set has at least so many."""

    @property
    def digest(self) -> str:
        """SHA-256 of what the review changes, hex. It does not depend on the order of the rows."""
        changes = sorted((row.index, _change(row)) for row in self.rows if _change(row))
        text = "".join(f"{index} {change}\n" for index, change in changes)
        return hashlib.sha256(text.encode()).hexdigest()

    def error(self, row: Row, column: str, problem: str) -> ReviewError:
        """An error about a cell of this file."""
        return _cell_error(self.path, row.line, column, problem)


def read_review(path: str | os.PathLike[str]) -> Review:
    """Reads a file.

    Raises:
        ReviewError: it cannot be read, has no column `index` or `action`, an action or a number that is none,
            or the same sample twice. The message names line and column.
    """
    name = os.fspath(path)
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ReviewError(f"cannot read the review {name}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ReviewError(f"the review {name} is not in UTF-8: save it as CSV UTF-8") from None
    columns, table = _table(name, text)
    rows = []
    lines_by_key: dict[tuple[str, object], int] = {}
    for line, cells in table:
        cell = dict(zip(columns, cells, strict=False))
        if len(cells) > len(columns) and any(cells[len(columns) :]):
            raise ReviewError(
                f"{name}: line {line} has {len(cells)} cells, and there are {len(columns)} columns: put "
                "quotes around a cell that contains the delimiter"
            )
        row = _row(name, line, cell)
        for column, key in (("index", row.index), ("id", row.name)):
            earlier = lines_by_key.setdefault((column, key), line)
            if earlier != line and key != "":
                raise _cell_error(
                    name, line, column, f"is {str(key)!r}, as in line {earlier}: a sample is reviewed once"
                )
        rows.append(row)
    samples, is_exact = _samples(name, columns, table)
    return Review(name, tuple(rows), samples, is_exact)


def _table(name: str, text: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The names of the columns, and the rows with their lines."""
    header = re.split(r"[\r\n]", text, maxsplit=1)[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    try:
        for cells in reader:
            plain = [cell.strip() for cell in cells]
            if any(plain):
                rows.append((reader.line_num, plain))
    except csv.Error as error:
        raise ReviewError(f"{name}: line {reader.line_num} is no CSV: {error}") from None
    columns = [column.lower() for column in rows[0][1]] if rows else []
    while columns and not columns[-1]:
        columns.pop()
    for column in ("index", "action"):
        if column not in columns:
            raise ReviewError(
                f"the review {name} has no column {column!r}, but {', '.join(columns) or 'none'}: "
                '"absgd samples RUN --suspects 500 --csv" writes a review'
            )
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if twice is not None:
        raise ReviewError(f"{name}: the column {twice!r} occurs twice")
    return columns, rows[1:]


def _row(name: str, line: int, cell: dict[str, str]) -> Row:
    index = _whole_number(name, line, "index", cell.get("index", ""))
    if index is None:
        raise _cell_error(name, line, "index", "is empty")
    label = _whole_number(name, line, "label", cell.get("label", ""))
    action = cell.get("action", "").lower()
    new_label = None
    if match := re.fullmatch(r"relabel\s*:\s*(.+)", action):
        if WHOLE.fullmatch(match[1]) is None:
            raise _action_error(name, line, cell["action"])
        new_label = _whole_number(name, line, "action", match[1])
    elif action not in ("", "keep", "drop"):
        raise _action_error(name, line, cell["action"])
    return Row(line, index, cell.get("id", ""), label, action == "drop", new_label)


def _samples(name: str, columns: list[str], table: list[tuple[int, list[str]]]) -> tuple[int | None, bool]:
    """The size of the data set, and whether it is exact: `60000`, or `59998+`."""
    for column in ("run", "samples", "drawn"):
        if column not in columns:
            continue
        at = columns.index(column)
        values = {cells[at] if at < len(cells) else "": line for line, cells in table}
        if len(values) > 1:
            raise _cell_error(
                name,
                max(values.values()),
                column,
                f"differs from that of other rows ({', '.join(map(repr, values))}): a review is of one run",
            )
        if column == "samples" and values:
            (text,) = values
            size = _whole_number(name, table[0][0], column, text.removesuffix("+"))
            return size, not text.endswith("+")
    return None, False


def _whole_number(name: str, line: int, column: str, text: str) -> int | None:
    """Also `3.0` and `3,0`, which tables with empty cells become. None for an empty text."""
    if not text:
        return None
    match = WHOLE.fullmatch(text)
    if match is None or int(match[1]) >= 2**32:
        raise _cell_error(name, line, column, f"is {text!r}, must be a whole number from 0 to 2^32 - 1")
    return int(match[1])


def _change(row: Row) -> str:
    if row.drops:
        return "drop"
    return "" if row.new_label is None else f"relabel:{row.new_label}"


def _action_error(name: str, line: int, text: str) -> ReviewError:
    return _cell_error(
        name, line, "action", f"is {text!r}: write keep, drop or relabel:X with the number of a class"
    )


def _cell_error(name: str, line: int, column: str, problem: str) -> ReviewError:
    return ReviewError(f"{name}: line {line}, column {column!r}: it {problem}")


WHOLE = re.compile(r"([0-9]+)(?:[.,]0+)?")
