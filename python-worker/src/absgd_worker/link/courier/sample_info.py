"""Labels and names that a script gives batch by batch, recorded once for each sample."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence

from absgd_worker.link.ring.step_row import StepRow
from absgd_worker.link.wire.records import SampleInfo


class NewSamples:
    """Describes each sample once, when its label or name is first reported."""

    def __init__(self) -> None:
        # A byte for each sample in blocks of 4096, since a set of a million numbers takes 80 MB.
        self._described: defaultdict[int, bytearray] = defaultdict(lambda: bytearray(4096))

    def describe(self, run: Sequence[StepRow]) -> Iterator[SampleInfo]:
        """The descriptions of the samples of these steps that are new."""
        new: dict[int, tuple[int, str]] = {}
        for row in run:
            if row.indices is None or (row.labels is None and row.ids is None):
                continue
            labels = [-1] * row.size if row.labels is None else row.labels
            names = row.ids or ("",) * row.size
            for index, label, name in zip(row.indices, labels, names, strict=True):
                if not self._described[index >> 12][index & 4095]:
                    new.setdefault(index, (label, name))
        for index in new:
            self._described[index >> 12][index & 4095] = 1
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
