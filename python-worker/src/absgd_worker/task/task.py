"""What a user hands over to be trained.

Shapes: N samples in the training data, B in a batch, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from absgd_worker.errors import TaskError
from absgd_worker.task.data import DataLike, collate_default, data_size


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """Result of evaluating one split.

    Attributes:
        metrics: numbers by name, without the split's name: `{"accuracy": 0.91}`.
        confusion: counts [C, C], rows are true classes, columns predicted ones. Per-class, worst-class and
            balanced accuracy are derived from it.
    """

    metrics: Mapping[str, float | Tensor] = field(default_factory=dict)
    confusion: Tensor | Sequence[Sequence[int]] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """A model, what it is trained on, and how; checked when it is made, not after hours of training.

    Attributes:
        model: trained in place. Its modules keep the train or eval mode that they are in.
        optimizer: of parameters of `model`. The plan sets its lr, momentum and weight decay, with differences
            between parameter groups kept in proportion.
        data: training data of N samples: a map-style dataset, a tensor [N, …], or a tuple or mapping of
            tensors whose first dimension is N (the fast way: a batch is then the same structure with [B, …]).
        batch_size: samples a step, 1 to 2³¹.
        loss: `loss(model, batch) -> losses [B]`: one loss a sample, neither averaged nor weighted. [0] where
            no sample of the batch counts: the step is made with gradients of 0, as plain torch makes it.
        evaluate: `evaluate(model) -> {split: Evaluated, or a mapping of metrics}`. Called in eval mode,
            without gradients, on random numbers of its own.
        predict: `predict(model, batch) -> classes [B], whole numbers from 0, or logits [B, C]`: what the
            model takes each sample for; `absgd samples` shows it beside the label. Called over the training
            data when training is over, and when an operator asks for an evaluation, as `evaluate` is. Of
            logits (log-probabilities will do) the largest is the prediction, and their softmax gives the
            probability of the label. What it raises costs the predictions, not the run.
        labels: the class of each sample as trained on, [N], from 0.
        true_labels: the true class of each sample where an experiment knows it, [N].
        ids: a name of each sample (path, URL), N of them.
        num_classes: C; by default the largest label plus one.
        drop_last: leave out the last, smaller batch of an epoch.
        collate: makes a batch of a list of samples of a map-style dataset. Default: torch's
            `default_collate`. One of your own may leave samples out, and return None where none is left; how
            many there are is told by the first dimension of all its tensors. Losses keep the indices of their
            samples where it leaves out exactly those that are None; else they are recorded without an index.
            A step whose batch has no sample left trains nothing: it is counted, has no loss, and the estimate
            that weighs samples stays as it is.
        on_bad_sample: what to do with a sample of a map-style dataset that cannot be read (`data[i]` raises,
            or is None where collate is the default). "raise" fails the run and names the sample. "skip"
            leaves it out of its batch, names it in the log, and counts it (`train.skipped_samples`). The
            order, the length of an epoch and the number of steps stay the same.
    """

    model: nn.Module
    optimizer: Optimizer
    data: DataLike
    batch_size: int
    loss: Callable[[nn.Module, Any], Tensor]
    evaluate: Callable[[nn.Module], Mapping[str, Evaluated | Mapping[str, float | Tensor]]] | None = None
    predict: Callable[[nn.Module, Any], Tensor] | None = None
    labels: Tensor | Sequence[int] | None = None
    true_labels: Tensor | Sequence[int] | None = None
    ids: Sequence[str] | None = None
    num_classes: int | None = None
    drop_last: bool = False
    collate: Callable[[list[Any]], Any] = collate_default
    on_bad_sample: Literal["raise", "skip"] = "raise"

    def __post_init__(self) -> None:
        _check_model(self.model, self.optimizer)
        size = data_size(self.data)
        _check_batches(self.batch_size, size, self.drop_last)
        for name in ("loss", "evaluate", "predict", "collate"):
            is_left_out = name in ("evaluate", "predict") and getattr(self, name) is None
            if not is_left_out and not callable(getattr(self, name)):
                raise TaskError(f"{name} must be a function, not {_kind(getattr(self, name))}")
        if self.on_bad_sample not in ("raise", "skip"):
            raise TaskError(f'on_bad_sample must be "raise" or "skip", not {self.on_bad_sample!r}')
        largest = -1
        for name in ("labels", "true_labels"):
            if getattr(self, name) is not None:
                labels_N = _as_labels(name, getattr(self, name), size)
                object.__setattr__(self, name, labels_N)
                largest = max(largest, int(labels_N.max()))
        object.__setattr__(self, "num_classes", _class_count(self.num_classes, largest))
        _check_ids(self.ids, size)

    @property
    def size(self) -> int:
        """N."""
        return data_size(self.data)

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in one pass over the data."""
        full, rest = divmod(self.size, self.batch_size)
        return full + (1 if rest and not self.drop_last else 0)

    @property
    def device(self) -> torch.device:
        """Where the model's first trained parameter is."""
        return next(parameter.device for parameter in self.model.parameters() if parameter.requires_grad)


def _check_model(model: object, optimizer: object) -> None:
    if not isinstance(model, nn.Module):
        raise TaskError(f"model must be a torch.nn.Module, not {_kind(model)}")
    if not isinstance(optimizer, Optimizer):
        raise TaskError(f"optimizer must be a torch.optim.Optimizer, not {_kind(optimizer)}")
    if isinstance(optimizer, torch.optim.LBFGS):
        raise TaskError(
            "optimizer LBFGS evaluates the loss several times a step, which is not supported: use SGD or Adam"
        )
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise TaskError("model has no parameter that requires a gradient, so there is nothing to train")
    known = {id(parameter) for parameter in model.parameters()}
    optimized = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    strangers = [list(parameter.shape) for parameter in optimized if id(parameter) not in known]
    if strangers:
        raise TaskError(
            f"optimizer holds {len(strangers)} parameters that are not the model's (shapes "
            f"{strangers[:3]}…): "
            "make the optimizer after the model is complete and on its device, from model.parameters()"
        )


def _check_batches(batch_size: object, size: int, drop_last: object) -> None:
    if not isinstance(batch_size, int) or isinstance(batch_size, bool) or not 1 <= batch_size <= 2**31:
        raise TaskError(f"batch_size must be a whole number from 1 to 2^31, not {batch_size!r}")
    if not isinstance(drop_last, bool):
        raise TaskError(f"drop_last must be True or False, not {drop_last!r}")
    if drop_last and batch_size > size:
        raise TaskError(
            f"batch_size {batch_size} is more than the {size} samples of data, and drop_last leaves "
            "no batch: "
            "make the batch smaller, or set drop_last=False"
        )


def _as_labels(name: str, given: object, size: int) -> Tensor:
    try:
        labels_N = torch.as_tensor(given).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise TaskError(f"{name} must be whole numbers, one a sample: {error}") from None
    if labels_N.is_floating_point() or labels_N.is_complex() or labels_N.dtype == torch.bool:
        raise TaskError(f"{name} must be whole numbers, not {labels_N.dtype}: use .long()")
    if list(labels_N.shape) != [size]:
        raise TaskError(
            f"{name} must have one entry for each of the {size} samples, not shape {list(labels_N.shape)}"
        )
    if int(labels_N.min()) < 0 or int(labels_N.max()) >= 2**32:
        raise TaskError(
            f"{name} must be from 0 to 2^32 - 1, not {int(labels_N.min())} to {int(labels_N.max())}"
        )
    return labels_N.long().contiguous()


def _class_count(given: object, largest: int) -> int:
    if given is None:
        return largest + 1
    if not isinstance(given, int) or isinstance(given, bool) or not largest < given < 2**32:
        raise TaskError(
            f"num_classes must be a whole number above the largest label, {largest}, not {given!r}"
        )
    return given


def _check_ids(ids: object, size: int) -> None:
    if ids is None:
        return
    if isinstance(ids, str) or not isinstance(ids, Sequence) or len(ids) != size:
        raise TaskError(f"ids must be a sequence of {size} names, one a sample")
    wrong = next((name for name in ids if not isinstance(name, str)), None)
    if wrong is not None:
        raise TaskError(f"ids must be strings, not {wrong!r}")
    try:
        "".join(ids).encode()
    except UnicodeEncodeError as error:
        raise TaskError(
            f"ids must be Unicode text, and {error.object[error.start :][:20]!r} is not: "
            "decode file names with errors='replace'"
        ) from None


def _kind(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
