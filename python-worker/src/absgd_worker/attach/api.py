"""ABSGD in a training loop that is not ours: the loop calls, and we answer.

import absgd_worker as absgd

criterion = absgd.wrap(nn.CrossEntropyLoss())
with absgd.session(lam=-2.0):
    ...                                   # the loop, unchanged
"""

from __future__ import annotations

import atexit
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, overload

from torch import Tensor, nn
from torch.utils.data import DataLoader

from absgd_worker.attach.capture import Capture
from absgd_worker.attach.criteria import Criterion, weighed_criterion, weighed_function
from absgd_worker.attach.errors import NotApplied, NotWeighable, SessionError
from absgd_worker.attach.granularity import Granularity, GranularityError
from absgd_worker.attach.journal import Journal
from absgd_worker.attach.local import Local, Setting
from absgd_worker.attach.mirror import Mirroring
from absgd_worker.attach.notebook import running_cell
from absgd_worker.attach.optimizers import Groups
from absgd_worker.attach.planned import Planned
from absgd_worker.attach.reduction import Reduction, weigh_losses
from absgd_worker.attach.run_directory import RunPlan
from absgd_worker.attach.session import Session
from absgd_worker.attach.source import Source, StopTraining
from absgd_worker.attach.track import Tracked
from absgd_worker.attach.wishes import Wishes
from absgd_worker.settings import ADDRESS_VARIABLES, read_address
from absgd_worker.weights import Rule

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

_current: list[Session] = []
_wishes = Wishes()


@contextmanager
def session(
    *,
    lam: Setting = math.inf,
    gamma: Setting = 0.9,
    weighting: Rule | str = "default",
    accumulate: int | None = None,
    normaliser: str = "refuse",
    announce: bool = False,
    plan: str | Path | None = None,
    run: str | None = None,
    groups: Groups = "scaled",
    on_checkpoint: Callable[[], object] | None = None,
    on_evaluate: Callable[[], Mapping[str, Any]] | None = None,
    mirror: Mirroring = "auto",
    source: Source | None = None,
) -> Iterator[Session]:
    """ABSGD for the loops inside: `wrap`, `weigh` and `capture` belong to it.

    Args:
        lam: in units of loss, not 0: above 0 attends to high losses, below turns away from them, ±inf is
            off. A
            number, or a function of the step.
        gamma: in (0, 1], the new batch's part in the running estimate. Likewise.
        weighting: the rule of weights, or the name of its preset.
        accumulate: A, how many losses of one name an optimizer step has, each of a micro-batch. Default: as
            many
            as the step before had.
        normaliser: "rank-local" allows several ranks, each of which weighs by its own batch.
        announce: say on stderr which losses are weighed.
        plan: a file of `absgd plan EXPERIMENT -o FILE`: the controls of every step, in place of `lam` and
            `gamma`.
            When it is over, `StopTraining` is raised by the first loss of the next step.
        run: record the loop as a run of this name below `$ABSGD_RUNS`, else `./runs`: `absgd watch` shows it.
        groups: what a planned lr, momentum or weight decay is to an optimizer with several parameter groups:
            "scaled", that of the group with the largest, of which the others keep their part; "absolute",
            that of every group.
        on_checkpoint: saves all that the script needs to go on; an operator may ask for it, and does when the
            run is stopped.
        on_evaluate: evaluates the model, `{"val": {"accuracy": 0.9}}`; an operator may ask for it.
        mirror: "auto" writes lambda, ESS ratio, effective learning rate and mean losses to `wandb.run` and
            to a TensorBoard `SummaryWriter` too, where the script has one; "off" does not.
        source: where controls come from, in place of all of these.

    Under a controller (`ABSGD_ENDPOINT` and `ABSGD_RUN` are set, as `absgd run` and `absgd attach` do) it
    says what the controls are, and records the run: `lam`, `gamma`, `weighting` and `run` are of no account.

    Raises:
        SessionError: inside of another session. PlanError: the file is no plan. SettingsError: the variables
            of a controller do not fit.
    """
    _leave_forgotten()
    if _current and not _current[-1].is_implicit:
        raise SessionError(
            "there is a session already: leave it first, or use it with absgd_worker.current()"
        )
    rule = Rule(weighting) if isinstance(weighting, str) else weighting
    own = Session(
        source or _source(lam, gamma, plan, run),
        rule=rule,
        accumulate=accumulate,
        announce=announce,
        normaliser=normaliser,
        groups=groups,
        on_checkpoint=on_checkpoint,
        on_evaluate=on_evaluate,
        mirror=mirror,
    )
    _leave_implicit()
    _current.append(own)
    try:
        own.open()
        yield own
    except BaseException as error:
        _leave(own, error)
        raise
    else:
        _leave(own)


def current() -> Session:
    """The session that the caller is in. Outside of any, one whose lambda is off begins."""
    if not _current:
        _begin_implicit()
    return _current[-1]


@overload
def wrap(
    criterion: Criterion,
    *,
    name: str = "loss",
    granularity: Granularity = "auto",
    lam: Setting | None = None,
    gamma: Setting = 0.9,
) -> Criterion: ...
@overload
def wrap(
    criterion: Callable[..., Any],
    *,
    name: str = "loss",
    granularity: Granularity = "auto",
    lam: Setting | None = None,
    gamma: Setting = 0.9,
) -> Callable[..., Any]: ...
def wrap(
    criterion: Any,
    *,
    name: str = "loss",
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
        name: of the weighing. A criterion that is made anew under the same name goes on where the last one
            was.
        granularity: what one sample is where a loss has several elements of one: "sample", "sequence",
            "token".
        lam, gamma: as in `session`, where the loop is not in one. The newest criterion of a name says so.

    Raises:
        NotWeighable: its loss has no samples of its own; the message says what to do.
    """
    weighed: Any
    if isinstance(criterion, nn.Module):
        weighed = weighed_criterion(criterion, current, name=name, granularity=granularity)
    else:
        weighed = weighed_function(criterion, current, name=name, granularity=granularity)
    if lam is not None:
        _wishes.take(name, weighed, lam, gamma)
    return weighed


def weigh(
    losses: Tensor,
    *,
    mask: Tensor | None = None,
    group: Tensor | None = None,
    index: Tensor | None = None,
    label: Tensor | None = None,
    ids: Sequence[str] | None = None,
    name: str = "loss",
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
        name: of the weighing, where a step has several.
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


def capture(*, name: str = "loss", granularity: Granularity = "auto") -> Capture:
    """`with capture():` weighs every loss of `torch.nn.functional` that is computed for training inside."""
    return Capture(current(), name=name, granularity=granularity)


def track(loader: DataLoader[Any], *, ids: Sequence[str] | None = None) -> Tracked:
    """The loader, telling which samples each of its batches holds: `absgd samples` stands on that.

    `indices` of what it gives are those of the last batch, int64 [B]. Not for batches that the loop takes
    apart before it computes their losses: give those `weigh(losses, index=…)`.

    Args:
        ids: your own name of every sample of the data set, a path or URL.

    Raises:
        TaskError: the data is a stream, or batches come in any order.
    """

    def tell(indices: Tensor) -> None:
        session = current()
        session.indices = indices
        session.ids = None if ids is None else tuple([ids[int(index)] for index in indices.tolist()])

    return Tracked(loader, tell)


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


def recorded(
    source: Source, run: str, *, lam: Setting, gamma: Setting, plan: str | Path | None, task: str = ""
) -> Journal:
    """The source, whose reports are written down in the directory of a new run."""
    words = {"lambda": lam, "gamma": gamma}
    controls = {
        name: "a function of the step" if callable(value) else "off" if math.isinf(value) else f"{value:g}"
        for name, value in words.items()
    }
    if plan is not None:
        controls = dict.fromkeys(words, f"as {plan} says")
    command = task or " ".join([Path(sys.argv[0] or "python").name, *sys.argv[1:]])
    return Journal(source, RunPlan(run, command, controls))


def _source(lam: Setting, gamma: Setting, plan: str | Path | None = None, run: str | None = None) -> Source:
    if any(os.environ.get(name) for name in ADDRESS_VARIABLES):
        # Sockets are of no use to whoever has no controller.
        from absgd_worker.attach.controlled import Controlled  # noqa: PLC0415

        return Controlled(read_address(os.environ))
    source = Local(lam, gamma) if plan is None else Planned(plan)
    return source if run is None else recorded(source, run, lam=lam, gamma=gamma, plan=plan)


def _begin_implicit() -> None:
    implicit = Session(_source(_wishes.lam, _wishes.gamma))
    implicit.is_implicit = True
    implicit.open()
    _current.append(implicit)


def _leave_implicit(error: BaseException | None = None) -> None:
    for one in [one for one in _current if one.is_implicit]:
        _leave(one, error)


def _leave_forgotten() -> None:
    """Those that an earlier cell of a notebook entered, and was interrupted before it left them."""
    for one in [one for one in _current if one.cell not in (None, running_cell())]:
        _leave(one, StopTraining("another cell began a session"))


def _leave(own: Session, error: BaseException | None = None) -> None:
    if own in _current:
        _current.remove(own)
    own.close(error)


def _leave_at_exit() -> None:
    # What ended the interpreter, which nobody else could tell a session that was never left.
    _leave_implicit(getattr(sys, "last_value", None))


atexit.register(_leave_at_exit)
