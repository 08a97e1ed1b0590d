"""ABSGD in a training loop that is not ours: the loop calls, and we answer.

import absgd_worker as absgd

criterion = absgd.wrap(nn.CrossEntropyLoss())
with absgd.session(lam=-2.0):
    ...                                   # the loop, unchanged
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, overload

from torch import Tensor, nn

from absgd_worker.attach.capture.capture import Capture
from absgd_worker.attach.capture.weigh_losses import Reduction, weigh_losses
from absgd_worker.attach.capture.wrap_criterion import Criterion, weighed_criterion, weighed_function
from absgd_worker.attach.errors import NotApplied, NotWeighable, SessionError
from absgd_worker.attach.provenance.granularity import Granularity, GranularityError
from absgd_worker.attach.samples.tracked_loader import Tracked
from absgd_worker.attach.session.current import current, session
from absgd_worker.attach.session.session import Session
from absgd_worker.attach.source.constant import Setting
from absgd_worker.attach.source.criterion_settings import criterion_settings
from absgd_worker.attach.source.source import StopTraining

__all__ = [
    "GranularityError",
    "NotApplied",
    "NotWeighable",
    "Session",
    "SessionError",
    "StopTraining",
    "capture",
    "control",
    "current",
    "evaluated",
    "log",
    "session",
    "track",
    "weigh",
    "wrap",
]


@overload
def wrap(
    criterion: Criterion,
    *,
    name: str | None = None,
    granularity: Granularity = "auto",
    lam: Setting | None = None,
    gamma: Setting = 0.9,
) -> Criterion: ...
@overload
def wrap(
    criterion: Callable[..., Any],
    *,
    name: str | None = None,
    granularity: Granularity = "auto",
    lam: Setting | None = None,
    gamma: Setting = 0.9,
) -> Callable[..., Any]: ...
def wrap(
    criterion: Any,
    *,
    name: str | None = None,
    granularity: Granularity = "auto",
    lam: Setting | None = None,
    gamma: Setting = 0.9,
) -> Any:
    """The criterion, weighed: a module gives a module of the same class, whose result is the scalar that it
    was.

    The loss of each sample decides its weight, without class weights; the criterion's own reduction and
    denominators stay. One that is weighed already is weighed anew, not twice. Without gradients, or while the
    model evaluates, it is the criterion as it was, and nothing is remembered.

    Args:
        criterion: a module, or a function.
        name: of the running estimate. Without one, each place that calls the criterion has an estimate of
            its own, and each of several calls that one backward pass goes through; a criterion that is made
            anew goes on with those of the places that call it. With one, all calls of all criteria of that
            name share the estimate; terms of one criterion still have an estimate each.
        granularity: what one sample is where a loss has several elements of one: "sample", a row;
            "sequence" of losses [B, T], "time-first" of [T, B]; "token", every element. "auto": the sample or
            sequence that shapes tell.
        lam, gamma: as in `session`, where the loop is not in one. The newest criterion of a name says so, and
            the newest of those without one.

    A criterion that has no loss of one sample (CTC under a mean, losses of pairs, statistics of the batch)
    gives what it gave while lambda is off, and that is said once. Its first call with lambda on raises
    `NotWeighable`, which names the criterion and what to do.
    """
    weighed: Any
    if isinstance(criterion, nn.Module):
        weighed = weighed_criterion(criterion, current, name=name, granularity=granularity)
    else:
        weighed = weighed_function(criterion, current, name=name, granularity=granularity)
    if lam is not None:
        criterion_settings.add(name or "loss", weighed, lam, gamma)
    return weighed


def weigh(
    losses: Tensor,
    *,
    mask: Tensor | None = None,
    group: Tensor | None = None,
    index: Tensor | None = None,
    label: Tensor | None = None,
    ids: Sequence[str] | None = None,
    name: str | None = None,
    granularity: Granularity = "sample",
    reduction: Reduction = "mean",
) -> Tensor:
    """Losses of one sample each, weighed and reduced: [B], or [B, d…] of which a sample's loss is the mean.

    Args:
        mask: true where a loss counts, of the losses' shape. `mean` divides by how many do.
        group: int, one a loss, from 0: losses of one group are one sample.
        index: int64 [B], which sample of the data set each is: `absgd samples` stands on that.
        label: int64 [B], the class of each, from 0; for the weight of each class.
        ids: your own name of each, a path or URL; with `index`.
        name: of the running estimate, which all calls of that name share. Without one, each place that calls
            has an estimate of its own, as in `wrap`.
        granularity: "sequence" where a sample is a row of [B·T] losses, "token" where every element is one.
        reduction: "mean", "sum" or "none".

    Raises:
        GranularityError: what a sample is cannot be told. ValueError: shapes that do not fit.
    """
    return weigh_losses(
        current(),
        losses,
        mask=mask,
        group=group,
        index=index,
        label=label,
        ids=ids,
        name=name,
        granularity="group" if group is not None else granularity,
        reduction=reduction,
    )


def capture(*, name: str = "loss", granularity: Granularity = "auto", leave: Collection[str] = ()) -> Capture:
    """`with capture():` weighs every loss of `torch.nn.functional` that is computed for training inside.

    Args:
        name: of the first place of the code that computes one; others are named by their file and line, and
            each of several calls that one backward pass goes through by its number: "train.py:12#2".
        granularity: as in `wrap`.
        leave: losses that stay as they are, by the names of their functions: "mse_loss".
    """
    return Capture(current(), name=name, granularity=granularity, leave=leave)


def track(
    loader: Iterable[Any],
    *,
    ids: Sequence[str] | Mapping[int, str] | None = None,
    index: Callable[[Any], Any] | str | int | None = None,
) -> Tracked:
    """The loader, whose batches are known from now on: `absgd samples` stands on that.

    What a loss is computed of says which samples it is of: its labels, or what the model was given. Batches
    may be fetched ahead, mixed up, moved and cut into slices before. An index that is not certain is not
    recorded. `indices` of what this gives are those of the batch that it gave last, int64 [B]; None where
    they are not certain. An index is that of the whole data set where the loader's is a `Subset` of it.

    Args:
        ids: your own name of every sample of the data set or of its subset, a path or URL; or by index.
        index: what a batch holds of its samples' numbers, int [B]: its key or place, or a function of the
            batch. For a collate function whose order cannot be seen, for streams, and for loaders that are
            no DataLoader. Numbers of all loaders of a run are of one numbering then.

    Raises:
        TaskError: without `index`: no DataLoader, a stream, batches that come in any order, or past the
            sampler. `ids` that are not one for each sample. Batches without that `index`.
    """
    return Tracked(loader, ids=ids, index=index)


def log(**numbers: float | Tensor) -> None:
    """Reports numbers with the step that is being trained."""
    current().log(**numbers)


def evaluated(split: str = "val", **metrics: float | Tensor) -> None:
    """Reports what was found out about the model, after the step that was trained last.

    Args:
        split: of the data, "val" or "test".
        metrics: Python numbers, or tensors of one element. `accuracy=0.9` is `val.accuracy` to readers.

    Raises:
        SessionError: no step is trained yet.
    """
    current().evaluated(split, metrics)


def control(name: str, default: float) -> float:
    """A control's planned value at this step; `default` where nothing is planned."""
    return current().control(name, default)
