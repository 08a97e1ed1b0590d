"""A data set as a review has corrected it.

Shapes: N samples of the data set, K of them are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Subset

from absgd_worker.review.labels import LabelPlace, with_label


class Corrected(Subset[Any]):
    """The samples that a review keeps, with the labels that it gives. `apply_review` makes one.

    It is a `Subset`, so that `track` reports the numbers that samples have in the whole data set.

    Attributes:
        dataset: the data set as it was, N samples.
        indices: positions in it that are kept, K of them.
        numbers: the number of each kept sample in the whole data set, int64 [K].
        dropped: how many samples are left out.
        whole: how many samples the whole data set has: numbers are below it.
        relabelled: how many of the kept ones have another label.
        digest: SHA-256 of the decisions, hex.
    """

    def __init__(
        self,
        dataset: Any,
        indices: Sequence[int],
        *,
        numbers: Tensor,
        whole: int,
        new_labels: Mapping[int, int],
        place: LabelPlace,
        digest: str,
    ) -> None:
        super().__init__(dataset, indices)
        self.dataset: Any = dataset
        self.numbers = numbers
        self.whole = whole
        self._new_labels = dict(new_labels)
        """New labels by position in `dataset`."""
        self._place = place
        self.dropped = len(dataset) - len(indices)
        self.relabelled = len(new_labels)
        self.digest = digest

    def __getitem__(self, idx: Any) -> Any:
        """The sample at position `idx` from 0 to K - 1, or a list of samples for a list of positions."""
        if isinstance(idx, (list, tuple)):
            return self.__getitems__(list(idx))
        position = self.indices[int(idx)]
        return self._corrected(position, self.dataset[position])

    def __getitems__(self, indices: list[int]) -> list[Any]:
        positions = [self.indices[int(index)] for index in indices]
        read_all = getattr(self.dataset, "__getitems__", None)
        samples = read_all(positions) if callable(read_all) else [self.dataset[one] for one in positions]
        return [self._corrected(one, sample) for one, sample in zip(positions, samples, strict=True)]

    @property
    def targets(self) -> Any:
        """The corrected `targets` of the data set, K, if it has them: a tensor [K], else a list."""
        return self.correct_labels(self.dataset.targets)

    def correct_labels(self, labels: Any) -> Any:
        """Labels of all N samples, or of the K kept ones, as the review has corrected them, for those kept.

        Args:
            labels: a tensor [N] or [K], or a sequence of as many whole numbers.

        Returns:
            A tensor [K] for a tensor, else a list.
        """
        chosen = self.select(labels)
        chosen = chosen.clone() if isinstance(chosen, Tensor) else list(chosen)
        for row, position in enumerate(self.indices):
            if position in self._new_labels:
                chosen[row] = self._new_labels[position]
        return chosen

    def select(self, values: Any) -> Any:
        """What belongs to the kept samples, of what is given for all N samples, in order: names, weights.

        Values that are K already are returned as they are.
        """
        if len(values) != len(self.dataset):
            return values
        if isinstance(values, Tensor):
            return values[torch.as_tensor(self.indices, device=values.device)]
        return [values[position] for position in self.indices]

    def __getattr__(self, name: str) -> Any:
        # What describes all samples alike. Columns such as `data` would be uncorrected.
        if name in ("classes", "class_to_idx", "features", "column_names"):
            return getattr(self.dataset, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _corrected(self, position: int, sample: Any) -> Any:
        label = self._new_labels.get(position)
        return sample if label is None or sample is None else with_label(sample, self._place, label)


class TensorRows:
    """Tensors [N, …] in a tuple or a mapping, as a data set of samples of the same structure."""

    def __init__(self, columns: Any) -> None:
        self.columns = columns

    def __len__(self) -> int:
        tensors = list(self.columns.values()) if isinstance(self.columns, Mapping) else self.columns
        return int(tensors[0].shape[0])

    def __getitem__(self, index: int) -> Any:
        if isinstance(self.columns, Mapping):
            return {name: tensor[index] for name, tensor in self.columns.items()}
        return tuple([tensor[index] for tensor in self.columns])
