"""Keeps every record below the largest frame of the protocol: a larger one would end the connection."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from absgd_worker.console import complain
from absgd_worker.link.wire.records import Body, Evaluation, SampleBatch, SampleInfo, SamplePredictions


def bytes_of(batch: SampleBatch) -> int:
    """Bytes of the arrays of the batch, and 64 bytes a step for the rest."""
    return sum(
        len(step.losses) + len(step.weights) + len(step.indices) + len(step.labels) + 64
        for step in batch.steps
    )


def parts_that_fit(body: Body) -> Iterator[Body]:
    """Splits a body into parts that fit into a record. A confusion matrix that is too large is left out."""
    if isinstance(body, SampleInfo) and body.count > 1 and _bytes_of_info(body) > LARGEST:
        half = body.count // 2
        yield from parts_that_fit(_piece(body, 0, half))
        yield from parts_that_fit(_piece(body, half, body.count))
    elif isinstance(body, SamplePredictions) and body.count > 1 and 8 * body.count > LARGEST:
        half = body.count // 2
        yield from parts_that_fit(_predicted(body, 0, half))
        yield from parts_that_fit(_predicted(body, half, body.count))
    elif isinstance(body, Evaluation) and len(body.confusion) > LARGEST:
        complain(
            f"absgd worker: the confusion matrix of {body.split!r} has {body.num_classes} classes and is not "
            f"recorded: {MOST_CLASSES} fit into a record"
        )
        yield replace(body, num_classes=0, confusion=b"")
    else:
        yield body


def text_that_fits(text: str) -> str:
    """The text, or its beginning and end if it is too long. Unpaired surrogates become question marks."""
    if len(text) > MOST_TEXT:
        text = f"{text[: MOST_TEXT // 2]}\n…\n{text[-MOST_TEXT // 2 :]}"
    return text.encode(errors="replace").decode()


def _bytes_of_info(info: SampleInfo) -> int:
    return (
        len(info.labels)
        + len(info.true_labels)
        + sum(len(text_that_fits(name).encode()) + 8 for name in info.ids)
    )


def _piece(info: SampleInfo, start: int, end: int) -> SampleInfo:
    return SampleInfo(
        info.first_index + start,
        end - start,
        info.labels[4 * start : 4 * end],
        info.true_labels[4 * start : 4 * end],
        info.ids[start:end],
    )


def _predicted(predictions: SamplePredictions, start: int, end: int) -> SamplePredictions:
    return replace(
        predictions,
        first_index=predictions.first_index + start,
        count=end - start,
        labels=predictions.labels[4 * start : 4 * end],
        label_probabilities=predictions.label_probabilities[4 * start : 4 * end],
    )


LARGEST = (64 << 20) - (1 << 20)
"""Bytes of arrays in one record: 64 MiB is the largest frame, of which 1 MiB is for names and numbers."""

MOST_CLASSES = math.isqrt(LARGEST // 4)
"""The classes of the largest confusion matrix, of uint32."""

MOST_TEXT = 1 << 18
"""The most characters of a message, a traceback or the name of a sample."""
