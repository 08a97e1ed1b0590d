"""The names of a session's weighings: of every place that computes a loss, and of its calls.

They outlive the process, as the estimates do that they are of.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from absgd_worker.attach.estimates.call_site import Function, Line, Place, digest_of

PART = "parts of "
"""Before the name of a place whose losses are reduced: what is kept of the places that reduce them."""
_Term = tuple[str, str, Place]
"""The name that is asked for, the criterion's function, and the line of the term in it."""


class Names:
    """Given once, and kept."""

    def __init__(self) -> None:
        self._of_places: dict[tuple[str, Place], str] = {}
        self._asked_for: dict[_Term, str] = {}
        self._of_calls: dict[tuple[str, int], str] = {}
        self._of_models: dict[tuple[str, int], str] = {}
        self._files: dict[str, str] = {}
        self._saved = _Saved({}, None)
        self.functions: set[Function] = set()
        """Those that train."""

    def of(self, first: str, place: Place) -> str:
        """The name of a place. The first one of all is called `first`, others by their file and line."""
        key = (first, place)
        known = self._known(key)
        if known is None:
            others = [lines for other, lines in self._of_places if other == first]
            known = self._unique(_line_of(place, others) if others and place else first)
            self._of_places[key] = known
        return known

    def of_part(self, name: str, place: Place, taken: Mapping[str, Place]) -> str:
        """The name of a place that reduces some losses of the place `name`. It is `name` for the first that
        reduces losses of one call; another place that reduces losses of the same call has its own.

        Args:
            taken: names of the parts of this call so far, each with its place.
        """
        key = (PART + name, place)
        known = self._known(key)
        if known is None or taken.get(known, place) != place:
            known = name
            if name in taken:
                others = [lines for other, lines in self._of_places if other == key[0] and lines != place]
                known = self._unique(_line_of(place, others) if place else name)
            self._of_places[key] = known
        return known

    def of_places(self) -> set[str]:
        """All names that places have, each of several models included."""
        return {*self._of_places.values(), *self._of_models.values()}

    def without_asked(self) -> set[str]:
        """All names but those that the script gives and those of their calls."""
        places = self.of_places()
        return places | {own for (name, _), own in self._of_calls.items() if name in places}

    def asked_for(self, name: str, function: str = "", term: Place = ()) -> str:
        """A name that the script gives; all that ask for it share it. Of a criterion with several terms the
        first is called so, others also by their file and line."""
        key = (name, function, term)
        if key not in self._asked_for:
            others = [one for one in self._asked_for if one[0] == name]
            if not others:
                self._asked_for[key] = self._unique(name)
            elif all(one[1] != function for one in others):
                self._asked_for[key] = self._asked_for[others[0]]
            else:
                self._asked_for[key] = self._unique(f"{name} {_shown(term[0])}" if term else name)
        return self._asked_for[key]

    def of_call(self, name: str, number: int) -> str:
        """The name of the n-th call of those that one backward pass goes through, from 1."""
        return self._numbered(self._of_calls, name, number)

    def of_model(self, name: str, number: int) -> str:
        """The name of a place where it computes a loss of the n-th of several models, from 1."""
        return self._numbered(self._of_models, name, number)

    def move(self, first: str, was: Place, place: Place) -> None:
        """A place is known better now; its name stays."""
        name = self._of_places.get((first, was))
        if name is not None and (first, place) not in self._of_places:
            del self._of_places[first, was]
            self._of_places[first, place] = name

    def state_dict(self) -> dict[str, Any]:
        return {
            "places": [[first, _flat(place), name] for (first, place), name in self._of_places.items()],
            "asked": [[*one, _flat(term), name] for (*one, term), name in self._asked_for.items()],
            "calls": [[name, number, own] for (name, number), own in self._of_calls.items()],
            "models": [[name, number, own] for (name, number), own in self._of_models.items()],
            "functions": sorted([list(one) for one in self.functions]),
            "files": {**(self._saved.files or {}), **self._files},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        places = state.get("places")
        if places is None:
            # As they were saved before criteria had places: by the first name, with the name at the end.
            places = [[first, lines[:-1], lines[-1]] for first, all_ in state.items() for lines in all_]
            state = {}
        self._of_places = {(first, _place(lines)): str(name) for first, lines, name in places}
        self._asked_for = {
            (asked, function, _place(lines)): str(name)
            for asked, function, lines, name in state.get("asked", [])
        }
        self._of_calls = {(name, int(number)): str(own) for name, number, own in state.get("calls", [])}
        self._of_models = {(name, int(number)): str(own) for name, number, own in state.get("models", [])}
        self.functions = {(str(file), str(function)) for file, function in state.get("functions", [])}
        self._saved = _Saved(dict(self._of_places), state.get("files"))

    def _known(self, key: tuple[str, Place]) -> str | None:
        """The name that a place has, also from before the script was edited; None for a new place."""
        known = self._of_places.get(key)
        if known is not None:
            self._saved.names.pop(key, None)
            return known
        self._files |= {file: digest_of(file) for file, *_ in key[1] if file not in self._files}
        before = self._saved.place_before_an_edit(key, self._files)
        if before is not None:
            self._of_places[key] = self._of_places.pop(before)
        return self._of_places.get(key)

    def _numbered(self, names: dict[tuple[str, int], str], name: str, number: int) -> str:
        if number == 1:
            return name
        key = (name, number)
        if key not in names:
            names[key] = self._unique(f"{name}#{number}")
        return names[key]

    def _unique(self, wanted: str) -> str:
        known = {*self.of_places(), *self._asked_for.values(), *self._of_calls.values()}
        number, name = 1, wanted
        while name in known:
            number += 1
            name = f"{wanted}#{number}"
        return name


class _Saved:
    """Places of an earlier process that this one has not come to yet."""

    def __init__(self, names: dict[tuple[str, Place], str], files: Mapping[str, str] | None) -> None:
        self.names = names
        self.files = files

    def place_before_an_edit(
        self, key: tuple[str, Place], files: Mapping[str, str]
    ) -> tuple[str, Place] | None:
        """The only one that `key` may have been before the script was edited; None where it was not."""
        first, place = key
        saved = self.files
        if saved is not None and all(saved.get(file, files[file]) == files[file] for file, *_ in place):
            return None
        for depth in (3, 1):
            found = [one for one in self.names if one[0] == first and _starts_alike(one[1], place, depth)]
            if len(found) == 1:
                del self.names[found[0]]
                return found[0]
        return None


def _line_of(place: Place, others: Collection[Place]) -> str:
    """The innermost line that a place does not share with others, for people."""
    known = {line for lines in others for line in lines}
    return _shown(next((line for line in place if line not in known), place[0]))


def _shown(line: Line) -> str:
    file, number, _ = line
    return f"{file}:{number}"


def _starts_alike(one: Place, other: Place, depth: int) -> bool:
    """Whether the innermost lines are the same: in file, line and instruction for a depth of 3, in file for
    1."""
    return bool(one) and bool(other) and one[0][:depth] == other[0][:depth]


def _flat(place: Place) -> list[str | int]:
    return [entry for line in place for entry in line]


def _place(flat: list[Any]) -> Place:
    lines = zip(*[iter(flat)] * 3, strict=True)
    return tuple((str(file), int(line), int(at)) for file, line, at in lines if file)
