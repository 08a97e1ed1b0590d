"""The names of a session's estimates: one for each call site of a loss, and for each of its calls.

They are saved with the estimates, so that another process finds the same names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from absgd_worker.attach.estimates.call_site import CallSite, Function, Line, digest_of

PART = "parts of "
"""Prefix to the name of a call site, for the call sites that reduce parts of its losses."""
_Term = tuple[str, str, CallSite]
"""The name that the script gives, the criterion's function, and the line of the term in it."""


class EstimateNames:
    """Assigns each name once. A call site keeps its name."""

    def __init__(self) -> None:
        self._site_names: dict[tuple[str, CallSite], str] = {}
        self._given: dict[_Term, str] = {}
        self._of_calls: dict[tuple[str, int], str] = {}
        self._of_models: dict[tuple[str, int], str] = {}
        self._files: dict[str, str] = {}
        self._saved = _SavedSites({}, None)
        self.functions: set[Function] = set()
        """The functions that train."""

    def of_site(self, first: str, site: CallSite) -> str:
        """The name of a call site: `first` for the first of all, else its file and line."""
        key = (first, site)
        known = self._known(key)
        if known is None:
            others = [lines for other, lines in self._site_names if other == first]
            known = self._unique(_line_of(site, others) if others and site else first)
            self._site_names[key] = known
        return known

    def of_part(self, name: str, site: CallSite, parts: Mapping[str, CallSite]) -> str:
        """The name of a call site that reduces a part of the losses of the call site `name`.

        It is `name` for the first part of one call. Another call site that reduces a part of the same call
        has its own name.

        Args:
            parts: the names of the parts of this call so far, each with its call site.
        """
        key = (PART + name, site)
        known = self._known(key)
        if known is None or parts.get(known, site) != site:
            known = name
            if name in parts:
                others = [lines for other, lines in self._site_names if other == key[0] and lines != site]
                known = self._unique(_line_of(site, others) if site else name)
            self._site_names[key] = known
        return known

    def of_sites(self) -> set[str]:
        """The names of all call sites, including those of several models."""
        return {*self._site_names.values(), *self._of_models.values()}

    def not_given(self) -> set[str]:
        """All names except those that the script gives and those of their calls."""
        sites = self.of_sites()
        return sites | {call_name for (name, _), call_name in self._of_calls.items() if name in sites}

    def given(self, name: str, function: str = "", term: CallSite = ()) -> str:
        """The estimate for a name that the script gives, shared by all calls with that name.

        If a criterion has several terms, the first has that name, and others add their file and line.
        """
        key = (name, function, term)
        if key not in self._given:
            others = [other for other in self._given if other[0] == name]
            if not others:
                self._given[key] = self._unique(name)
            elif all(other[1] != function for other in others):
                self._given[key] = self._given[others[0]]
            else:
                self._given[key] = self._unique(f"{name} {_file_and_line(term[0])}" if term else name)
        return self._given[key]

    def of_call(self, name: str, number: int) -> str:
        """The name of one of the calls that one backward pass goes through. `number`: from 1."""
        return self._numbered(self._of_calls, name, number)

    def of_model(self, name: str, number: int) -> str:
        """The name of a call site for one of the models whose losses it computes. `number`: from 1."""
        return self._numbered(self._of_models, name, number)

    def move(self, first: str, old: CallSite, new: CallSite) -> None:
        """Keeps the name of a call site whose lines changed: the function that trains is now known."""
        name = self._site_names.get((first, old))
        if name is not None and (first, new) not in self._site_names:
            del self._site_names[first, old]
            self._site_names[first, new] = name

    def state_dict(self) -> dict[str, Any]:
        return {
            "places": [[first, _flatten(site), name] for (first, site), name in self._site_names.items()],
            "asked": [[*given, _flatten(term), name] for (*given, term), name in self._given.items()],
            "calls": [[name, number, own] for (name, number), own in self._of_calls.items()],
            "models": [[name, number, own] for (name, number), own in self._of_models.items()],
            "functions": sorted([list(function) for function in self.functions]),
            "files": {**(self._saved.files or {}), **self._files},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        places: list[Any] | None = state.get("places")
        if places is None:
            # The first format: by the first name, lists of lines with the name at the end.
            places = [[first, lines[:-1], lines[-1]] for first, all_ in state.items() for lines in all_]
            state = {}
        self._site_names = {(first, _unflatten(lines)): str(name) for first, lines, name in places}
        self._given = {
            (given, function, _unflatten(lines)): str(name)
            for given, function, lines, name in state.get("asked", [])
        }
        self._of_calls = {(name, int(number)): str(own) for name, number, own in state.get("calls", [])}
        self._of_models = {(name, int(number)): str(own) for name, number, own in state.get("models", [])}
        self.functions = {(str(file), str(function)) for file, function in state.get("functions", [])}
        self._saved = _SavedSites(dict(self._site_names), state.get("files"))

    def _known(self, key: tuple[str, CallSite]) -> str | None:
        """The name of a call site, also if the script was edited since it was saved; None for a new one."""
        known = self._site_names.get(key)
        if known is not None:
            self._saved.names.pop(key, None)
            return known
        self._files |= {file: digest_of(file) for file, *_ in key[1] if file not in self._files}
        old_key = self._saved.take_before_edit(key, self._files)
        if old_key is not None:
            self._site_names[key] = self._site_names.pop(old_key)
        return self._site_names.get(key)

    def _numbered(self, names: dict[tuple[str, int], str], name: str, number: int) -> str:
        if number == 1:
            return name
        key = (name, number)
        if key not in names:
            names[key] = self._unique(f"{name}#{number}")
        return names[key]

    def _unique(self, wanted: str) -> str:
        """`wanted`, followed by a number if the name is used already."""
        known = {*self.of_sites(), *self._given.values(), *self._of_calls.values()}
        number, name = 1, wanted
        while name in known:
            number += 1
            name = f"{wanted}#{number}"
        return name


class _SavedSites:
    """Call sites that an earlier process saved and this one has not reached yet."""

    def __init__(self, names: dict[tuple[str, CallSite], str], files: Mapping[str, str] | None) -> None:
        self.names = names
        self.files = files

    def take_before_edit(
        self, key: tuple[str, CallSite], files: Mapping[str, str]
    ) -> tuple[str, CallSite] | None:
        """The saved call site that became `key` when the script was edited, which is removed here.

        None if the script was not edited, or if several saved call sites may have become `key`.
        """
        first, site = key
        saved = self.files
        if saved is not None and all(saved.get(file, files[file]) == files[file] for file, *_ in site):
            return None
        for fields in (3, 1):
            found = [
                other for other in self.names if other[0] == first and _start_alike(other[1], site, fields)
            ]
            if len(found) == 1:
                del self.names[found[0]]
                return found[0]
        return None


def _line_of(site: CallSite, others: Collection[CallSite]) -> str:
    """The innermost line of a call site that no other has, for people."""
    known = {line for lines in others for line in lines}
    return _file_and_line(next((line for line in site if line not in known), site[0]))


def _file_and_line(line: Line) -> str:
    file, number, _ = line
    return f"{file}:{number}"


def _start_alike(left: CallSite, right: CallSite, fields: int) -> bool:
    """Whether the innermost lines are equal in their first `fields`: file, line number and instruction."""
    return bool(left) and bool(right) and left[0][:fields] == right[0][:fields]


def _flatten(site: CallSite) -> list[str | int]:
    return [field for line in site for field in line]


def _unflatten(flat: list[Any]) -> CallSite:
    lines = zip(*[iter(flat)] * 3, strict=True)
    return tuple((str(file), int(line), int(instruction)) for file, line, instruction in lines if file)
