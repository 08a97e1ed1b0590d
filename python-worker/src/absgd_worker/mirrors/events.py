"""What the lines of a run say to a mirror. Pure.

A line is a JSON object as `absgd watch RUN --ui json` prints it (`src/ui/lines/json.ts`).
"""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any, NamedTuple


class Start(NamedTuple):
    """The settings of the run: the first line of every controller."""

    manifest: dict[str, Any]


class Attempt(NamedTuple):
    """A worker begins, or goes on: steps from here on replace those of an earlier attempt."""

    number: int
    step: int


class Numbers(NamedTuple):
    """Numbers after a step. `is_report`: of training steps, which come often."""

    step: int
    values: dict[str, float]
    seconds: float
    """When, in seconds since 1970."""
    is_report: bool


class Text(NamedTuple):
    """An edit, in words."""

    step: int
    text: str
    seconds: float


class End(NamedTuple):
    """The run has ended."""

    status: str
    final: dict[str, float]


Event = Start | Attempt | Numbers | Text | End


def event_of(line: str) -> Event | None:
    """The event of a line; None for a line that mirrors do not show.

    Raises:
        ValueError: it is no JSON object.
    """
    entry = json.loads(line)
    if not isinstance(entry, dict):
        raise ValueError(f"a line is no JSON object: {line[:80]!r}")
    kind = entry.get("type")
    if kind == "start":
        return Start(entry.get("manifest") or {})
    if kind == "worker" and entry.get("state") == "joined":
        return Attempt(entry["attempt"], entry["step"])
    if kind == "end":
        return End(entry["status"], _finite(entry.get("final") or {}))
    if kind not in {"report", "evaluation", "edit"}:
        return None
    seconds = datetime.fromisoformat(entry["time"].replace("Z", "+00:00")).timestamp()
    if kind == "edit":
        return Text(entry["step"], _edit_in_words(entry), seconds)
    controls = {f"control.{name}": value for name, value in (entry.get("controls") or {}).items()}
    return Numbers(
        entry["step"], _finite({**entry["metrics"], **controls}), seconds, is_report=kind == "report"
    )


def _finite(values: dict[str, Any]) -> dict[str, float]:
    """Names with slashes, as the tools group them. A lambda that is off is infinite, and left out."""
    known = {name.replace(".", "/"): float(value) for name, value in values.items()}
    return {name: value for name, value in known.items() if math.isfinite(value)}


def _edit_in_words(entry: dict[str, Any]) -> str:
    to = entry["to"]
    change = f"= {to['text']}" if to["kind"] == "schedule" else f"times {to['factor']:g}"
    values = f"{_shown(entry['before'])} to {_shown(entry['after'])}"
    return f"step {entry['step']}: {entry['control']} {change} ({values}), by {entry['by']}"


def _shown(value: object) -> str:
    return "off" if value in {"Infinity", "-Infinity"} else str(value)
