"""Labels and names that a script gives batch by batch, recorded once for each sample."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from absgd_worker.link.step_reports import StepEntry
from absgd_worker.link.wire.records import SampleInfo


class NewSamples:
    """Describes each sample once, when its label or name is first reported."""

    def __init__(self) -> None:
        self._described: set[int] = set()

    def describe(self, run: Sequence[StepEntry]) -> Iterator[SampleInfo]:
        """The descriptions of the samples of these steps that are new."""
        new: dict[int, tuple[int, str]] = {}
        for entry in run:
            if entry.indices_B is None or (entry.labels_B is None and entry.ids is None):
                continue
            indices = entry.indices_B.tolist()
            labels = [-1] * len(indices) if entry.labels_B is None else entry.labels_B.tolist()
            names = entry.ids or ("",) * len(indices)
            for index, label, name in zip(indices, labels, names, strict=True):
                if index not in self._described:
                    new.setdefault(index, (label, name))
        self._described |= new.keys()
        piece: list[int] = []
        for index in sorted(new):
            # All samples of a record have a label, or none has; and their indices are consecutive.
            if piece and (index != piece[-1] + 1 or (new[index][0] < 0) != (new[piece[-1]][0] < 0)):
                yield _info(piece, new)
                piece = []
            piece.append(index)
        if piece:
            yield _info(piece, new)


def _info(piece: Sequence[int], described: dict[int, tuple[int, str]]) -> SampleInfo:
    labels = [described[index][0] for index in piece]
    names = [described[index][1] for index in piece]
    return SampleInfo(
        first_index=piece[0],
        count=len(piece),
        labels=b"" if labels[0] < 0 else array("I", labels).tobytes(),
        ids=names if any(names) else (),
    )
