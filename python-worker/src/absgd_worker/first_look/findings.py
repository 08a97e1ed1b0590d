"""What a script is found to do. JSON values."""

from __future__ import annotations

from typing import Literal, TypedDict

Kind = Literal["loop", "hugging-face", "lightning"]


class Loss(TypedDict):
    """A loss that the script names."""

    line: int
    name: str
    captured: bool
    """Whether `absgd-run` weighs it without a changed line."""


class Argument(TypedDict):
    """An argument of `argparse` that can be a parameter of an experiment."""

    flag: str
    name: str
    kind: Literal["int", "float", "str", "flag"]
    default: int | float | str | bool | None
    choices: list[str] | list[int] | list[float] | None


class Findings(TypedDict):
    """Of one script."""

    kind: Kind
    losses: list[Loss]
    arguments: list[Argument]
    left_out: list[str]
    """Arguments that are no parameters: positional ones, and those whose default is computed."""
    changed: str
    """The script with the lines that make its samples known, so that suspects can be listed."""
    diff: str
    """From the script to `changed`, in the unified format; empty without a change."""
    has_absgd: bool
    metric_regex: str | None
    """Matches the accuracy that the script prints; None if it prints none."""
