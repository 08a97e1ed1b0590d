"""`apply_review`: the corrected data set of a review.

Shapes: N samples of the data set, K of them are kept.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Subset

from absgd_worker.errors import ReviewError
from absgd_worker.review.applied import AppliedReview, remember
from absgd_worker.review.corrected import Corrected, TensorRows
from absgd_worker.review.labels import LabelPlace, label_of, label_place
from absgd_worker.review.read_review import Review, Row, read_review


def apply_review(
    dataset: Any,
    path: str | os.PathLike[str],
    *,
    label: LabelPlace | None = None,
    ids: Sequence[str] | Mapping[int, str] | None = None,
    classes: int | Collection[int] | None = None,
) -> Corrected:
    """The data set without the samples that a review drops, and with the labels that it gives.

    train_set = absgd_worker.apply_review(train_set, "review.csv")

    Samples keep their numbers: `track`, `absgd samples` and later reviews name the same samples as before.
    The review, how many samples it drops and relabels, and its SHA-256 are in the log of every run that this
    process begins or continues from now on; `absgd show` and `absgd compare` show them. Reading samples to
    check their labels draws no random number of the process.

    Args:
        dataset: map-style, N samples: of torch, torchvision or Hugging Face, a `Subset`, a list, or a tuple
            or mapping of tensors [N, …]. Of a `Subset`, numbers are those of the whole data set; rows about
            other samples of that are for other parts of a split, and change nothing.
        path: CSV of `absgd samples RUN --suspects 500 --csv`, with keep, drop, relabel:X or nothing in its
            column `action`. X is the number of a class.
        label: where a sample has its label: a key, a position, or functions (get, set) with
            `get(sample) -> label` and `set(sample, label) -> sample`. Default: 1 for (x, y), "label" or
            "labels" for a mapping.
        ids: the user's names of the samples, as in `track`; then the names in the review are checked.
        classes: how many classes there are, or their numbers. Default: `dataset.classes`, else the labels
            that occur.

    Returns:
        A `Subset` of K samples.

    Raises:
        ReviewError: the file is no review, a sample occurs twice, an action or a class is unknown, or the
            review is of another data set: of another size, or with other labels or names. The message names
            line and column.
    """
    review = read_review(path)
    if isinstance(dataset, Mapping) or (
        isinstance(dataset, tuple) and dataset and all(isinstance(column, Tensor) for column in dataset)
    ):
        dataset = TensorRows(dataset)
    numbers = _numbers(dataset, review)
    positions = {number: position for position, number in enumerate(numbers)}
    whole = len(dataset) if _is_own(dataset, review) else len(_innermost(dataset))
    for row in review.rows:
        if row.index >= whole:
            raise review.error(
                row, "index", f"is {row.index}, and the data set has {whole:,} samples: {_ANOTHER}"
            )
    rows = [row for row in review.rows if row.index in positions]
    if review.rows and not rows:
        raise ReviewError(
            f"{review.path} is about no sample of this data set, which has {len(numbers):,} of {whole:,}"
        )
    if ids is not None:
        _check_names(review, rows, ids, positions, whole)
    dropped = {positions[row.index] for row in rows if row.drops}
    new_labels: dict[int, int] = {}
    place: LabelPlace = 1
    needs_labels = any(row.label is not None or row.new_label is not None for row in rows)
    with _own_random_numbers():
        if needs_labels:
            place = label_place(dataset[positions[rows[0].index]], label)
        seen = _check_labels(review, rows, dataset, positions, place)
        relabelled = [row for row in rows if row.new_label is not None]
        for row in relabelled:
            assert row.new_label is not None
            if not _is_class(row.new_label, dataset, classes, seen, place):
                raise review.error(
                    row, "action", f"gives the label {row.new_label}, which no sample has: {_classes_remedy}"
                )
            if row.new_label != seen[positions[row.index]]:
                new_labels[positions[row.index]] = row.new_label
    kept = [position for position in range(len(numbers)) if position not in dropped]
    if not kept:
        raise ReviewError(f"{review.path} drops every sample of the data set")
    corrected = Corrected(
        dataset,
        kept,
        numbers=torch.tensor([numbers[position] for position in kept], dtype=torch.int64),
        whole=whole,
        new_labels=new_labels,
        place=place,
        digest=review.digest,
    )
    remember(AppliedReview(len(dropped), len(new_labels), review.digest))
    return corrected


def _numbers(dataset: Any, review: Review) -> Sequence[int]:
    """The number of each sample in the whole data set.

    Raises:
        ReviewError: the data set has no length, or another one than the review says.
    """
    whole = _innermost(dataset)
    try:
        size, own = len(whole), len(dataset)
    except (TypeError, NotImplementedError):
        raise ReviewError(
            f"the data set, a {type(dataset).__name__}, has no length: a review is for data whose samples "
            "have numbers (a map-style dataset)"
        ) from None
    if _is_own(dataset, review):
        return dataset.numbers.tolist() if isinstance(dataset, Corrected) else range(own)
    if review.samples is not None and (review.samples > size or (review.is_exact and review.samples != size)):
        least = "" if review.is_exact else "at least "
        raise ReviewError(
            f"{review.path} is a review of a data set of {least}{review.samples:,} samples, and this one has "
            f"{size:,}: {_ANOTHER}"
        )
    numbers: Sequence[int] = range(own)
    while isinstance(dataset, Subset):
        numbers = [int(dataset.indices[number]) for number in numbers]
        dataset = dataset.dataset
    return numbers


def _innermost(dataset: Any) -> Any:
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    return dataset


def _is_own(dataset: Any, review: Review) -> bool:
    """Whether the review numbers the samples of a subset from 0, as a served task that is given one does."""
    return (
        review.is_exact
        and isinstance(dataset, Subset)
        and not isinstance(dataset, Corrected)
        and review.samples == len(dataset) != len(_innermost(dataset))
    )


def _check_labels(
    review: Review, rows: Sequence[Row], dataset: Any, positions: Mapping[int, int], place: LabelPlace
) -> dict[int, int]:
    """The label of each sample of the review, by position.

    Raises:
        ReviewError: it is not the one in the review.
    """
    seen = {}
    for row in rows:
        if row.label is None and row.new_label is None:
            continue
        found = seen[positions[row.index]] = label_of(dataset[positions[row.index]], place)
        if row.label is not None and row.label != found:
            raise review.error(
                row, "label", f"is {row.label}, and sample {row.index} has the label {found}: {_ANOTHER}"
            )
    return seen


def _is_class(
    label: int, dataset: Any, classes: int | Collection[int] | None, seen: dict[int, int], place: LabelPlace
) -> bool:
    if classes is None:
        named = getattr(_innermost(dataset), "classes", None)
        classes = len(named) if isinstance(named, Sequence) and not isinstance(named, str) else None
    if classes is not None:
        return 0 <= label < classes if isinstance(classes, int) else label in classes
    if label in seen.values():
        return True
    for position in range(len(dataset)):
        if position not in seen:
            seen[position] = label_of(dataset[position], place)
            if seen[position] == label:
                return True
    return False


def _check_names(
    review: Review,
    rows: Sequence[Row],
    ids: Sequence[str] | Mapping[int, str],
    positions: Mapping[int, int],
    whole: int,
) -> None:
    if not isinstance(ids, Mapping) and len(ids) not in (whole, len(positions)):
        raise ReviewError(f"ids are {len(ids):,} names, must be {whole:,}, one for each sample")
    by_number = isinstance(ids, Mapping) or len(ids) == whole
    for row in rows:
        key = row.index if by_number else positions[row.index]
        found = ids.get(key) if isinstance(ids, Mapping) else ids[key]
        if row.name and found != row.name:
            raise review.error(row, "id", f"is {row.name!r}, and sample {row.index} is {found!r}: {_ANOTHER}")


@contextmanager
def _own_random_numbers() -> Iterator[None]:
    """Restores the random states of this process, which augmentations of a data set use."""
    numpy = sys.modules.get("numpy")
    states = random.getstate(), torch.get_rng_state(), None if numpy is None else numpy.random.get_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        torch.set_rng_state(states[1])
        if numpy is not None:
            numpy.random.set_state(states[2])


_ANOTHER = "the review is of another data set, or the data set is in another order"
_classes_remedy = "give apply_review(…, classes=…), the number of classes, if it is right"
