"""The labels and names of a served task's samples: a file that the courier maps, so that there is one
copy."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from absgd_worker.link.wire.records import SampleInfo


class Samples:
    """The description of the samples.

    Args:
        size: N, the number of samples.
        num_classes: 0 if unknown.
        data: int32 [N] of labels, then of true labels, then uint64 [N + 1] of where each name begins in the
            text that follows; what is not given is left out.
        parts: which of "labels", "true_labels" and "ids" are given.
    """

    def __init__(
        self, size: int = 0, num_classes: int = 0, data: memoryview | None = None, parts: tuple[str, ...] = ()
    ) -> None:
        self._size = size
        self.num_classes = num_classes
        rest = memoryview(b"") if data is None else data
        self.labels: memoryview | None = None
        self._true_labels: memoryview | None = None
        self._starts: memoryview | None = None
        if "labels" in parts:
            self.labels, rest = rest[: 4 * size].cast("i"), rest[4 * size :]
        if "true_labels" in parts:
            self._true_labels, rest = rest[: 4 * size].cast("i"), rest[4 * size :]
        if "ids" in parts:
            self._starts, rest = rest[: 8 * (size + 1)].cast("Q"), rest[8 * (size + 1) :]
        self._text = rest

    def infos(self, most: int) -> Iterator[SampleInfo]:
        """Descriptions of all samples, `most` in each."""
        if self.labels is None and self._true_labels is None and self._starts is None:
            return
        for first in range(0, self._size, most):
            end = min(first + most, self._size)
            yield SampleInfo(
                first_index=first,
                count=end - first,
                labels=b"" if self.labels is None else self.labels[first:end].tobytes(),
                true_labels=b"" if self._true_labels is None else self._true_labels[first:end].tobytes(),
                ids=[self._name(index) for index in range(first, end)] if self._starts is not None else (),
            )

    def _name(self, index: int) -> str:
        assert self._starts is not None
        return bytes(self._text[self._starts[index] : self._starts[index + 1]]).decode(
            "utf-8", "surrogatepass"
        )


def open_samples(description: Mapping[str, Any] | None) -> Samples:
    """The samples of a description: `path`, `size`, `num_classes` and `parts`. None describes none."""
    if description is None:
        return NO_SAMPLES
    parts = tuple(description["parts"])
    data = None
    if parts and description["size"]:
        with Path(description["path"]).open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return Samples(description["size"], description["num_classes"], data, parts if data is not None else ())


NO_SAMPLES = Samples()
