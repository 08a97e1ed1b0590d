"""The parts that a step of training uses, and their state, which a checkpoint saves and restores.

The step itself is in `loop.py`. Shapes: B samples in a batch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from absgd_worker.device.reports import DeviceReports
from absgd_worker.errors import CheckpointError, ControlError, TaskError
from absgd_worker.link.wire.messages import Position
from absgd_worker.task.batch import Batch
from absgd_worker.task.batches import Batches, loader_of
from absgd_worker.task.context import Context
from absgd_worker.task.optimizer_controls import Controls
from absgd_worker.task.random_state import random_state, set_random_state
from absgd_worker.task.sampler import Sampler
from absgd_worker.task.task import Task
from absgd_worker.training.class_balance import ClassBalance, weigh_balanced
from absgd_worker.weights import Normaliser, Rule, Statistics


class WeighedBatch(NamedTuple):
    """The losses and weights of one batch, for its report."""

    losses_B: Tensor
    """Detached."""
    weights_B: Tensor
    """Detached, on the device of the losses; they include the class factor, if there is one."""
    indices_B: Tensor | None
    """Which samples these are, int64 on the CPU; None if it is not known."""
    statistics: Statistics | Tensor | None
    """The statistics of these weights; on a device float64 [10], in the order of the fields. None without
    samples."""
    bare: tuple[float, float] | Tensor | None = None
    """KL and effective sample size before the class factor, float64 [2] on a device; None without one."""


NO_SAMPLES = WeighedBatch(torch.empty(0), torch.empty(0), None, None)


class Trainer:
    """A task's model and optimizer with the sampler, the controls and the weights. Uses no socket, and waits
    for no device but in `state_dict`.

    Attributes:
        reports: brings the reports of steps from a device to the host.
    """

    def __init__(self, task: Task, context: Context) -> None:
        self.task = task
        self.context = context
        self.controls = Controls(task.optimizer)
        self.sampler = Sampler(task.size, task.batch_size, seed=context.seed, drop_last=task.drop_last)
        self.loader = loader_of(task)
        self.batches = Batches(task, self.sampler, self.loader)
        self.reports = DeviceReports()
        self._normaliser = _normaliser_for(Rule())
        self._balance = ClassBalance(task.labels)

    def start_loading(self) -> None:
        """Starts the loading processes, if the task has any. The first batch starts them at the latest."""
        if self.loader is not None:
            self.loader.start()

    def close(self) -> None:
        """Ends the loading processes."""
        if self.loader is not None:
            self.loader.close()

    def set_rule(self, rule: Rule) -> None:
        """Sets the rule of weights, before the first step. The estimate is reset."""
        self._normaliser = _normaliser_for(rule)

    def weigh(
        self,
        losses_B: Tensor,
        indices_B: Tensor | None,
        row: Mapping[str, float],
        *,
        lam: float,
        gamma: float,
    ) -> WeighedBatch:
        """The weights of a batch; updates the estimate, unless the batch has no losses.

        Args:
            losses_B: detached.
            indices_B: which samples these are, int64 on the CPU; None if it is not known.
            row: the planned controls; `class_balance` multiplies the weights by the factor of each class.

        Raises:
            ControlError: the row has `class_balance`, but the labels of these samples are not known.
        """
        if not losses_B.shape[0]:
            return WeighedBatch(losses_B, losses_B, None, None)
        factors_B = self._class_factors(row, indices_B, losses_B)
        if factors_B is None:
            weights_B, statistics = self._normaliser.weigh(losses_B, lam=lam, gamma=gamma)
            return WeighedBatch(losses_B, weights_B, indices_B, statistics)
        balanced = weigh_balanced(self._normaliser, losses_B, factors_B, lam=lam, gamma=gamma)
        return WeighedBatch(losses_B, balanced.weights_B, indices_B, balanced.statistics, balanced.bare)

    def take_metrics(self, skipped: int) -> dict[str, float | Tensor] | None:
        """The numbers that the task logged in this step, and how many samples its batch lacks, if any."""
        logged = self.context._take_logged()
        return {"skipped_samples": float(skipped), **(logged or {})} if skipped else logged

    def _class_factors(
        self, row: Mapping[str, float], indices_B: Tensor | None, losses_B: Tensor
    ) -> Tensor | None:
        if indices_B is not None:
            return self._balance.factors(row, indices_B, losses_B)
        if not row.get("class_balance"):
            return None
        raise ControlError(
            "the plan sets class_balance, but collate returned fewer samples without saying which: let the "
            "data set give None for a sample that is to be left out"
        )

    def state_dict(self, position: Position) -> dict[str, Any]:
        """The whole state between two steps, at `position`, for a checkpoint. Waits for the device."""
        return {
            "run": self.context.run,
            "attempt": position.attempt,
            "step": position.step,
            "model": self.task.model.state_dict(),
            "optimizer": self.task.optimizer.state_dict(),
            "normalisers": {"loss": self._normaliser.state_dict()},
            "sampler": dict(self.sampler.state_dict()),
            "random": random_state(),
            "left_out": dict(self.batches.left_out),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> int:
        """Restores what `state_dict` returned, and returns its step; the caller sets the position.

        Raises:
            CheckpointError: it belongs to another task; the message names what differs. Nothing has changed.
        """
        missing = {"step", "model", "optimizer", "normalisers", "sampler", "random"} - state.keys()
        if missing:
            raise CheckpointError(f"the checkpoint lacks {', '.join(sorted(missing))}")
        _check_model(self.task.model.state_dict(), state["model"])
        _check_optimizer(self.task.optimizer.state_dict(), state["optimizer"])
        self.sampler.check_state_dict(state["sampler"])
        normaliser = _restored(self._normaliser.rule, state["normalisers"])
        self.task.model.load_state_dict(state["model"])
        self.task.optimizer.load_state_dict(state["optimizer"])
        self._normaliser = normaliser
        self.sampler.load_state_dict(state["sampler"])
        set_random_state(state["random"])
        self.batches.left_out = dict(state.get("left_out", {}))
        return int(state["step"])


def lambda_and_gamma(row: Mapping[str, float]) -> tuple[float, float]:
    """λ and γ of a row; λ is off (infinity) if the row has none.

    Raises:
        ControlError: the row has a finite lambda and no gamma.
    """
    lam = row.get("lambda", math.inf)
    gamma = row.get("gamma")
    if gamma is None:
        if math.isinf(lam):
            return lam, 1.0
        raise ControlError(f"the plan sets lambda to {lam} but no gamma: give gamma in (0, 1]")
    return lam, gamma


def check_losses(losses_B: object, batch: Batch) -> None:
    """Raises TaskError unless these are losses [B] of the batch that gradients can flow through."""
    size = batch.indices_G.shape[0]
    if not isinstance(losses_B, Tensor):
        raise TaskError(
            f"loss must return a tensor of one loss per sample, [{size}], not {type(losses_B).__name__}"
        )
    if losses_B.ndim != 1 or not (batch.accepts(losses_B.shape[0]) or losses_B.shape[0] == 0):
        raise TaskError(
            f"loss must return one loss per sample, shape [{size}], not {list(losses_B.shape)}: "
            "use reduction='none', and average over any dimension but the first"
        )
    if not losses_B.is_floating_point():
        raise TaskError(f"loss must return floating numbers, not {losses_B.dtype}")
    if not losses_B.requires_grad:
        raise TaskError(
            "loss must return losses that depend on the model: do not detach them, and use no torch.no_grad()"
        )


def _normaliser_for(rule: Rule) -> Normaliser:
    return Normaliser(rule.preset, alpha=rule.alpha, floor=rule.floor)


def _restored(rule: Rule, states: Mapping[str, dict[str, Any]]) -> Normaliser:
    normaliser = _normaliser_for(rule)
    try:
        normaliser.load_state_dict(states["loss"])
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"the checkpoint's state of the weights does not fit: {error}") from None
    return normaliser


def _check_model(mine: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    differences = [
        *(f"{name} is missing" for name in mine.keys() - given.keys()),
        *(f"{name} is unknown here" for name in given.keys() - mine.keys()),
        *(
            f"{name} has shape {list(given[name].shape)}, here {list(mine[name].shape)}"
            for name in mine.keys() & given.keys()
            if isinstance(mine[name], Tensor) and getattr(given[name], "shape", None) != mine[name].shape
        ),
    ]
    if differences:
        raise CheckpointError(f"the checkpoint is of another model: {_some(sorted(differences))}")


def _check_optimizer(mine: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    sizes = [[len(group["params"]) for group in state["param_groups"]] for state in (mine, given)]
    if sizes[0] != sizes[1]:
        raise CheckpointError(
            f"the checkpoint's optimizer has groups of {sizes[1]} parameters, this task's has groups "
            f"of {sizes[0]}"
        )
    keys = [set().union(*(group.keys() for group in state["param_groups"])) for state in (mine, given)]
    if keys[0] != keys[1]:
        raise CheckpointError(
            f"the checkpoint is of another optimizer: {', '.join(sorted(keys[0] ^ keys[1]))} in one "
            "of them only"
        )


def _some(differences: list[str]) -> str:
    shown = "; ".join(differences[:4])
    return shown if len(differences) <= 4 else f"{shown}; and {len(differences) - 4} more"
