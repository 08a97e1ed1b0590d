"""The public functions for ABSGD in a user's training loop.

import absgd_worker as absgd

criterion = absgd.wrap(nn.CrossEntropyLoss())
with absgd.session(lam=-2.0):
    ...                                   # the training loop, unchanged

A sample is weighed by exp(loss / lambda), divided by a running estimate of its mean (Algorithm 1 of arXiv
2012.06951; the formulas are in proto/README.md). With lambda off (±inf, the default) all weights are equal,
and results are bit for bit those of the plain loop.

Shapes: B samples of a batch, T elements of a sequence, d… any further dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, overload

from torch import Tensor, nn

from absgd_worker.attach.capture.capture import Capture
from absgd_worker.attach.errors import NotApplied, NotWeighable, SessionError
from absgd_worker.attach.provenance.granularity import Granularity, GranularityError
from absgd_worker.attach.samples.tracked_loader import Tracked
from absgd_worker.attach.session.current import current, session
from absgd_worker.attach.session.entered import sessions
from absgd_worker.attach.session.session import Session
from absgd_worker.attach.source.criterion_settings import criterion_settings
from absgd_worker.attach.source.settings import Setting
from absgd_worker.attach.source.source import StopTraining
from absgd_worker.attach.wrap.weigh_losses import Reduction, weigh_losses
from absgd_worker.attach.wrap.wrap_criterion import Criterion, weighed_criterion, weighed_function

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
    """Makes a weighed version of a criterion.

    It takes the same arguments and returns a result of the same shape: a scalar, or losses without reduction,
    which are weighed where the script reduces them by `mean()` or `sum()`. The weight of a sample depends on
    its loss without class weights; the criterion's own reduction and denominator stay. Without gradients, or
    while the model is in evaluation mode, the result is that of the plain criterion, and the running estimate
    does not change. Wrapping a weighed criterion again replaces the wrapping.

    Args:
        criterion: a module or a function. It is not changed.
        name: the name of the running estimate. Without one, each place in the code that calls the criterion
            has its own estimate, and so has each of several calls that one backward pass goes through; a
            criterion that is constructed again uses the estimates of the places that call it. With one, all
            calls of all criteria of that name share the estimate; several terms in one criterion still have
            an estimate each.
        granularity: which elements of an unreduced loss are one sample. "sample": a row, of [B] or [B, d…].
            "sequence": a row of [B, T] or [B·T]. "time-first": a column of [T, B]. "token": each element.
            "auto": samples or sequences, as the shapes of the model's input and of the loss show.
        lam: lambda outside of a `session`, in units of loss. Above 0, samples with high losses get more
            weight; below 0, samples with low losses; ±inf is off; not 0. A number, a schedule as text, or a
            function of the step, as in `session`. The criterion of a name that was wrapped last sets it,
            likewise of those without a name.
        gamma: the part of the new batch in the running estimate, in (0, 1]. Like `lam`; used only with it.

    Returns:
        A module of the same class that shares parameters and buffers with `criterion`; a function for a
        function.

    Raises:
        NotWeighable: by a call of the result while lambda is on, if the criterion has no loss of one sample
            (CTC with a mean, losses of pairs, statistics of the batch). While lambda is off, such a criterion
            returns its plain result, and a message is printed once.
        GranularityError: by a call of the result while lambda is on, if the samples are unknown.
        ValueError: by a call of the result, if `granularity` is none of these.
        ScheduleError: `lam` or `gamma` is a text that is no schedule of this control.
    """
    weighed: Any
    if isinstance(criterion, nn.Module):
        weighed = weighed_criterion(criterion, current, name=name, granularity=granularity)
    else:
        weighed = weighed_function(criterion, current, name=name, granularity=granularity)
    if lam is not None:
        criterion_settings.add(name or "loss", weighed, lam, gamma)
        for begun in sessions:
            # Lambda may come on: models are observed before the next loss.
            begun.counted.forget()
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
    """Weighs the losses of samples, and reduces them.

    Args:
        losses: floating, [B] or [B, d…]. The loss of a sample is the mean of its row, or their sum for
            `reduction="sum"`. Without gradient, or while the model is in evaluation mode, they are reduced
            without weights.
        mask: bool, of the losses' shape, true where a loss counts. The mean divides by the number of these.
        group: int, one entry for each loss, from 0: losses of the same group are one sample.
        index: int [B], the position of each sample in the data set, for `absgd samples`.
        label: int [B], the class of each sample, from 0, for the weight of each class. Negative: no class.
        ids: the user's name of each sample (a path or URL), B in all; only with `index`.
        name: the name of the running estimate, which all calls of that name share. Without one, each place in
            the code that calls `weigh` has its own estimate, as in `wrap`.
        granularity: as in `wrap`: "sequence" if a sample is a row of losses [B·T], "token" if it is one
            element.
        reduction: "mean", "sum" or "none".

    Returns:
        The weighed loss: of shape [] for "mean" and "sum", of the losses' shape for "none". With equal
        weights it is the plain mean or sum.

    Raises:
        GranularityError: lambda is on, and the samples are unknown; or `group` does not have one entry for
            each loss.
        ValueError: losses that are not floating, a mask of another shape, indices, labels or ids that are not
            one for each sample, or an unknown `reduction`.
        SessionError: lambda is on, in another thread than the session's.
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
    """A context that weighs every loss of `torch.nn.functional` that is computed for training inside it.

    with absgd.capture():
        ...                               # the training loop, unchanged

    Args:
        name: the estimate of the first place in the code that computes a loss. Others are named by file and
            line: "train.py:12". Further calls that one backward pass goes through add their number:
            "train.py:12#2".
        granularity: as in `wrap`.
        leave: losses that are not weighed, by the names of their functions: "mse_loss".

    Raises:
        ValueError: `leave` names a function that is no loss.
        NotWeighable, GranularityError: by a loss inside the context, as in `wrap`.
    """
    return Capture(current(), name=name, granularity=granularity, leave=leave)


def track(
    loader: Iterable[Any],
    *,
    ids: Sequence[str] | Mapping[int, str] | None = None,
    index: Callable[[Any], Any] | str | int | None = None,
) -> Tracked:
    """Records which samples the batches of a loader hold, for `absgd samples`.

    The samples of a loss are found through its labels, or through the input of the model. Batches may be
    prefetched, reordered, moved to a device and sliced in between. An index that is not certain is not
    recorded.

    Args:
        loader: a torch DataLoader; with `index`, any iterable of batches.
        ids: the user's name (a path or URL) of every sample of the data set, or of the loader's subset, in
            order; or names by index.
        index: where a batch contains the numbers of its samples, int [B]: a key, a position, or a function of
            the batch. Needed if the order of a collate function cannot be observed, for streams, and for
            loaders that are no DataLoader. All loaders of a run must then use one numbering.

    Returns:
        A loader that yields the same batches. Its attribute `indices` has the samples of the last batch,
        int64 [B]; None if they are not certain. For a `Subset`, an index is the position in the whole data
        set.

    Raises:
        TaskError: without `index`, for a loader that is no DataLoader, a stream, or a loader with
            `in_order=False`; `ids` that are not one for each sample. While iterating: a loader that does not
            use its sampler, or a batch without `index`.
    """
    return Tracked(loader, ids=ids, index=index)


def log(**numbers: float | Tensor) -> None:
    """Reports numbers with the step that is being trained.

    Args:
        numbers: Python numbers, or tensors of one element. `lr=0.1` is shown as `train.lr`.
    """
    current().log(**numbers)


def evaluated(split: str = "val", **metrics: float | Tensor) -> None:
    """Reports the results of an evaluation of the model, with the step that was trained last.

    Args:
        split: the part of the data, "val" or "test".
        metrics: Python numbers, or tensors of one element. `accuracy=0.9` is shown as `val.accuracy`.

    Raises:
        SessionError: no step was trained yet.
    """
    current().evaluated(split, metrics)


def control(name: str, default: float) -> float:
    """The planned value of a control at the current step.

    Args:
        name: the control: "lambda", "gamma", or one that the plan or the operator sets, such as "lr".
        default: the result if no value is planned.
    """
    return current().control(name, default)
