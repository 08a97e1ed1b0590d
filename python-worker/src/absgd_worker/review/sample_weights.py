"""`sample_weights`: what a second training may start from, from the log of a run.

Shapes: N samples of the data set, B of a batch, K the last weights of each sample.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from absgd_worker.errors import ReviewError
from absgd_worker.link.courier.frames import HEADER_BYTES, has_header, read_frame
from absgd_worker.link.wire.record_codec import read_mark, read_step_samples


def sample_weights(run: str | os.PathLike[str], *, size: int | None = None, last: int = 3) -> Tensor:
    """The mean weight that a run gave to each sample when it saw it last, from its log. Needs no controller.

    weights = absgd_worker.sample_weights("noisy-digits-1")
    sampler = WeightedRandomSampler(weights.tolist(), len(weights))           # or, in the loss:
    loss = (losses * weights[index]).mean()

    A run under λ < 0 has turned away from samples that it took for wrong: their weight is near 0. The weights
    of a run with λ off are all 1.

    Args:
        run: the name of a run in `$ABSGD_RUNS` or `./runs`, or its directory. It may still train.
        size: N. Default: the size of the data set if the run knows it, else the largest index plus one.
        last: the mean is over so many of the last times that the sample was seen, from 1; with 3, over the
            last three epochs.

    Returns:
        float32 [N] on the CPU, from 0, by the number of the sample in the whole data set. The mean of the
        samples that were seen is 1; samples that were never seen have 1.

    Raises:
        ReviewError: there is no such run, its samples were not recorded or have no index, or `size` is too
            small. ValueError: `last` is below 1.
    """
    if last < 1:
        raise ValueError(f"last is {last}, must be a whole number from 1")
    directory = _directory(run)
    rewinds: list[tuple[int, int]] = []
    known = 0
    for payload in _payloads(directory / "steps.log", "steps"):
        mark = read_mark(payload)
        known = max(known, mark.dataset_size)
        if mark.rewind is not None:
            rewinds.append(mark.rewind)
    recent_NK = torch.empty(0, last)
    seen_N = torch.empty(0, dtype=torch.int64)
    main: str | None = None
    for payload in _payloads(directory / "samples.log", "samples"):
        for samples in read_step_samples(payload):
            # As in src/history/visible-steps.ts: a rewind hides what earlier attempts did from its step on.
            if any(samples.attempt < attempt and samples.step >= to for attempt, to in rewinds):
                continue
            main = samples.weighing if main is None else main
            if samples.weighing != main or not samples.indices:
                continue
            index_B = torch.frombuffer(bytearray(samples.indices), dtype=torch.int32).long() & 0xFFFF_FFFF
            weight_B = torch.frombuffer(bytearray(samples.weights), dtype=torch.float32)
            needed = int(index_B.max()) + 1
            if needed > seen_N.shape[0]:
                more = max(needed, 2 * seen_N.shape[0], known) - seen_N.shape[0]
                recent_NK = torch.cat([recent_NK, torch.zeros(more, last)])
                seen_N = torch.cat([seen_N, torch.zeros(more, dtype=torch.int64)])
            _add(recent_NK, seen_N, index_B, weight_B * weight_B.shape[0])
    if not bool(seen_N.any()):
        raise ReviewError(
            f"the run in {directory} has no samples with an index in its log: record them, and in a script "
            "load them with absgd_worker.track(loader)"
        )
    largest = int(seen_N.nonzero().max()) + 1
    count = size if size is not None else max(known, largest)
    if count < largest:
        raise ReviewError(f"size is {count:,}, and the run in {directory} has seen sample {largest - 1:,}")
    return _normalised(recent_NK, seen_N, count)


def _add(recent_NK: Tensor, seen_N: Tensor, index_B: Tensor, weight_B: Tensor) -> None:
    """Adds the weights of a batch in place of the oldest ones."""
    last = recent_NK.shape[1]
    if index_B.unique().shape[0] < index_B.shape[0]:
        # A sample that is in the batch several times.
        for index, weight in zip(index_B.tolist(), weight_B.tolist(), strict=True):
            recent_NK[index, int(seen_N[index]) % last] = weight
            seen_N[index] += 1
        return
    recent_NK[index_B, seen_N[index_B] % last] = weight_B
    seen_N[index_B] += 1


def _normalised(recent_NK: Tensor, seen_N: Tensor, size: int) -> Tensor:
    weights_N = torch.ones(size)
    kept = min(size, seen_N.shape[0])
    count_N = seen_N[:kept].clamp(max=recent_NK.shape[1])
    is_seen_N = count_N > 0
    mean = recent_NK[:kept][is_seen_N].double().sum(1) / count_N[is_seen_N]
    overall = float(mean.mean())
    if overall > 0:
        weights_N[:kept][is_seen_N] = (mean / overall).float()
    return weights_N


def _directory(run: str | os.PathLike[str]) -> Path:
    root = Path(os.environ.get("ABSGD_RUNS") or "runs").absolute()
    for directory in (root / run, Path(run).absolute()):
        if (directory / "manifest.json").is_file():
            return directory
    raise ReviewError(
        f"there is no run {os.fspath(run)!r} in {root}: give its name ($ABSGD_RUNS names the folder) or its "
        "directory"
    )


def _payloads(path: Path, stream: str) -> Iterator[bytes]:
    """The frames of a log, to its end or to the first damaged one."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not has_header(file, stream):
            return
        offset, size = HEADER_BYTES, os.fstat(file).st_size
        while (payload := read_frame(file, offset, size)) is not None:
            yield payload
            offset += 8 + len(payload)
    finally:
        os.close(file)
