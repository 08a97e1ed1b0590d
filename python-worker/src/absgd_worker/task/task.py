"""The task that a user writes: model, optimizer, data and loss.

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
from absgd_worker.review.corrected import Corrected
from absgd_worker.task.data import DataLike, collate_default, data_size


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """The result of evaluating one split.

    Attributes:
        metrics: numbers by name, without the name of the split: `{"accuracy": 0.91}`.
        confusion: counts, [C, C], from 0 to 2^32 - 1; rows are true classes, columns predicted ones. The
            accuracy per class, of the worst class and the balanced accuracy are computed from it.
    """

    metrics: Mapping[str, float | Tensor] = field(default_factory=dict)
    confusion: Tensor | Sequence[Sequence[int]] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """A model with its optimizer, data and loss. It is checked when it is made, before training begins.

    Attributes:
        model: is trained in place. Its modules keep their train or eval mode.
        optimizer: of parameters of `model`; not LBFGS. The plan sets its lr, momentum and weight decay. The
            parameter groups keep the proportions of their values.
        data: training data of N samples, 1 to 2³²: a map-style dataset, a tensor [N, …], or a tuple or
            mapping of tensors [N, …], which is fastest: then a batch has the same structure of [B, …]. Of the
            data set of `apply_review`, samples keep their numbers, and `labels`, `true_labels` and `ids` may
            be those of all samples: the review corrects them.
        batch_size: B, samples per step, 1 to 2³¹.
        loss: `loss(model, batch) -> losses [B]`: one loss per sample, neither averaged nor weighted, of a
            floating dtype and with gradients. [0] if no sample of the batch counts: then the gradients are 0,
            and the optimizer steps, as in plain torch.
        evaluate: `evaluate(model) -> {split: Evaluated, or a mapping of metrics}`. Called in eval mode,
            without gradients, and with random numbers of its own.
        predict: `predict(model, batch) -> classes [B], whole numbers from 0, or logits [B, C]`, the predicted
            class of each sample; `absgd samples` shows it beside the label. Called with the training data
            after training, and when an operator asks for an evaluation, in the same way as `evaluate`. The
            largest logit (or log-probability) is the prediction, and the softmax of the logits gives the
            probability of the label. If it raises, the run continues without predictions.
        labels: the class of each sample that it is trained with, [N], from 0 to 2^32 - 1.
        true_labels: the true class of each sample, if an experiment knows it, [N].
        ids: the name of each sample (path, URL), N strings.
        num_classes: C; by default the largest label plus one.
        drop_last: whether to leave out the last batch of an epoch if it is smaller.
        collate: makes a batch from a list of samples of a map-style dataset. Default: torch's
            `default_collate`. Your own function may leave samples out, and return None if none is left; the
            first dimension of all its tensors must then be the number of samples. If it leaves out exactly
            the samples that are None, losses are recorded with the index of their sample; otherwise without
            an index. A step without samples trains nothing: it is counted, it has no loss, and the running
            estimate does not change.
        on_bad_sample: what to do if a sample of a map-style dataset cannot be read (`data[i]` raises, or is
            None and collate is the default). "raise": the run fails, and the error names the sample. "skip":
            the sample is left out of its batch, named in the log, and counted (`train.skipped_samples`). The
            order of the samples, the length of an epoch and the number of steps do not change.
        num_workers: processes that read the samples of a map-style dataset and collate them while the model
            trains, 0 to 1024, as in torch's DataLoader. 0: the process that trains does it, step by step. The
            results are the same, bit for bit: the random numbers of Python, torch (CPU) and numpy that
            `data[i]` and `collate` use depend on the seed and on the position in the run alone. A process has
            the dataset as it was when `build` returned. On Linux processes are forked; elsewhere `data` and
            `collate` must be picklable. Tensors need no processes, and none are started for them.
        prefetch_factor: batches that each process reads ahead, 1 to 1024. Default: 2, as in torch. Needs
            num_workers.
        pin_memory: whether batches from the processes are in pinned memory when the model is on a CUDA
            device; then `x.to(device, non_blocking=True)` in `loss` does not wait for the copy. Needs
            num_workers.

    Raises:
        TaskError: an attribute does not fit; the message names it, what is permitted, and what to do.
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
    num_workers: int = 0
    prefetch_factor: int | None = None
    pin_memory: bool = False

    def __post_init__(self) -> None:
        _check_model(self.model, self.optimizer)
        size = data_size(self.data)
        if isinstance(self.data, Corrected):
            self._correct_columns(self.data)
        _check_batches(self.batch_size, size, self.drop_last)
        for name in ("loss", "evaluate", "predict", "collate"):
            is_left_out = name in ("evaluate", "predict") and getattr(self, name) is None
            if not is_left_out and not callable(getattr(self, name)):
                raise TaskError(f"{name} must be a function, not {_kind(getattr(self, name))}")
        if self.on_bad_sample not in ("raise", "skip"):
            raise TaskError(f'on_bad_sample must be "raise" or "skip", not {self.on_bad_sample!r}')
        _check_loading(self.num_workers, self.prefetch_factor, self.pin_memory)
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
    def numbers(self) -> Tensor | None:
        """The number that each sample is reported with, int64 [N]; None if these are its positions."""
        return self.data.numbers if isinstance(self.data, Corrected) else None

    @property
    def numbered_size(self) -> int:
        """How many numbers there are: N, or more if a review has dropped samples."""
        return self.data.whole if isinstance(self.data, Corrected) else self.size

    def numbers_of(self, indices_B: Tensor | None) -> Tensor | None:
        """The numbers of the samples at these positions, int64 [B]; None for None."""
        numbers = self.numbers
        return indices_B if numbers is None or indices_B is None else numbers[indices_B]

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in one pass over the data."""
        full, rest = divmod(self.size, self.batch_size)
        return full + (1 if rest and not self.drop_last else 0)

    @property
    def device(self) -> torch.device:
        """Where the model's first trained parameter is."""
        return next(parameter.device for parameter in self.model.parameters() if parameter.requires_grad)

    def _correct_columns(self, data: Corrected) -> None:
        try:
            if self.labels is not None:
                object.__setattr__(self, "labels", data.correct_labels(self.labels))
            for name in ("true_labels", "ids"):
                if getattr(self, name) is not None:
                    object.__setattr__(self, name, data.select(getattr(self, name)))
        except (TypeError, IndexError):
            # They are no columns of these samples; the checks say what they must be.
            return


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


def _check_loading(num_workers: object, prefetch_factor: object, pin_memory: object) -> None:
    if not _is_whole(num_workers, 0, 1024):
        raise TaskError(f"num_workers must be a whole number from 0 to 1024, not {num_workers!r}")
    if prefetch_factor is not None and not _is_whole(prefetch_factor, 1, 1024):
        raise TaskError(f"prefetch_factor must be a whole number from 1 to 1024, not {prefetch_factor!r}")
    if not isinstance(pin_memory, bool):
        raise TaskError(f"pin_memory must be True or False, not {pin_memory!r}")
    if not num_workers and (prefetch_factor is not None or pin_memory):
        name = "pin_memory" if pin_memory else "prefetch_factor"
        raise TaskError(
            f"{name} is for batches that loading processes read: set num_workers to 1 or more, "
            f"or leave out {name}"
        )


def _is_whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


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
