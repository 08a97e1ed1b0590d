"""Passes the events of a run on to targets. A target that fails is left out, and the others go on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from absgd_worker.console import complain
from absgd_worker.mirrors.events import Attempt, End, Event, Numbers, Start, Text, event_of
from absgd_worker.mirrors.target import Target


class Mirror:
    """Keeps the file `mirrors.json` of the run: for every target where the run is to be seen there, and how
    many lines were passed on."""

    def __init__(self, folder: Path, targets: Mapping[str, Target]) -> None:
        self._file = folder / "mirrors.json"
        self._targets = dict(targets)
        self._opened: set[str] = set()
        self._manifest: dict[str, Any] = {}
        self._known: dict[str, dict[str, Any]] = _read(self._file)
        self._held: dict[str, Numbers] = {}
        self._last: dict[str, float] = {}
        self._ended = End("", {})
        self._saved = time.monotonic()
        self._has_failed = False

    def follow(self, lines: Iterable[str]) -> int:
        """Passes all lines on. Returns the exit code: 1 if a target was left out."""
        number = 0
        for line in lines:
            event = event_of(line)
            if isinstance(event, End):
                self._ended = event
                continue
            number += 1
            if isinstance(event, Start):
                self._manifest = event.manifest
            for name in [*self._targets]:
                if number > self._known.get(name, {}).get("lines", 0):
                    self._try(name, event, number)
            if time.monotonic() - self._saved > SAVE_SECONDS:
                self._save()
        for name in [*self._targets]:
            self._close(name)
        self._save()
        return 1 if self._has_failed else 0

    def _try(self, name: str, event: Event | None, number: int) -> None:
        try:
            self._pass(name, event)
        except Exception as error:
            self._leave_out(name, error)
        else:
            self._known.setdefault(name, {})["lines"] = number

    def _pass(self, name: str, event: Event | None) -> None:
        if event is None or isinstance(event, Start):
            return
        # Opened by what is new alone: passing a run on again that was passed on changes nothing.
        if name not in self._opened:
            self._opened.add(name)
            found = self._targets[name].open(self._manifest, self._known.get(name, {}))
            self._known[name] = {**self._known.get(name, {}), **found}
            self._save()
        target = self._targets[name]
        if isinstance(event, Attempt):
            self._release(name)
            target.attempt(event.number, event.step)
        elif isinstance(event, Numbers):
            if event.is_report and name in SPARING and event.seconds < self._last.get(name, 0.0) + 1.0:
                self._held[name] = event
                return
            self._release(name)
            self._last[name] = event.seconds
            target.numbers(event)
        elif isinstance(event, Text):
            target.text(event)

    def _release(self, name: str) -> None:
        held = self._held.pop(name, None)
        if held is not None:
            self._targets[name].numbers(held)

    def _close(self, name: str) -> None:
        if name not in self._opened:
            return
        try:
            self._release(name)
            self._targets[name].close(self._ended.status, self._ended.final)
        except Exception as error:
            self._leave_out(name, error)

    def _leave_out(self, name: str, error: Exception) -> None:
        self._has_failed = True
        del self._targets[name]
        complain(f"absgd mirror: {name} fails, and is left out from here on: {type(error).__name__}: {error}")

    def _save(self) -> None:
        self._saved = time.monotonic()
        draft = self._file.with_suffix(".json.tmp")
        draft.write_text(json.dumps(self._known, indent=1) + "\n", encoding="utf-8")
        os.replace(draft, self._file)


def _read(file: Path) -> dict[str, dict[str, Any]]:
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return known if isinstance(known, dict) else {}


SPARING = {"wandb", "mlflow"}
"""Targets that get a report once a second, by the time of the report, because each costs a message."""
SAVE_SECONDS = 2.0
